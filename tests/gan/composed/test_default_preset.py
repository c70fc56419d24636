"""The default preset through real steps: training, resuming, painting, and what it promises of a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from blemish.cli.gan_generate import generate
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.data.dataset import Dataset
from blemish.gan.composed.losses import as_classes, pixel_mean, region_mean
from blemish.gan.composed.samples import watched_scenes
from blemish.gan.composed.settings import ComposedSettings, Parts
from blemish.gan.composed.trainer import ComposedTrainer
from blemish.gan.draw import train_tiles
from blemish.gan.model import load_generator
from blemish.gan.presets import preset
from blemish.gan.training import TrainingPlan, train
from blemish.picture.read import read_picture
from blemish.picture.write import write_png
from blemish.train.precision import accelerator

SMALL = {"width": 4, "size_px": 32, "batch": 2, "steps": 5}


def plan_of(**settings) -> TrainingPlan:
    chosen = preset("default", **{**SMALL, **settings})
    return TrainingPlan(
        settings=chosen, steps=chosen.steps, seed=3, precision="fp32", tick_steps=1, checkpoint_steps=2, sample_steps=5
    )


@pytest.fixture(scope="module")
def run(small_set: Dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("composed") / "run"
    train(small_set, folder, plan_of())
    return folder


def two_dots(side: int = 48) -> LabelMap:
    defect = np.zeros((side, side), np.uint8)
    defect[6:9, 8:20], defect[32:37, 14:19] = 1, 2
    return LabelMap(defect, np.zeros_like(defect))


def surface(side: int = 48) -> np.ndarray:
    return np.random.default_rng(5).integers(90, 150, (side, side, 1)).astype(np.uint8)


def run_generate(words: list[str]):
    app = typer.Typer()
    app.command()(generate)
    return CliRunner().invoke(app, words)


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "figures.jsonl").read_text().splitlines()]


def test_every_loss_of_every_step_is_written_and_a_sample_grid(run):
    assert [row["step"] for row in rows(run)] == [1, 2, 3, 4, 5]
    assert {"d_main", "g_reconstruction", "g_fine_detail", "g_grain", "g_adversarial", "g_code"} <= rows(run)[0].keys()
    assert [path.name for path in (run / "samples").iterdir()] == ["step-00000005.png"]


def test_a_stopped_run_resumes_to_the_same_losses_and_weights(small_set, tmp_path, run, monkeypatch):
    whole = ComposedTrainer.step

    def stopping(self, step, batch):
        if step == 3:
            raise KeyboardInterrupt
        return whole(self, step, batch)

    monkeypatch.setattr(ComposedTrainer, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(small_set, tmp_path / "run", plan_of())
    monkeypatch.setattr(ComposedTrainer, "step", whole)
    train(small_set, tmp_path / "run", plan_of(), resume=True)
    assert rows(tmp_path / "run") == rows(run)
    assert load_generator(tmp_path / "run").hash == load_generator(run).hash


def test_one_batch_is_learned_by_heart(small_set):
    settings = preset("default", width=8, size_px=32, batch=4, background_every=0)
    batch = watched_scenes(small_set, train_tiles(small_set), settings)
    trainer = ComposedTrainer(
        settings, small_set.taxonomy, 1, accelerator("fp32", cpu=True), learning_rate=0.002, seed=1, watched=batch
    )
    losses = [trainer.step(step, batch)["g_reconstruction"] for step in range(40)]
    assert min(losses[-5:]) < 0.7 * losses[0]


def test_beyond_the_ring_the_given_background_is_kept_bit_by_bit(run):
    from scipy import ndimage

    generator, label, clean = load_generator(run), two_dots(), surface()
    picture = generator.paint([label], [1], clean[None])[0]
    beyond = ndimage.distance_transform_edt(label.defect == 0) > generator.ring_px + 0.999
    assert (picture == clean)[beyond].all()
    assert (picture != clean)[label.defect > 0].mean() > 0.3


def test_one_defect_is_drawn_again_while_the_rest_stays(run):
    generator, label, clean = load_generator(run), two_dots(), surface()
    seeds = generator.defect_seeds(label, 1)
    first = generator.paint_defects(label, seeds, clean)
    again = generator.paint_defects(label, [seeds[0], 999], clean)
    changed = np.flatnonzero((first != again).any(axis=(1, 2)))
    assert len(seeds) == 2
    assert changed.min() > 20
    assert changed.max() < 47


@pytest.mark.parametrize("gap", [14, 20])
def test_a_defect_drawn_again_leaves_a_near_one_as_it_is(run, gap):
    """Farther apart than their soft edges, nearer than what the network sees round a defect."""
    generator, clean = load_generator(run), surface()
    defect = np.zeros(clean.shape[:2], np.uint8)
    defect[8:14, 10:30] = defect[14 + gap : 20 + gap, 10:30] = 1
    label = LabelMap(defect, np.zeros_like(defect))
    seeds = generator.defect_seeds(label, 1)
    first, again = (generator.paint_defects(label, own, clean) for own in (seeds, [999, *seeds[1:]]))
    assert len(seeds) == 2
    assert (first != again)[defect > 0].any()
    assert (first == again)[14 + gap - 7 :].all()


def test_the_command_draws_one_defect_of_a_painted_label_again(run, tmp_path):
    write_png(tmp_path / "label.png", two_dots().defect)
    write_png(tmp_path / "clean.png", surface()[:, :, 0])
    given = [str(run), "--label", str(tmp_path / "label.png"), "--background", str(tmp_path / "clean.png")]
    first, again = (
        run_generate([*given, "--out", str(tmp_path / name), *more])
        for name, more in (("a.png", []), ("b.png", ["--redraw", "1:9"]))
    )
    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    changed = np.flatnonzero((read_picture(tmp_path / "a.png") != read_picture(tmp_path / "b.png")).any(axis=1))
    assert len(changed)
    assert changed.min() > 20


@pytest.mark.parametrize(("wrong", "said"), [("2:1", "there is no defect 2"), ("x", "takes N:SEED")])
def test_a_redraw_that_cannot_be_is_one_line(run, tmp_path, wrong, said):
    write_png(tmp_path / "label.png", two_dots().defect)
    done = run_generate(
        [str(run), "--label", str(tmp_path / "label.png"), "--out", str(tmp_path / "a.png"), "--redraw", wrong]
    )
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "a.png").exists()


def test_a_set_with_clean_tiles_is_filled_up_on_them_unasked(run, small_set, tmp_path):
    done = run_generate(
        [
            str(run),
            "--dataset",
            str(small_set.folder),
            "--per-class",
            "7",
            "--no-gate",
            "--weak",
            "--json",
            "--out",
            str(tmp_path / "set"),
        ]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["background"] == "real"


def test_a_seed_gives_one_picture_whatever_its_neighbours(run):
    generator, label = load_generator(run), two_dots()
    alone = generator.paint([label], [7])[0]
    beside = generator.paint([LabelMap.clean(48, 48), label], [8, 7])[1]
    assert (alone == beside).all()
    assert (alone != generator.paint([label], [9])[0]).any()


@pytest.mark.parametrize("size_hw", [(50, 61), (128, 96), (17, 200)])
def test_any_size_is_painted(run, size_hw):
    defect = np.zeros(size_hw, np.uint8)
    defect[4:9, 4:12] = 1
    picture = load_generator(run).paint([LabelMap(defect, defect * 0)], [1])
    assert picture.shape == (1, *size_hw, 1)


def test_colour_is_trained_and_painted(colour_set, tmp_path):
    train(colour_set, tmp_path / "run", plan_of(steps=2))
    picture = load_generator(tmp_path / "run").paint([two_dots()], [1])
    assert picture.shape == (1, 48, 48, 3)


@pytest.mark.parametrize(
    "off",
    [
        "composition",
        "every_scale",
        "codes",
        "noise",
        "segmenting",
        "area_weighted",
        "balanced",
        "wear",
        "other_surfaces",
    ],
)
def test_each_part_can_be_turned_off(small_set, tmp_path, off):
    train(small_set, tmp_path / "run", plan_of(steps=1, parts=replace(Parts(), **{off: False})))
    assert load_generator(tmp_path / "run").paint([two_dots()], [1]).shape == (1, 48, 48, 1)


def test_without_codes_and_noise_a_label_has_one_picture(small_set, tmp_path):
    train(small_set, tmp_path / "run", plan_of(steps=1, parts=Parts(codes=False, noise=False)))
    generator = load_generator(tmp_path / "run")
    pictures = generator.paint([two_dots()] * 2, [1, 2], np.stack([surface()] * 2))
    assert (pictures[0] == pictures[1]).all()


def test_the_card_says_how_each_class_came_out(run):
    card = load_generator(run).card
    assert [entry["name"] for entry in card["classes"]] == ["groove", "dot"]
    assert all(entry["state"] in ("learned", "weak") for entry in card["classes"])
    assert (card["preset"], card["painting"]["ring_px"]) == ("default", 6)


def test_a_dot_counts_as_much_as_a_stain():
    values = torch.cat([torch.ones(1, 1, 4, 4), 3 * torch.ones(1, 1, 4, 4)])
    region = torch.zeros(2, 1, 4, 4)
    region[0] = 1
    region[1, :, 0, 0] = 1
    assert region_mean(values, region).item() == pytest.approx(2.0)
    assert pixel_mean(values, region).item() == pytest.approx((16 + 3) / 17)


def test_classes_are_balanced_whatever_their_area():
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]]).t().reshape(1, 2, 1, 2)  # Pixel 0 says class 0, pixel 1 nothing.
    region = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    by_hand = (np.log(1 + np.exp(-2)) + np.log(2)) / 2
    assert as_classes(logits, region, torch.tensor([0, 1])).item() == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"size_px": 40}, "multiple of 16"), ({"ring_px": 99}, "ring_px must be"), ({"batch": 0}, "batch")],
)
def test_a_setting_out_of_range_is_named(wrong, said):
    with pytest.raises(InputError, match=said):
        replace(ComposedSettings(), **wrong)


def test_a_setting_that_the_preset_lacks_is_refused():
    with pytest.raises(InputError, match="no setting 'sampling'"):
        preset("default", sampling="uniform")
