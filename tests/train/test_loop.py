"""The loop on a tiny real network: what is written, and that stopping changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from blemish.core.errors import InputError, TrainingError
from blemish.core.seeds import derive_seed, rng
from blemish.train.checkpoint import last_state, save_weights
from blemish.train.ema import MovingAverage
from blemish.train.loader import BatchLoader
from blemish.train.loop import LoopSettings, run_loop
from blemish.train.precision import accelerator, to_device
from blemish.train.run_folder import RunFolder
from blemish.train.schedule import cosine, set_rate
from blemish.train.stopping import Interrupted, StopSignals

SEED = 3


def draw(step, index):
    x = rng(SEED, step, index).standard_normal((1, 8, 8)).astype(np.float32)
    return {"x": x, "y": x.mean(keepdims=True)}


class TinyTrainer:
    """A network with everything that has state: batch norm, dropout, Adam, an average, a schedule, bfloat16."""

    def __init__(self, steps, spoil=None, stop_at=None, kind=signal.SIGINT):
        torch.manual_seed(derive_seed(SEED, "init"))
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(4, 1, 6)).to(
            memory_format=torch.channels_last
        )
        self.net = accelerator("bf16", cpu=True).prepare(net)
        self.average = MovingAverage(self.net, half_life_steps=5)
        self.modules = {"net": self.net, "average": self.average.module}
        self.optimizers = {"net": torch.optim.Adam(self.net.parameters())}
        self.steps, self.spoil, self.stop_at, self.kind = steps, spoil, stop_at, kind

    def step(self, step, batch):
        optimizer = self.optimizers["net"]
        set_rate(optimizer, cosine(step, rate=0.01, steps=self.steps, warmup_steps=3))
        batch = to_device(batch, torch.device("cpu"))
        loss = (self.net(batch["x"]) - batch["y"]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.average.update(step)
        if step == self.stop_at:
            signal.raise_signal(self.kind)
        lazy = {"g_reg": loss.detach() * 2} if step % 4 == 0 else {}
        return {"g_main": float("nan") if step == self.spoil else loss.detach(), **lazy}

    def sample(self, step, folder):
        (folder / f"{step:06d}.txt").write_text(str(sum(p.sum().item() for p in self.average.module.parameters())))


def train(folder, steps=20, *, resume=False, checkpoint_steps=6, **trainer):
    settings = LoopSettings(steps=steps, seed=SEED, tick_steps=4, checkpoint_steps=checkpoint_steps, sample_steps=10)
    run = RunFolder.start(folder, {"steps": steps}, resume=resume)
    tiny = TinyTrainer(steps, **trainer)
    outcome = run_loop(run, tiny, BatchLoader(draw, batch=2), settings, resume=resume, title="tiny")
    save_weights(folder / "model", tiny.average.module, {"kind": "tiny"})
    return outcome


def files_of(folder):
    """Everything that must not depend on interruptions: all but times, versions and TensorBoard's event files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("run.json", "timing.jsonl") and "tensorboard" not in path.parts
    }


def test_a_run_leaves_figures_samples_checkpoint_and_curves(tmp_path):
    outcome = train(tmp_path / "run")
    run = RunFolder.open_to_resume(tmp_path / "run", {"steps": 20})
    assert [row["step"] for row in run.rows()] == [4, 8, 12, 16, 20]
    assert outcome.last_row == run.rows()[-1]
    assert outcome.steps == 20
    assert outcome.resumed_at == 0
    assert [row["step"] for row in run.timing_rows()] == [4, 8, 12, 16, 20]
    assert sorted(path.name for path in run.samples.iterdir()) == ["000010.txt", "000020.txt"]
    assert [path.name for path in run.checkpoint.iterdir()] == ["step-000000020"]
    assert list(run.tensorboard.glob("events.*"))


def test_an_early_end_is_a_whole_run_and_resuming_adds_nothing(tmp_path):
    settings = LoopSettings(steps=20, seed=SEED, tick_steps=4, checkpoint_steps=6, sample_steps=10)

    def until_nine(*, resume):
        run = RunFolder.start(tmp_path / "run", {"steps": 20}, resume=resume)
        tiny = TinyTrainer(20)
        loader = BatchLoader(draw, batch=2)
        return run_loop(run, tiny, loader, settings, resume=resume, title="t", enough=lambda done: done >= 9), run

    ended, run = until_nine(resume=False)
    before = files_of(tmp_path / "run")
    assert (ended.steps, [row["step"] for row in run.rows()]) == (9, [4, 8, 9])
    assert [path.name for path in run.samples.iterdir()] == ["000009.txt"]
    again, _ = until_nine(resume=True)
    assert (again.steps, again.resumed_at, again.last_row) == (9, 9, ended.last_row)
    assert files_of(tmp_path / "run") == before


def test_a_row_holds_the_mean_over_the_steps_that_have_the_loss(tmp_path):
    train(tmp_path / "fine", steps=4)
    run = RunFolder.open_to_resume(tmp_path / "fine", {"steps": 4})
    assert set(run.rows()[0]) == {"step", "g_main", "g_reg"}
    settings = LoopSettings(steps=4, seed=SEED, tick_steps=1)
    each = RunFolder.create(tmp_path / "each", {})
    run_loop(each, TinyTrainer(4), BatchLoader(draw, batch=2), settings, resume=False, title="tiny")
    assert run.rows()[0]["g_main"] == pytest.approx(np.mean([row["g_main"] for row in each.rows()]), rel=1e-12)
    assert run.rows()[0]["g_reg"] == each.rows()[0]["g_reg"]


@pytest.mark.parametrize(("stop_at", "kind"), [(0, signal.SIGINT), (4, signal.SIGTERM), (9, signal.SIGINT)])
def test_a_stop_saves_after_the_step_and_resume_equals_uninterrupted(tmp_path, stop_at, kind):
    train(tmp_path / "whole")
    with pytest.raises(Interrupted, match="--resume"):
        train(tmp_path / "stopped", stop_at=stop_at, kind=kind)
    assert last_state(tmp_path / "stopped" / "checkpoint").name == f"step-{stop_at + 1:09d}"
    assert train(tmp_path / "stopped", resume=True).resumed_at == stop_at + 1
    assert files_of(tmp_path / "stopped") == files_of(tmp_path / "whole")


def train_and_die(folder, at):
    """Train in this process and kill it with SIGKILL just before its `at`-th change on disk."""
    changes = 0

    def dying(change):
        def inner(*args, **kwargs):
            nonlocal changes
            changes += 1
            if changes == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*args, **kwargs)

        return inner

    for name in ("mkdir", "replace", "rename", "unlink", "rmdir", "fsync"):
        setattr(os, name, dying(getattr(os, name)))
    train(folder)
    return changes


def test_kill_9_anywhere_then_resume_equals_uninterrupted(tmp_path):
    train(tmp_path / "whole")
    whole = files_of(tmp_path / "whole")
    moments = [
        1,
        12,
        26,
        40,
        58,
    ]  # Of 60 (all of them hold); among them before the first checkpoint and within savings.
    command = [sys.executable, __file__, str(tmp_path), *map(str, moments)]
    # Sums differ in the last bit with the number of threads, and earlier tests may have set it in this process.
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    died = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | threads).stdout.split()
    assert died == [str(-signal.SIGKILL)] * len(moments)
    for moment in moments:
        train(tmp_path / f"killed-{moment}", resume=True)
        assert files_of(tmp_path / f"killed-{moment}") == whole, moment
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    train(tmp_path / "run")
    before = files_of(tmp_path / "run")
    assert train(tmp_path / "run", resume=True).resumed_at == 20
    assert files_of(tmp_path / "run") == before


def test_a_non_finite_loss_stops_and_names_step_loss_and_checkpoint(tmp_path):
    with pytest.raises(TrainingError, match=r"'g_main' is nan in step 14.*step-000000012"):
        train(tmp_path / "run", spoil=14)
    assert last_state(tmp_path / "run" / "checkpoint").name == "step-000000012"


def test_a_stop_in_the_last_step_is_too_late(tmp_path):
    assert train(tmp_path / "run", stop_at=19).last_row["step"] == 20


def test_the_second_signal_stops_at_once_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_outside_the_main_thread_leaves_signals_alone(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(train, tmp_path / "run", steps=4).result().steps == 4


def test_resume_with_other_settings_is_refused_naming_the_key(tmp_path):
    train(tmp_path / "run", steps=4)
    with pytest.raises(InputError, match="steps = 4 but is now asked to go on with 5"):
        train(tmp_path / "run", steps=5, resume=True)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    train(tmp_path / "run", steps=4)
    with pytest.raises(InputError, match="--resume"):
        train(tmp_path / "run", steps=4)


if __name__ == "__main__":  # Each run in a process of its own, forked after the slow imports.
    for moment in sys.argv[2:]:
        child = os.fork()
        if child == 0:
            print(train_and_die(Path(sys.argv[1]) / f"killed-{moment}", int(moment)), file=sys.stderr)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
