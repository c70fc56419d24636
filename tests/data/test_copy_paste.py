"""Real defects are pasted where they could be, with exact labels, and nothing else is touched."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data import copy_paste
from blemish.data.copy_paste import PasteSettings, copy_paste_dataset, paste
from blemish.data.cutouts import DefectBank, cut_outs_of, usable_window
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.paste_blend import feathered, poisson
from blemish.picture.tiling import cut

TILE = 96


def row(name: str, split: Split = Split.TRAIN, group: str = "") -> TileRecord:
    return TileRecord(
        name, name, "top", f"{name}.png", Box(0, 0, TILE, TILE), group or name, split, Origin.REAL, (), ()
    )


def surface(level: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    shape = (TILE, TILE) if channels == 1 else (TILE, TILE, 3)
    return np.clip(np.random.default_rng(seed).normal(level, 3, shape), 0, 255).astype(np.uint8)


def spotted(index: int = 1, at: tuple[int, int] = (40, 50), channels: int = 1, seed: int = 0) -> Sample:
    """A gray surface with one ellipse of a class, 60 levels darker."""
    label = LabelMap.clean(TILE, TILE)
    cv2.ellipse(label.defect, at, (9, 4), 25, 0, 360, index, -1)
    picture = surface(140, seed, channels)
    picture[label.defect > 0] -= 60
    return Sample(picture, label, row(f"spot-{index}-{seed}"))


def bank_of(*samples: Sample) -> DefectBank:
    held: dict[int, tuple] = {}
    for sample in samples:
        for index in (1, 2):
            held[index] = held.get(index, ()) + tuple(cut_outs_of(sample, index)[0])
    return DefectBank(held, 0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("blend", [feathered, poisson])
def test_the_label_is_where_the_picture_got_darker(blend, channels):
    bank, hits = bank_of(spotted(channels=channels)), []
    for seed in range(8):
        canvas = surface(100, 50 + seed, channels)
        random = np.random.default_rng(seed)
        picture, label = paste(canvas, LabelMap.clean(TILE, TILE), bank, 1, random, blend=blend)
        change = picture.astype(int).reshape(TILE, TILE, -1).mean(2) - canvas.reshape(TILE, TILE, -1).mean(2)
        dark, mask = change < -25, label.defect == 1
        hits.append((dark & mask).sum() / (dark | mask).sum())
        far = cv2.dilate(mask.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0
        assert not change[far].any()
    assert min(hits) > 0.7
    assert np.mean(hits) > 0.85


def test_brightness_follows_the_local_surface_and_contrast_is_kept():
    bank = bank_of(spotted())
    for level in (80, 200):
        picture, label = paste(surface(level, 3), LabelMap.clean(TILE, TILE), bank, 1, np.random.default_rng(1))
        assert picture[label.defect == 1].mean() == pytest.approx(level - 60, abs=12)


@pytest.mark.parametrize("blend", [feathered, poisson])
@pytest.mark.parametrize("channels", [1, 3])
def test_where_black_or_white_would_swallow_a_defect_it_is_not_put(blend, channels):
    dark = bank_of(spotted(channels=channels))
    light = bank_of(replace(spotted(channels=channels), picture=255 - spotted(channels=channels).picture))
    for bank, swallowed in ((dark, 6), (light, 249)):
        for level, is_put in ((swallowed, False), (255 - swallowed, True), (128, True)):
            canvas = surface(level, 3, channels)
            made = paste(canvas, LabelMap.clean(TILE, TILE), bank, 1, np.random.default_rng(1), blend=blend)
            assert (made is not None) == is_put, level


def test_existing_defects_and_ignored_pixels_are_never_overlapped():
    bank = bank_of(spotted())
    defect = np.zeros((TILE, TILE), np.uint8)
    defect[:, :40], defect[:30, 50:] = 2, 255
    canvas = LabelMap(defect, np.zeros_like(defect))
    for seed in range(20):
        picture, label = paste(surface(140), canvas, bank, 1, np.random.default_rng(seed))
        new = label.defect == 1
        assert new.sum() > 20
        assert np.array_equal(np.where(new, 0, label.defect), defect)  # All that was there is there still.
        assert not new[defect > 0].any()
        assert np.array_equal(picture[defect > 0], surface(140)[defect > 0])


def test_a_full_tile_has_no_place():
    full = LabelMap(np.full((TILE, TILE), 2, np.uint8), np.zeros((TILE, TILE), np.uint8))
    assert paste(surface(140), full, bank_of(spotted()), 1, np.random.default_rng(0)) is None


def test_a_defect_goes_only_onto_the_background_it_was_seen_on():
    sample = spotted()
    sample.label_map.background[:] = 1
    background = np.zeros((TILE, TILE), np.uint8)
    background[:, 48:] = 1
    for seed in range(15):
        canvas = LabelMap(np.zeros((TILE, TILE), np.uint8), background)
        _, label = paste(surface(140), canvas, bank_of(sample), 1, np.random.default_rng(seed))
        assert (background[label.defect == 1] == 1).mean() > 0.75
        assert np.array_equal(label.background, background)
    outside = LabelMap.clean(TILE, TILE)
    assert paste(surface(140), outside, bank_of(sample), 1, np.random.default_rng(0)) is None


def test_a_defect_cut_off_by_the_end_of_its_tile_goes_to_an_end_again():
    sample = spotted(at=(0, 50))
    (cut_out,), _ = cut_outs_of(sample, 1)
    assert cut_out.touches == (True, False, False, False)
    sides = set()
    for seed in range(12):
        _, label = paste(surface(140), LabelMap.clean(TILE, TILE), bank_of(sample), 1, np.random.default_rng(seed))
        ends = (label.defect[:, 0] == 1).any(), (label.defect[:, -1] == 1).any()
        assert sum(ends) == 1
        sides.add(ends)
    assert len(sides) == 2  # Mirrored, so both ends are seen.


def test_padding_stays_ignored_and_mirrors_the_pasted_surface():
    inner = surface(140)[:, :60]
    whole = Box(0, 0, TILE, TILE)
    canvas = LabelMap.clean(TILE, TILE)
    canvas.defect[:, 60:] = 255
    assert usable_window(canvas) == Box(0, 0, 60, TILE)
    picture, label = paste(cut(inner, whole), canvas, bank_of(spotted()), 1, np.random.default_rng(2))
    assert (label.defect[:, 60:] == 255).all()
    assert (label.defect == 1).sum() > 20
    assert np.array_equal(picture, cut(picture[:, :60], whole))


def test_a_cluster_is_one_cut_out_and_a_defect_beside_ignored_pixels_is_left_out():
    label = LabelMap.clean(TILE, TILE)
    for x in (20, 30, 40):
        cv2.circle(label.defect, (x, 20), 2, 1, -1)
    cv2.circle(label.defect, (70, 70), 3, 1, -1)
    label.defect[60:80, 74:80] = 255
    found, left_out = cut_outs_of(Sample(surface(140), label, row("dots")), 1)
    assert (len(found), left_out) == (1, 1)
    assert found[0].mask.sum() == (label.defect[:30] == 1).sum()


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_places():
    def pasted(seed: int) -> np.ndarray:
        return paste(surface(140), LabelMap.clean(TILE, TILE), bank_of(spotted()), 1, np.random.default_rng(seed))[0]

    assert np.array_equal(pasted(4), pasted(4))
    assert not np.array_equal(pasted(4), pasted(5))


def write_set(folder, *, clean: int = 2, split: Split = Split.TRAIN) -> Dataset:
    taxonomy = Taxonomy.of_names("spots", ["dot", "blot"])
    with DatasetWriter(folder, DatasetInfo(taxonomy, TILE, 1)) as writer:
        for seed in range(3):
            writer.add(replace(spotted(1, seed=seed), record=row(f"dot-{seed}", split)))
        writer.add(replace(spotted(2), record=row("blot-0", split)))
        for seed in range(clean):
            writer.add(Sample(surface(150, seed), LabelMap.clean(TILE, TILE), row(f"clean-{seed}", split)))
        held_out = replace(spotted(2, seed=9), record=row("held-out", Split.TEST))
        writer.add(held_out)
    return Dataset(folder)


@pytest.mark.parametrize("clean", [2, 0])
def test_the_data_set_fills_every_class_and_stays_in_train(tmp_path, clean):
    source = write_set(tmp_path / "real", clean=clean)
    written = copy_paste_dataset(source, tmp_path / "pasted", 5, seed=1)
    made = Dataset(tmp_path / "pasted")
    assert len(made) == written
    assert {(r.split, r.origin, r.preset) for r in made.records} == {(Split.TRAIN, Origin.SYNTHETIC, "copy-paste")}
    assert all(len(r.generator) == 64 and r.seed > 0 for r in made.records)
    for index, real in ((1, 3), (2, 1)):
        total = real + sum(index in r.classes for r in made.records)
        assert total == 5 if clean else total >= 5
    assert {r.group for r in made.records} <= {r.group for r in source.select(Split.TRAIN)}


def test_the_data_set_is_the_same_twice_and_another_with_another_seed(tmp_path):
    source = write_set(tmp_path / "real")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        copy_paste_dataset(source, tmp_path / name, 4, seed=seed, settings=PasteSettings(turn_deg=30))
    a, b, c = (Dataset(tmp_path / name).hash for name in "abc")
    assert a == b != c


def test_cutting_out_of_the_test_split_is_refused(tmp_path):
    source = write_set(tmp_path / "real")
    with pytest.raises(DatasetError, match="held-out is of the test split"):
        DefectBank.from_dataset(source, source.records)


def test_a_class_without_a_whole_defect_is_named_and_left_as_it_is(tmp_path, capsys):
    with DatasetWriter(tmp_path / "real", DatasetInfo(Taxonomy.of_names("spots", ["dot", "blot"]), TILE, 1)) as writer:
        writer.add(spotted(1))
    assert copy_paste_dataset(Dataset(tmp_path / "real"), tmp_path / "pasted", 4, seed=0) == 3
    assert "no whole defect to cut out of blot" in capsys.readouterr().err


def swallowed_set(folder, *, also_dot: bool) -> Dataset:
    """The blots are dark, and lie on gray; what is clean is black. Dots are light."""
    with DatasetWriter(folder, DatasetInfo(Taxonomy.of_names("spots", ["dot", "blot"]), TILE, 1)) as writer:
        if also_dot:
            light = spotted(1)
            writer.add(
                replace(light, picture=np.where(light.label_map.defect > 0, 220, light.picture).astype(np.uint8))
            )
        writer.add(spotted(2))
        writer.add(Sample(surface(5), LabelMap.clean(TILE, TILE), row("clean")))
    return Dataset(folder)


@pytest.mark.usefixtures("few_are_enough")
def test_a_class_that_fits_nowhere_is_named_and_the_others_are_filled(tmp_path, capsys):
    assert copy_paste_dataset(swallowed_set(tmp_path / "real", also_dot=True), tmp_path / "pasted", 4, seed=0) == 3
    assert "no defect of class blot fits on 50 canvases" in capsys.readouterr().err
    assert {record.classes for record in Dataset(tmp_path / "pasted").records} == {(1,)}


@pytest.fixture
def few_are_enough(monkeypatch):
    """One clean tile is enough to paste on."""
    monkeypatch.setattr(copy_paste, "LEAST_CLEAN", 1)


def test_where_clean_tiles_are_few_defective_ones_are_canvases_too(tmp_path):
    source = swallowed_set(tmp_path / "real", also_dot=False)
    assert 0 < sum(record.is_clean for record in source.records) < copy_paste.LEAST_CLEAN
    assert copy_paste_dataset(source, tmp_path / "pasted", 4, seed=0) > 0


@pytest.mark.usefixtures("few_are_enough")
def test_a_set_of_which_nothing_fits_anywhere_is_refused_and_nothing_is_written(tmp_path):
    source = swallowed_set(tmp_path / "real", also_dot=False)
    with pytest.raises(DatasetError, match=r"no defect of class blot fits .* would not be seen there"):
        copy_paste_dataset(source, tmp_path / "pasted", 4, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["real"]


def test_where_nothing_is_missing_the_message_says_what_to_ask_for(tmp_path):
    with pytest.raises(DatasetError, match="nothing to paste: every class has 1 real train tiles or more: ask for"):
        copy_paste_dataset(write_set(tmp_path / "real"), tmp_path / "pasted", 1, seed=0)


def test_a_set_without_any_defect_is_refused_and_nothing_is_written(tmp_path):
    with DatasetWriter(tmp_path / "real", DatasetInfo(Taxonomy.of_names("spots", ["dot"]), TILE, 1)) as writer:
        writer.add(Sample(surface(150), LabelMap.clean(TILE, TILE), row("clean")))
    with pytest.raises(DatasetError, match="show no whole defect to cut out"):
        copy_paste_dataset(Dataset(tmp_path / "real"), tmp_path / "pasted", 4, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["real"]


class TestTheCommand:
    def told(self, tmp_path, *words):
        write_set(tmp_path / "real")
        given = ["data", "copy-paste", str(tmp_path / "real"), "--out", str(tmp_path / "pasted"), *words]
        return CliRunner().invoke(app, given)

    def test_it_fills_up_what_the_dry_run_says_is_missing(self, tmp_path):
        planned = self.told(tmp_path / "a", "--per-class", "5", "--dry-run", "--json")
        assert json.loads(planned.stdout) == {"real": {"dot": 3, "blot": 1}, "missing": {"dot": 2, "blot": 4}}
        assert not (tmp_path / "a" / "pasted").exists()
        done = self.told(tmp_path / "b", "--per-class", "5", "--json", "--seed", "1")
        assert done.exit_code == 0, done.output
        made = Dataset(tmp_path / "b" / "pasted")
        assert json.loads(done.stdout)["written"] == len(made)
        assert copy_paste_dataset(Dataset(tmp_path / "b" / "real"), tmp_path / "same", 5, seed=1) == len(made)
        assert Dataset(tmp_path / "same").hash == made.hash

    @pytest.mark.parametrize(("words", "said"), [(["--blend", "glue"], "feathered or poisson"), ([], "there already")])
    def test_bad_input_is_one_line(self, tmp_path, words, said):
        (tmp_path / "pasted").mkdir()
        done = self.told(tmp_path, "--per-class", "5", *words)
        assert (done.exit_code, said in done.stderr) == (2, True)
        assert not list((tmp_path / "pasted").iterdir())


def test_the_bank_is_bounded(tmp_path):
    source = write_set(tmp_path / "real")
    train = source.select(Split.TRAIN)
    assert len(DefectBank.from_dataset(source, train).cut_outs[1]) == 3
    assert len(DefectBank.from_dataset(source, train, per_class=2).cut_outs[1]) == 2
    assert len(DefectBank.from_dataset(source, train, budget_px=10).cut_outs[1]) == 1
