"""Processes that draw: the same batches as threads give, and none of them outlives the training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.train.loader import BatchLoader
from blemish.train.process_loader import ProcessLoader


def numbered(step, index):
    return {"place": np.array([step, index]), "x": np.full((1, 3, 3), step, np.float32)}


def refused(step, index):
    raise InputError(f"no tile {step}, {index}")


def test_batches_are_those_of_the_threads():
    drawn = [list(loader.batches(5, 9)) for loader in (
        ProcessLoader(numbered, batch=3, processes=2), BatchLoader(numbered, batch=3)
    )]  # fmt: skip
    assert len(drawn[0]) == 4
    for ours, theirs in zip(*drawn, strict=True):
        assert ours.keys() == theirs.keys()
        assert all((ours[name] == theirs[name]).all() and ours[name].dtype == theirs[name].dtype for name in ours)


def test_an_error_in_a_draw_is_raised_where_its_batch_is_due():
    with pytest.raises(InputError, match="no tile 0, 0"):
        list(ProcessLoader(refused, batch=1, processes=1).batches(0, 2))


@pytest.mark.parametrize("settings", [{"batch": 0, "processes": 1}, {"batch": 1, "processes": 0}])
def test_none_is_refused(settings):
    with pytest.raises(InputError, match="must be 1 or more"):
        ProcessLoader(numbered, **settings)


PARENT = """
import os
from tests_of_loader import numbered
from blemish.train.process_loader import ProcessLoader
if __name__ == "__main__":
    batches = ProcessLoader(numbered, batch=1, processes=2).batches(0, 1000)
    next(batches)
    import multiprocessing
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    input()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_processes_end_when_the_training_is_killed(tmp_path):
    (tmp_path / "tests_of_loader.py").write_text(
        "import numpy as np\n\ndef numbered(step, index):\n    return {'x': np.array([step])}\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True
    )
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 20
    while any(_runs(pid) for pid in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(_runs(pid) for pid in children)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
