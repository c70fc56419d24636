import os
import subprocess
import sys
from dataclasses import replace

import pytest
from tqdm import tqdm

from blemish.bench.cells import Cell
from blemish.bench.parallel import TaskError, make_all
from blemish.bench.views import View
from blemish.bench.worker import to_line


def cells(scale, *rungs: str) -> list[Cell]:
    return [Cell(rung=rung, base="real", view=View(), seed=0, scale=scale) for rung in rungs]


def weights(work) -> dict[str, bytes]:
    return {file.parents[1].name: file.read_bytes() for file in (work / "runs").rglob("weights.safetensors")}


def test_two_processes_make_what_one_makes(tiny, tiny_scale, tmp_path):
    tasks = cells(tiny_scale, "real", "augment")
    for jobs in (1, 2):
        with tqdm(total=2, disable=True) as bar:
            assert make_all(tasks, tiny, tmp_path / str(jobs), jobs=jobs, bar=bar) == 2
    assert weights(tmp_path / "1") == weights(tmp_path / "2")
    first, second = ([cell.read(tiny, tmp_path / str(jobs))["groups"] for cell in tasks] for jobs in (1, 2))
    assert first == second


def test_a_worker_whose_ladder_is_gone_saves_and_stops(tiny, tiny_scale, tmp_path):
    endless = cells(replace(tiny_scale, steps=100_000), "real")[0]
    worker = subprocess.Popen(
        [sys.executable, "-m", "blemish.bench.worker"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    worker.stdin.write(f"{to_line(endless, tiny.folder, tmp_path)}\n".encode())
    worker.stdin.flush()
    while b"step 50/100000" not in worker.stderr.readline():
        assert worker.poll() is None
    worker.stdin.close()
    worker.stderr.read()
    assert worker.wait() == 130
    assert list(tmp_path.glob("runs/*/checkpoint/step-*"))
    assert not endless.is_there(tiny, tmp_path)


def test_a_task_that_fails_in_its_process_says_why_here(tiny, tiny_scale, tmp_path):
    bad = cells(replace(tiny_scale, network="magic"), "real", "augment")
    with tqdm(total=2, disable=True) as bar, pytest.raises(TaskError, match="magic"):
        make_all(bad, tiny, tmp_path, jobs=2, bar=bar)
