from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.copy_paste import copy_paste_dataset
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.folds import fold_view
from blemish.gan.evaluation import Evaluation, Material, Settings, evaluate
from blemish.gan.evaluation_crops import Cutter, find_places, places_on, square_round
from blemish.gan.evaluation_figures import defect_redrawn, label_drawn
from blemish.gan.evaluation_pixels import Beneath, changes, consistency, likeness, same_label
from blemish.gan.evaluation_report import to_text, write_evaluation
from blemish.gan.features import FeatureCache, FeatureNetwork
from blemish.gan.sheets import class_sheets, drawn_places

SIDE = 96
KIND = Taxonomy.from_dict(
    {"name": "plate", "backgrounds": [{"name": "plate"}], "defects": [{"name": "dot"}, {"name": "bar"}]}
)


def tile(number: int, split: Split, *, index: int = 1, depth: int = 60, clean: bool = False, **more: object) -> Sample:
    """Grain of its own, and one dark dot or bar somewhere."""
    random = np.random.default_rng(number)
    picture = random.normal(150, 8, (SIDE, SIDE))
    defect = np.zeros((SIDE, SIDE), np.uint8)
    y, x = random.integers(20, 60, 2)
    if not clean:
        defect[y : y + 10, x : x + (10 if index == 1 else 24)] = index
    picture[defect > 0] -= depth
    record = TileRecord(
        f"{split}/{number}",
        f"p{number}",
        "",
        f"s{number}",
        Box(0, 0, SIDE, SIDE),
        f"g{number}",
        split,
        Origin.REAL,
        (),
        (),
    )
    return Sample(
        np.clip(picture, 0, 255).astype(np.uint8), LabelMap(defect, np.zeros_like(defect)), replace(record, **more)
    )


def write(folder: Path, samples: Sequence[Sample]) -> Dataset:
    with DatasetWriter(folder, DatasetInfo(KIND, SIDE, 1)) as writer:
        for sample in samples:
            writer.add(sample)
    return Dataset(folder)


def synthetic(number: int, depth: int, index: int = 1) -> Sample:
    made = tile(number, Split.TRAIN, index=index, depth=depth, origin=Origin.SYNTHETIC, preset="test", generator="ab")
    return replace(made, record=replace(made.record, id=f"made/{number}", group=f"made{number}"))


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Dataset:
    """Dots: 60 held out, 40 in training; bars: 6 and 20; 6 clean."""
    samples = [tile(i, Split.VAL) for i in range(60)] + [tile(100 + i, Split.TRAIN) for i in range(40)]
    samples += [tile(200 + i, Split.VAL, index=2) for i in range(6)]
    samples += [tile(300 + i, Split.TRAIN, index=2) for i in range(20)]
    samples += [tile(400 + i, Split.TRAIN, clean=True) for i in range(6)]
    return write(tmp_path_factory.mktemp("real") / "real", samples)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Dataset:
    """As the real ones."""
    samples = [synthetic(500 + i, 60) for i in range(60)] + [synthetic(600 + i, 60, 2) for i in range(20)]
    return write(tmp_path_factory.mktemp("good") / "good", samples)


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Dataset:
    """Defects that hardly show."""
    samples = [synthetic(500 + i, 5) for i in range(60)] + [synthetic(600 + i, 5, 2) for i in range(20)]
    return write(tmp_path_factory.mktemp("bad") / "bad", samples)


def material(of: Dataset, real: Dataset) -> Material:
    return Material(of, real, real.select(Split.VAL), real.select(Split.TRAIN))


def cache() -> FeatureCache:
    """A network of nine features: means and deviations of the middle, its half and all."""

    def ask(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = [pictures[:, 0, 16 - r : 16 + r, 16 - r : 16 + r].reshape(len(pictures), -1) for r in (3, 8, 16)]
        values = np.stack([f(p, axis=1) for p in parts for f in (np.mean, np.std, np.min)], 1) / 30
        return values.astype(np.float32), np.full((len(pictures), 4), 0.25, np.float32)

    return FeatureCache(FeatureNetwork("Nine", "KID (Nine)", "Frechet distance (Nine)", "cd" * 32, 32, ask), None)


@pytest.fixture(scope="module")
def judged_good(good, real) -> Evaluation:
    return evaluate(material(good, real), cache())


@pytest.fixture(scope="module")
def judged_bad(bad, real) -> Evaluation:
    return evaluate(material(bad, real), cache())


def test_tiles_like_the_real_ones_are_near_and_faint_ones_are_far(judged_good, judged_bad):
    near, far = (each.figures["crops"]["overall"]["held_out"] for each in (judged_good, judged_bad))
    floor = near["kid_floor"]
    assert abs(near["kid"]["mean"]) < 3 * (near["kid"]["std"] + floor["std"])
    assert far["kid"]["mean"] > 10 * far["kid"]["std"]
    assert near["classifier"]["low"] < 0.5 < near["classifier"]["high"]
    assert far["classifier"]["low"] > 0.9
    assert near["precision"] > 0.7
    assert far["precision"] == 0
    assert near["frechet_infinity"] < near["frechet"] < far["frechet"]


def test_a_class_with_too_few_held_out_crops_is_pooled_and_said_to_be(judged_good):
    classes = judged_good.figures["crops"]["classes"]
    assert classes["dot"]["held_out"]["pooled"] is False
    assert classes["dot"]["held_out"]["real"] == 60
    assert classes["bar"]["held_out"]["pooled"] is True
    assert classes["bar"]["held_out"]["note"].startswith("6 held-out pictures, 50 wanted: pooled over classes")
    assert classes["bar"]["train"]["kid"]["mean"] is not None
    assert "pooled: fewer than wanted" in to_text(judged_good.figures)


def test_classes_that_a_segmenter_does_not_take_for_real_ones_are_named(judged_good):
    iou = {"mean": 0.5, "tiles": 9}
    both = {"held_out": {**iou, "iou": {"scar": 0.8}}, "synthetic": {**iou, "iou": {"scar": 0.1}}}
    text = to_text({**judged_good.figures, "mask_consistency": both})
    assert "hardly found in synthetic tiles: scar 0.10 (real 0.80); gan generate --leave-out scar makes none" in text
    unsure = {"held_out": {**iou, "iou": {"scar": 0.2}}, "synthetic": {**iou, "iou": {"scar": 0.0}}}
    assert "hardly found" not in to_text({**judged_good.figures, "mask_consistency": unsure})


def test_dashes_have_a_reason(judged_good):
    nothing = {"mean": None, "std": None}
    figures = copy.deepcopy(dict(judged_good.figures))
    held_out = figures["crops"]["overall"]["held_out"]
    held_out |= {"real": 2, "synthetic": 18, "kid": nothing, "note": "only 2 held-out pictures over all classes"}
    figures["crops"]["overall"]["train"] |= {"synthetic": 0, "kid": nothing}
    lines = [line.split(maxsplit=5) for line in to_text(figures).splitlines() if line.startswith("all classes")]
    assert lines[0][-1] == "only 2 held-out pictures over all classes"
    assert lines[1][-1] == "no synthetic ones"


def test_real_training_pictures_stand_beside_as_what_a_copy_would_reach(judged_good):
    row = judged_good.figures["crops"]["overall"]["real_train_against_held_out"]
    assert (row["real"], row["synthetic"]) == (46, 46)  # Dots 40 of 60, bars 6 of 20: equal shares.
    assert abs(row["kid"]["mean"]) < 3 * (row["kid"]["std"] + row["kid_floor"]["std"])


def test_copies_of_training_tiles_are_counted(real, tmp_path):
    rows = [r for r in real.select(Split.TRAIN) if r.classes]
    copies = []
    for number, record in enumerate(rows[:30]):
        sample = real.sample(record)
        row = replace(record, id=f"c/{number}", group=f"c{number}", origin=Origin.SYNTHETIC)
        copies.append(replace(sample, record=row))
    honest = [synthetic(700 + i, 60) for i in range(30)]
    found = evaluate(material(write(tmp_path / "copies", copies + honest), real), cache())
    assert found.figures["memorisation"]["share"] == pytest.approx(0.5, abs=0.1)
    assert found.copies.synthetic[: len(copies)].max() >= 0
    assert found.figures["memorisation"]["classes"]["bar"] is None


def test_the_diversity_of_one_defect_repeated_is_below_the_real_one(real, tmp_path):
    one = synthetic(900, 60)
    repeated = [replace(one, record=replace(one.record, id=f"r/{i}", group=f"r{i}")) for i in range(20)]
    found = evaluate(material(write(tmp_path / "one", repeated), real), cache())
    row = found.figures["diversity"]["dot"]
    assert row["synthetic"] == pytest.approx(0, abs=1e-3)
    assert row["real"] > 0.1
    assert found.figures["diversity"]["bar"] == {"synthetic": None, "real": None, "crops": 0}


def test_copy_paste_changes_nothing_beyond_its_ring_and_a_touched_pixel_is_seen(real, tmp_path):
    copy_paste_dataset(real, tmp_path / "cp", per_class=44, seed=0)
    pasted = Dataset(tmp_path / "cp")
    found = changes(pasted, pasted.records, real, ring_px=4)
    assert (found["tiles"], found["unknown_background"], found["most_beyond"]) == (len(pasted), 0, 0)
    assert found["inside"] > 20 > found["ring"] > 0
    path = pasted.folder / "images" / f"{pasted.records[0].id}.png"
    picture = pasted.picture(pasted.records[0]).copy()
    picture[0, 0] ^= 16
    from blemish.picture.write import write_png

    write_png(path, picture)
    touched = changes(pasted, pasted.records, real, ring_px=4)
    assert (touched["most_beyond"], touched["untouched_beyond"]) == (16, len(pasted) - 1)


def test_the_background_is_found_from_the_row(real, good):
    clean = next(r for r in real.records if r.is_clean)
    row = replace(good.records[0], source=clean.id)
    np.testing.assert_array_equal(Beneath(real).of(row), real.picture(clean))
    assert Beneath(real).of(good.records[0]) is None
    assert changes(good, good.records, real, 4) is None


class Painter:
    """Paints the real look of a label; `varied` lets the seed decide the grain inside it."""

    taxonomy = KIND
    channels = 1

    def __init__(self, varied: bool = True, lights: bool = False) -> None:
        self.varied, self.lights = varied, lights

    def paint(self, label_maps, seeds, backgrounds=None):
        pictures = []
        for i, (label_map, seed) in enumerate(zip(label_maps, seeds, strict=True)):
            own = np.full((*label_map.size_hw, 1), 150 + seed % 40 * self.lights, np.uint8)
            beneath = own if backgrounds is None else backgrounds[i].copy()
            grain = np.random.default_rng(seed if self.varied else 0).normal(90, 8, (*label_map.size_hw, 1))
            pictures.append(
                np.where(label_map.defect[:, :, None] > 0, grain + beneath - 150.0, beneath).astype(np.uint8)
            )
        return np.stack(pictures)


def test_likeness_and_the_reach_of_seeds_need_a_generator(real, judged_good):
    held_out = real.select(Split.VAL)
    assert judged_good.figures["likeness"] is judged_good.figures["same_label"] is None
    near = likeness(Painter(), real, held_out)
    assert 25 < near["psnr_db"] < 35
    assert near["tiles"] == 48
    assert same_label(Painter(varied=False), real, held_out)["mean"] == 0
    assert same_label(Painter(varied=False, lights=True), real, held_out)["mean"] == 0  # Backgrounds do not count.
    assert same_label(Painter(), real, held_out)["classes"]["dot"] == pytest.approx(8 * 2 / np.sqrt(np.pi), rel=0.1)


class Dark:
    """Calls every dark pixel a dot."""

    taxonomy = KIND
    channels = 1

    def probabilities(self, pictures):
        dark = (pictures[..., 0] < 115).astype(np.float32)
        return np.stack([1 - dark, dark, np.zeros_like(dark)], 1)


def test_mask_consistency_is_the_iou_of_what_a_segmenter_finds(good, bad):
    dots = [record for record in good.records if record.classes == (1,)]
    found = consistency(Dark(), good, dots)
    assert (found["tiles"], found["iou"]["bar"]) == (60, None)
    assert found["iou"]["dot"] == found["mean"] == pytest.approx(0.99, abs=0.02)
    everything = consistency(Dark(), good, good.records)["iou"]
    assert everything == {"dot": pytest.approx(6000 / (6000 + 4800), abs=0.01), "bar": 0}
    assert consistency(Dark(), bad, bad.records)["iou"]["dot"] < 0.05


def test_the_square_round_a_defect_stays_inside_and_grows_with_it():
    whole = Box(0, 0, 96, 96)
    assert square_round(Box(90, 90, 6, 6), whole) == Box(48, 48, 48, 48)
    assert square_round(Box(10, 20, 60, 4), whole) == Box(0, 0, 90, 90)
    assert square_round(Box(0, 0, 96, 96), whole) == whole
    assert square_round(Box(40, 5, 2, 2), Box(0, 0, 96, 30)).width == 30


def test_regions_near_each_other_are_one_defect_and_far_ones_are_two():
    sample = tile(1, Split.TRAIN, clean=True)
    sample.label_map.defect[10:14, 10:14] = sample.label_map.defect[10:14, 20:24] = 1
    sample.label_map.defect[60:63, 60:64] = 1
    assert [place.defect for place in places_on(sample, 1)] == [Box(10, 10, 14, 4), Box(60, 60, 4, 3)]


def test_a_masked_crop_shows_only_the_defect(real):
    place = find_places(real, real.select(Split.VAL))[0]
    masked = next(Cutter(real).masked([place]))
    mask = Cutter(real).mask(place)
    assert mask.sum() == 100
    assert (masked[~mask] == 127).all()
    assert (masked[mask] < 127).all()


def test_sheets_are_8_by_8_at_one_scale_and_the_same_for_the_same_seed(real, good):
    records = real.select(Split.VAL)
    one, again, other = (class_sheets(real, records, good, seed=seed)["dot"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    lined = class_sheets(real, records, good, outlined=True)["dot"]
    assert lined.shape == one.shape
    assert (lined != one).any()
    assert len({place.tile.id for place in drawn_places(real, records, 1)}) == 60


def test_the_report_is_one_file_that_loads_nothing_and_the_json_has_no_nan(judged_good, good, real, tmp_path):
    def redraw(label_map, defect, seed, background):
        picture = Painter(varied=False).paint(
            [label_map], [0], None if background is None else background[None, :, :, None]
        )
        return np.where(defect, picture[0, :, :, 0] + np.uint8(seed), picture[0, :, :, 0]).astype(np.uint8), defect

    subject = material(good, real)
    page = write_evaluation(
        tmp_path, judged_good, subject, {"seed": "0"}, generator=Painter(), redraw=redraw
    ).read_text()
    page = re.sub(r'"data:[^"]*"', '"data:"', page)
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*|url\(|@import|<script', page) == []
    assert page.count("one label drawn 16 times") == page.count("one defect drawn again") == 2 * 2
    assert "FID" not in page.replace("published FID", "")
    assert {p.name for p in (tmp_path / "sheets").iterdir()} == {
        f"{name}{end}.png" for name in ("dot", "bar") for end in ("", "-outlined")
    }
    kept = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert kept["names"]["kid"] == "KID (Nine)"
    assert [round(each.apart, 1) for each in defect_redrawn(redraw, subject)] == [4.0, 4.0]
    assert {each.most_elsewhere for each in defect_redrawn(redraw, subject)} == {0}
    assert label_drawn(Painter(varied=False), subject)[0].apart == 0


def test_without_held_out_tiles_only_the_train_column_has_figures(good, real):
    found = evaluate(Material(good, real, [], real.select(Split.TRAIN)), cache()).figures
    assert found["crops"]["overall"]["held_out"]["kid"]["mean"] is None
    assert found["crops"]["overall"]["held_out"]["note"] == "only 0 held-out pictures over all classes, 50 wanted"
    assert found["crops"]["classes"]["dot"]["train"]["kid"]["mean"] is not None
    assert found["memorisation"]["share"] is None


def test_what_cannot_be_compared_is_refused(good, real, tmp_path):
    val = real.select(Split.VAL)
    with pytest.raises(DatasetError, match="is held out and in training"):
        Material(good, real, val, val)
    with pytest.raises(DatasetError, match="holds no synthetic tile"):
        evaluate(Material(real, real, val, real.select(Split.TRAIN)), cache())
    with pytest.raises(DatasetError, match="no training tile with a defect"):
        Material(good, real, val, [])


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(good, real):
    one, again, other = (
        evaluate(material(good, real), cache(), Settings(crops_per_class=12, tiles_per_class=12, seed=seed)).figures
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one["crops"] != other["crops"]


def test_the_command_writes_report_and_json_and_refuses_a_strange_folder(good, real, tmp_path, monkeypatch):
    from blemish.cli import gan_evaluate

    monkeypatch.setattr(gan_evaluate, "_network", lambda inception, on: cache().network)
    words = ["gan", "evaluate", str(good.folder), "--dataset", str(real.folder), "--crops", "12", "--json"]
    (tmp_path / "out" / "features").mkdir(parents=True)  # Of an evaluation that was stopped: it goes on there.
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["synthetic"]["presets"] == ["test"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "evaluation.json",
        "features",
        "index.html",
        "sheets",
    }
    (tmp_path / "mine" / "features").mkdir(parents=True)
    (tmp_path / "mine" / "index.html").write_text("mine")
    refused = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "mine")])
    assert (refused.exit_code, "holds no evaluation" in refused.output) == (2, True)
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"
    wrong = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "other"), "--split", "train"])
    assert (wrong.exit_code, "--split must be val" in wrong.output) == (2, True)


def test_a_set_of_the_ladder_is_judged_by_its_fold(good, real, tmp_path, monkeypatch):
    from blemish.cli import gan_evaluate

    monkeypatch.setattr(gan_evaluate, "_network", lambda inception, on: cache().network)
    words = ["gan", "evaluate", str(good.folder), "--dataset", str(real.folder), "--crops", "12", "--json"]
    done = CliRunner().invoke(app, [*words, "--fold", "1", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    view = fold_view(real, n=3, fold=1)
    counts = json.loads(done.stdout)["data"]["real"]
    for side, split in (("held_out", Split.VAL), ("train", Split.TRAIN)):
        assert counts[side]["groups"] == len({record.group for record in view.select(split) if record.classes}) > 0
    assert "held out: fold 1 of 3" in (tmp_path / "out" / "index.html").read_text()
