"""Training on a tiny data set: learns, records what diverged, goes on exactly where it was stopped, and then paints."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from blemish.cli import gan
from blemish.core.errors import BundleError, DatasetError, InputError, TrainingError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.draw import augmented, train_tiles
from blemish.gan.health import WATCH_STEPS
from blemish.gan.model import load_generator
from blemish.gan.presets import PRESETS, preset
from blemish.gan.trainer import GanTrainer
from blemish.gan.training import TrainingPlan, train
from blemish.picture.read import read_picture
from blemish.train.checkpoint import save_weights
from blemish.train.precision import accelerator
from blemish.train.stopping import Interrupted

CELL = Taxonomy.preset("pouch-cell")
SMALL = {"width": 2, "size_px": 32, "batch": 2}

app = typer.Typer()
app.command("describe")(gan.describe)
app.command("train")(gan.train)


def tile(place, size=48):
    y, x = np.mgrid[:size, :size]
    background = (x > size - 9 - 4 * place).astype(np.uint8)
    defect = np.where((x - 15 - 3 * place) ** 2 + (y - 22) ** 2 < (6 + 2 * place) ** 2, place % 6 + 1, 0).astype(
        np.uint8
    )
    picture = 120 + 40 * np.sin(y / 6) - 90 * background
    picture = np.where(defect > 0, 230 - 2 * x, picture).astype(np.uint8)
    return picture, LabelMap(defect, background)


def record(place, split=Split.TRAIN, origin=Origin.REAL):
    return TileRecord(f"t{place}", f"p{place}", "", "s", Box(0, 0, 48, 48), f"g{place}", split, origin, (), ())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan") / "data"
    with DatasetWriter(folder, DatasetInfo(CELL, 48, 1)) as writer:
        for place in range(4):
            writer.add(Sample(*tile(place), record(place)))
        writer.add(Sample(*tile(4), record(4, Split.TEST)))
        writer.add(Sample(*tile(5), record(5, origin=Origin.SYNTHETIC)))
    return Dataset(folder)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plan(steps=6, **settings):
    chosen = preset("paper", **{**SMALL, "learning_rates": (0.0005,), **settings})
    return TrainingPlan(settings=chosen, steps=steps, seed=3, tick_steps=2, checkpoint_steps=2, sample_steps=3)


def files_of(run):
    """Everything that must not depend on interruptions."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in ("run.json", "timing.jsonl") and "tensorboard" not in path.parts
    }


def stop_at(monkeypatch, step, rate):
    plain = GanTrainer.step

    def stopping(self, now, batch):
        losses = plain(self, now, batch)
        if now == step and self.rate == rate:
            signal.raise_signal(signal.SIGINT)
        return losses

    monkeypatch.setattr(GanTrainer, "step", stopping)


def test_one_batch_is_learned_by_heart(one_thread):
    tiles = [tile(place, size=64) for place in range(4)]
    batch = {
        "picture": torch.from_numpy(np.stack([picture[:, :, None] for picture, _ in tiles])),
        "defect": torch.from_numpy(np.stack([label.defect for _, label in tiles])),
        "background": torch.from_numpy(np.stack([label.background for _, label in tiles])),
    }
    settings = preset("paper", width=8, size_px=64)
    watched = [Sample(picture, label, record(place, Split.TRAIN)) for place, (picture, label) in enumerate(tiles)]
    cpu = accelerator("fp32", cpu=True)
    trainer = GanTrainer(settings, CELL, 1, cpu, learning_rate=0.0005, seed=1, watched=watched)
    for step in range(2 * WATCH_STEPS):
        losses = trainer.step(step, batch)
    variance = (batch["picture"].float() / 127.5 - 1).var().item()
    assert losses["g_fused"] < 0.2 * variance
    assert losses["response"] > 0.5


def test_flat_gray_is_no_response_even_where_masks_differ(one_thread):
    tiles = [tile(place, size=32) for place in range(2)]
    watched = [Sample(picture, label, record(place, Split.TRAIN)) for place, (picture, label) in enumerate(tiles)]
    batch = {
        "picture": torch.from_numpy(np.stack([picture[:, :, None] for picture, _ in tiles])),
        "defect": torch.from_numpy(np.stack([label.defect for _, label in tiles])),
        "background": torch.from_numpy(np.stack([label.background for _, label in tiles])),
    }
    batch["defect"][0, :9] = 255
    cpu = accelerator("fp32", cpu=True)
    trainer = GanTrainer(preset("paper", **SMALL), CELL, 1, cpu, learning_rate=1e-9, seed=1, watched=watched)
    for weights in (*trainer.generator.parameters(), *trainer.average.module.parameters()):
        weights.data.zero_()
    assert trainer.step(WATCH_STEPS - 1, batch)["response"] < 1e-3
    assert "response" not in trainer.step(WATCH_STEPS, batch)


def test_the_draw_holds_only_real_train_tiles_and_is_a_function_of_step_and_index(data):
    records = train_tiles(data)
    assert [r.id for r in records] == ["t0", "t1", "t2", "t3"]
    draw = augmented(data, records, size_px=32, sampling="uniform", seed=1)
    first, again, other = draw(5, 0), draw(5, 0), draw(5, 1)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["picture"], other["picture"])
    assert (first["picture"].shape, first["defect"].shape) == ((32, 32, 1), (32, 32))


def test_a_crop_of_a_tile_with_a_defect_shows_the_defect(data):
    draw = augmented(data, train_tiles(data), size_px=16, sampling="class-balanced", seed=1)
    assert all((draw(step, 0)["defect"] > 0).any() for step in range(20))


def test_no_train_tile_is_said_with_the_remedy(tmp_path):
    with DatasetWriter(tmp_path / "data", DatasetInfo(CELL, 48, 1)) as writer:
        writer.add(Sample(*tile(0), record(0, Split.NONE)))
    with pytest.raises(DatasetError, match=r"no real tile in its train split.*data split"):
        train_tiles(Dataset(tmp_path / "data"))


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--preset", "paper"]])
def test_a_train_split_without_a_defect_is_refused_before_a_folder_is_made(tmp_path, more):
    with DatasetWriter(tmp_path / "data", DatasetInfo(CELL, 64, 1)) as writer:
        clean = Sample(np.full((64, 64), 90, np.uint8), LabelMap.clean(64, 64), record(0))
        writer.add(clean)
        writer.add(Sample(*tile(1, size=64), record(1, Split.VAL)))
    words = ["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--size", "64", *more]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "has no real train tile with a defect: there is nothing to learn from" in " ".join(done.stderr.split())
    assert not (tmp_path / "run").exists()


def test_ignored_pixels_change_no_weight():
    def weights(value):
        batch = {"picture": torch.full((2, 32, 32, 1), 90, dtype=torch.uint8)}
        batch["defect"] = torch.ones(2, 32, 32, dtype=torch.uint8)
        batch["picture"][:, :7], batch["defect"][:, :7] = value, 255
        batch["background"] = torch.zeros_like(batch["defect"])
        trainer = GanTrainer(
            preset("paper", **SMALL), CELL, 1, accelerator("fp32", cpu=True), learning_rate=0.001, seed=1, watched=[]
        )
        for step in range(2):
            trainer.step(step, batch)
        return [p.clone() for name in ("generator", "discriminator") for p in trainer.modules[name].parameters()]

    assert all(torch.equal(a, b) for a, b in zip(weights(0), weights(255), strict=True))


def test_the_same_seed_starts_from_the_same_weights_whatever_was_drawn_before():
    def weights():
        trainer = GanTrainer(
            preset("paper", **SMALL), CELL, 1, accelerator("fp32", cpu=True), learning_rate=0.001, seed=1, watched=[]
        )
        return torch.cat([v.flatten().float() for m in trainer.modules.values() for v in m.state_dict().values()])

    first = weights()
    torch.rand(7)
    assert torch.equal(first, weights())


def test_a_run_leaves_figures_samples_and_a_generator(data, tmp_path):
    trained = train(data, tmp_path / "run", plan())
    rows = [json.loads(line) for line in (tmp_path / "run/figures.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert {"d_main", "g_main", "g_defect", "g_background", "g_fused", "g_adversarial"} < rows[0].keys()
    grid = read_picture(tmp_path / "run/samples/step-00000006.png")
    assert grid.shape == (4 * 36, 5 * 36, 3)  # A row a class, five columns, 32 px and 4 of gap.
    assert trained.learning_rate == {"asked": 0.0005, "used": 0.0005, "diverged": [], "doubt": None}


def test_what_diverged_is_recorded_and_the_next_rate_starts_from_scratch(data, tmp_path):
    trained = train(data, tmp_path / "fallen", plan(learning_rates=(1e9, 0.0005)))
    train(data, tmp_path / "plain", plan())
    (diverged,) = trained.learning_rate["diverged"]
    assert (diverged["learning_rate"], trained.learning_rate["used"]) == (1e9, 0.0005)
    assert diverged["step"] in range(1, 5)
    assert json.loads((tmp_path / "fallen/run.json").read_text())["learning_rate"] == trained.learning_rate
    assert load_generator(tmp_path / "fallen").card["learning_rate"] == trained.learning_rate
    fallen, plain = files_of(tmp_path / "fallen"), files_of(tmp_path / "plain")
    for name in ("figures.jsonl", "samples/step-00000006.png", "generator/weights.safetensors"):
        assert fallen[name] == plain[name]


def test_every_rate_diverging_stops_naming_step_and_reason(data, tmp_path):
    with pytest.raises(TrainingError, match=r"every learning rate diverged; the last, 1e\+09, in step \d: .*lower"):
        train(data, tmp_path / "run", plan(learning_rates=(1e9,)))
    assert not (tmp_path / "run/generator").exists()


@pytest.mark.parametrize("rates", [(0.0005,), (1e9, 0.0005)])
def test_resumed_equals_uninterrupted(data, tmp_path, monkeypatch, rates):
    train(data, tmp_path / "whole", plan(learning_rates=rates))
    with monkeypatch.context() as patch:
        stop_at(patch, 3, 0.0005)
        with pytest.raises(Interrupted):
            train(data, tmp_path / "cut", plan(learning_rates=rates))
    train(data, tmp_path / "cut", plan(learning_rates=rates), resume=True)
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")


def test_the_paper_preset_keeps_its_learning_rate_and_asks_for_1000_epochs():
    paper = PRESETS["paper"]
    assert (paper.learning_rates[0], paper.width, paper.size_px) == (0.005, 64, 512)
    assert paper.steps_for(10_000) == 1000 * 10_000 // paper.batch


@pytest.mark.parametrize("name", ["default", "paper"])
@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"size_px": 40}, "multiple of 16"),
        ({"batch": 0}, "batch must be"),
        ({"epochs": 0}, "epochs must be above 0"),
        ({"epochs": -3.0}, "epochs must be above 0"),
        ({"epochs": float("nan")}, "epochs must be above 0"),
        ({"learning_rates": (float("nan"),)}, "learning rates must be above 0"),
        ({"learning_rates": (float("inf"),)}, "learning rates must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(name, wrong, match):
    with pytest.raises(InputError, match=match):
        preset(name, **wrong)


def test_the_command_trains_and_prints_one_json_object(data, tmp_path):
    flags = [
        "--preset",
        "paper",
        "--steps",
        "2",
        "--width",
        "2",
        "--size",
        "32",
        "--batch",
        "2",
        "--precision",
        "fp32",
        "--json",
    ]
    done = CliRunner().invoke(app, ["train", str(data.folder), "--out", str(tmp_path / "run"), *flags])
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert (values["tiles"], values["figures"]["step"], values["learning_rate"]["used"]) == (4, 2, 0.005)
    again = CliRunner().invoke(app, ["train", str(data.folder), "--out", str(tmp_path / "run"), *flags])
    assert again.exit_code == 2
    assert "--resume" in again.stderr


def test_a_dry_run_writes_nothing(data, tmp_path):
    done = CliRunner().invoke(
        app, ["train", str(data.folder), "--out", str(tmp_path / "run"), "--size", "48", "--dry-run", "--json"]
    )
    assert json.loads(done.stdout)["steps"] == 1200
    assert not (tmp_path / "run").exists()


def test_crops_larger_than_the_tiles_are_refused_with_the_size_that_fits(data, tmp_path):
    done = CliRunner().invoke(app, ["train", str(data.folder), "--out", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "are 48 px but the training is for 64 px: give a size of 48 at most" in " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def painter(data, tmp_path_factory):
    run = tmp_path_factory.mktemp("painter") / "run"
    train(data, run, plan(steps=2))
    return load_generator(run)


def test_the_generator_paints_labels_alike_alone_and_in_company(painter):
    maps = [tile(place)[1] for place in range(3)]
    together = painter.paint(maps, [1, 2, 3])
    assert (together.shape, together.dtype) == ((3, 48, 48, 1), np.uint8)
    assert np.array_equal(together[1:2], painter.paint(maps[1:2], [9]))
    assert len(painter.hash) == 64


def test_a_clean_background_changes_the_picture(painter):
    maps, clean = [tile(0)[1]], np.full((1, 48, 48, 1), 200, np.uint8)
    assert not np.array_equal(painter.paint(maps, [1]), painter.paint(maps, [1], clean))


def test_paint_refuses_what_does_not_fit(painter):
    maps = [tile(0)[1]]
    with pytest.raises(InputError, match="one seed a label map"):
        painter.paint(maps, [1, 2])
    with pytest.raises(InputError, match=r"clean backgrounds must be uint8 \(1, 48, 48, 1\)"):
        painter.paint(maps, [1], np.zeros((1, 32, 48, 1), np.uint8))
    with pytest.raises(InputError, match="multiples of 16"):
        painter.paint([LabelMap.clean(40, 48)], [1])


def test_a_run_that_never_finished_cannot_paint(tmp_path):
    with pytest.raises(BundleError, match=r"holds no generator"):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    "card", [{"architecture": None}, {"taxonomy": []}, {"architecture": {"name": "paper", "width": "a"}}]
)
def test_a_card_that_does_not_fit_its_weights_is_refused(painter, tmp_path, card):
    network = painter.network
    save_weights(tmp_path, network, {**painter.card, **card})
    with pytest.raises(BundleError, match="card and weights do not fit together"):
        load_generator(tmp_path)
