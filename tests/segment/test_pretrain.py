"""Start weights: the stream, a short run through the command line, resuming, and packing it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.core.seeds import rng
from blemish.segment.model import TorchSegmenter, to_input
from blemish.segment.networks import build
from blemish.segment.pretrain import PretrainSettings, PretrainTrainer, ProceduralDraw, exposed, pretrain
from blemish.segment.start import pack_start, start_from
from blemish.segment.teacher import Teacher
from blemish.segment.training import Pace

TINY = PretrainSettings(steps=4, batch=2, size_px=32, judged_tiles=2)
PACE = Pace(threads=1, tick_steps=1, checkpoint_steps=2, sample_steps=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain") / "run"
    pretrain(folder, TINY, pace=PACE, precision="fp32")
    return folder


def test_one_sample_of_one_stride_a_step_is_refused_before_the_run_is_there(tmp_path):
    with pytest.raises(InputError, match="cannot learn from one sample of 32 px a step"):
        pretrain(tmp_path / "run", replace(TINY, batch=1), pace=PACE, precision="fp32")
    assert not (tmp_path / "run").exists()


def test_a_sample_is_a_function_of_step_and_index_and_no_tile_comes_twice():
    draw = ProceduralDraw(TINY)
    first, again = draw(1, 1), draw(1, 1)
    assert first["picture"].shape == (32, 32, 1)
    assert first["picture"].tobytes() == again["picture"].tobytes()
    assert len({draw(step, index)["picture"].tobytes() for step in range(5) for index in range(2)}) == 10


def test_an_rgb_network_gets_the_gray_picture_three_times():
    picture = ProceduralDraw(PretrainSettings(channels=3, size_px=32))(0, 0)["picture"]
    assert picture.shape == (32, 32, 3)
    assert (picture[..., 0] == picture[..., 2]).all()


def test_exposure_brings_a_dark_faint_tile_to_the_middle():
    dark = (20 + 3 * np.random.default_rng(0).standard_normal((64, 64))).clip(0, 255).astype(np.uint8)
    seen = [exposed(dark, rng(0, index)) for index in range(50)]
    assert 110 < np.mean([tile.mean() for tile in seen]) < 145
    assert 20 < np.median([tile.std() for tile in seen]) < 90


def test_the_run_says_what_it_learned_from_and_how_well(run):
    card = json.loads((run / "weights" / "card.json").read_text())
    rows = [json.loads(line) for line in (run / "figures.jsonl").read_text().splitlines()]
    assert card["data"].startswith("procedural surfaces")
    assert 0 <= card["judged"]["iou"] <= 1
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert all(row["teacher"] > 0 for row in rows)
    assert rows[-1]["judged_iou"] == card["judged"]["iou"]
    assert (run / "samples" / "step-000000004.png").is_file()


def test_a_resumed_run_ends_as_one_that_was_left_alone(run, tmp_path, monkeypatch):
    stopped, step = tmp_path / "run", PretrainTrainer.step

    def dies_in_step_3(self, number, batch):
        return step(self, number, batch) if number < 3 else 1 / 0

    monkeypatch.setattr(PretrainTrainer, "step", dies_in_step_3)
    with pytest.raises(ZeroDivisionError):
        pretrain(stopped, TINY, pace=PACE, precision="fp32")
    monkeypatch.undo()
    pretrain(stopped, TINY, pace=PACE, precision="fp32", resume=True)
    assert (stopped / "figures.jsonl").read_bytes() == (run / "figures.jsonl").read_bytes()
    weights = [load_file(folder / "weights" / "weights.safetensors") for folder in (stopped, run)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_a_teacher_is_imitated_and_leaves_nothing_behind(tmp_path):
    pictures = to_input(torch.from_numpy(np.stack([ProceduralDraw(TINY)(0, i)["picture"] for i in range(4)])))
    torch.manual_seed(0)
    network = build("hardnet-small", 1, 7).train()
    teacher = Teacher(network)
    learned = torch.optim.Adam([*network.parameters(), *teacher.parameters()], 0.003)
    losses = []
    for _ in range(12):
        network(pictures)
        losses.append(teacher(pictures))
        learned.zero_grad()
        losses[-1].backward()
        learned.step()
    assert float(losses[-1].detach()) < 0.7 * float(losses[0].detach())
    assert sum(p.numel() for p in teacher.parameters()) < 200_000  # Its own matching layers; Lite0 has 4.7 million.
    assert not any("teacher" in name for name in network.state_dict())


def test_without_a_teacher_only_labels_teach(tmp_path):
    settings = replace(TINY, teacher_weight=0.0)
    pretrain(tmp_path / "alone", settings, pace=PACE, precision="fp32")
    rows = [json.loads(line) for line in (tmp_path / "alone" / "figures.jsonl").read_text().splitlines()]
    assert "teacher" not in rows[0]
    assert rows[0]["loss"] == rows[0]["cross_entropy"]


def test_packed_weights_are_half_as_large_and_start_the_same_network(run, tmp_path):
    packed = pack_start(run, tmp_path / "packed")
    sizes = [(folder / "weights.safetensors").stat().st_size for folder in (packed, run / "weights")]
    assert sizes[0] < 0.6 * sizes[1]
    first, second = build("hardnet-small", 1, 4), build("hardnet-small", 1, 4)
    start_from(first, packed)
    start_from(second, run)
    for name, tensor in first.state_dict().items():
        if not name.startswith("head."):
            torch.testing.assert_close(tensor, second.state_dict()[name], rtol=1e-3, atol=1e-3)
    assert json.loads((packed / "card.json").read_text())["command"].startswith("blemish segment pretrain --out RUN")


def test_the_command_line_makes_a_run_that_loads(tmp_path):
    words = ["segment", "pretrain", "--out", str(tmp_path / "run"), "--steps", "1", "--batch", "2", "--size", "32"]
    done = CliRunner().invoke(app, [*words, "--precision", "fp32", "--json"])
    assert done.exit_code == 0, done.output
    assert TorchSegmenter.load(tmp_path / "run").taxonomy.name == "procedural"


def test_settings_out_of_range_are_refused_naming_them():
    with pytest.raises(InputError, match="32 px or more"):
        PretrainSettings(size_px=16)
    with pytest.raises(InputError, match="steps must be 1 or more, got 0"):
        PretrainSettings(steps=0)


def test_the_loss_falls_within_thirty_steps(tmp_path):
    settings = PretrainSettings(steps=30, batch=4, size_px=64, judged_tiles=1, warmup_frac=0.0)
    pace = Pace(threads=1, tick_steps=10, checkpoint_steps=30, sample_steps=30)
    pretrain(tmp_path / "run", settings, pace=pace, precision="fp32")
    rows = [json.loads(line) for line in (tmp_path / "run" / "figures.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"]
