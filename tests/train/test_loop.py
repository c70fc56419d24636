"""The loop on a tiny real network: what is written, and that stopping changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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
from blemish.train.run_folder import RunFolder
from blemish.train.schedule import cosine, set_rate
from blemish.train.stopping import Interrupted

SEED = 3


def draw(step, index):
    x = rng(SEED, step, index).standard_normal((1, 8, 8)).astype(np.float32)
    return {"x": x, "y": x.mean(keepdims=True)}


class TinyTrainer:
    """A network with everything that has state: batch norm, dropout, Adam, a moving average, a schedule."""

    def __init__(self, steps, spoil=None, stop_at=None, kill_at=None):
        torch.manual_seed(derive_seed(SEED, "init"))
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(4, 1, 6)
        ).to(memory_format=torch.channels_last)
        self.average = MovingAverage(self.net, half_life_steps=5)
        self.modules = {"net": self.net, "average": self.average.module}
        self.optimizers = {"net": torch.optim.Adam(self.net.parameters())}
        self.steps, self.spoil, self.stop_at, self.kill_at = steps, spoil, stop_at, kill_at

    def step(self, step, batch):
        optimizer = self.optimizers["net"]
        set_rate(optimizer, cosine(step, rate=0.01, steps=self.steps, warmup_steps=3))
        loss = (self.net(batch["x"]) - batch["y"]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.average.update(step)
        if step == self.stop_at:
            signal.raise_signal(signal.SIGINT)
        if step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
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


def test_a_row_holds_the_mean_over_the_steps_that_have_the_loss(tmp_path):
    train(tmp_path / "fine", steps=4)
    run = RunFolder.open_to_resume(tmp_path / "fine", {"steps": 4})
    assert set(run.rows()[0]) == {"step", "g_main", "g_reg"}
    settings = LoopSettings(steps=4, seed=SEED, tick_steps=1)
    each = RunFolder.create(tmp_path / "each", {})
    run_loop(each, TinyTrainer(4), BatchLoader(draw, batch=2), settings, resume=False, title="tiny")
    assert run.rows()[0]["g_main"] == pytest.approx(np.mean([row["g_main"] for row in each.rows()]), rel=1e-12)
    assert run.rows()[0]["g_reg"] == each.rows()[0]["g_reg"]


@pytest.mark.parametrize("stop_at", [0, 4, 9, 13])
def test_ctrl_c_saves_after_the_step_and_resume_equals_uninterrupted(tmp_path, stop_at):
    train(tmp_path / "whole")
    with pytest.raises(Interrupted, match="--resume"):
        train(tmp_path / "stopped", stop_at=stop_at)
    assert last_state(tmp_path / "stopped" / "checkpoint").name == f"step-{stop_at + 1:09d}"
    assert train(tmp_path / "stopped", resume=True).resumed_at == stop_at + 1
    assert files_of(tmp_path / "stopped") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("kill_at", [2, 11])
def test_kill_9_then_resume_equals_uninterrupted(tmp_path, kill_at):
    train(tmp_path / "whole")
    code = (
        f"import sys, pathlib; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_loop; "
        f"test_loop.train(pathlib.Path({str(tmp_path / 'killed')!r}), kill_at={kill_at})"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    train(tmp_path / "killed", resume=True)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    train(tmp_path / "run")
    before = files_of(tmp_path / "run")
    assert train(tmp_path / "run", resume=True).resumed_at == 20
    assert files_of(tmp_path / "run") == before


def test_a_non_finite_loss_stops_and_names_step_loss_and_checkpoint(tmp_path):
    with pytest.raises(TrainingError, match=r"'g_main' is nan in step 14.*step-000000012"):
        train(tmp_path / "run", spoil=14)
    assert last_state(tmp_path / "run" / "checkpoint").name == "step-000000012"


def test_resume_with_other_settings_is_refused_naming_the_key(tmp_path):
    train(tmp_path / "run", steps=4)
    with pytest.raises(InputError, match="steps = 4 but is now asked to go on with 5"):
        train(tmp_path / "run", steps=5, resume=True)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    train(tmp_path / "run", steps=4)
    with pytest.raises(InputError, match="--resume"):
        train(tmp_path / "run", steps=4)
