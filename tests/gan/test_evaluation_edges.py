"""`gan evaluate` at its edges: ignored pixels, other classes, pieces too small to be a place, another data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from blemish.core.errors import DatasetError, InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.evaluation import Evaluation, Material, Settings, doubt_of, evaluate
from blemish.gan.evaluation_compare import Described, matched
from blemish.gan.evaluation_figures import _shown, defect_redrawn, label_drawn, nearest_pairs
from blemish.gan.evaluation_pixels import likeness
from blemish.gan.evaluation_report import to_text, write_evaluation
from blemish.gan.features import FeatureCache, FeatureNetwork
from blemish.gan.made_with import FILE, MadeWith, read_made_with, write_made_with

SIDE = 64
KIND = Taxonomy.of_names("plate", ["dot", "bar"])


def tile(number: int, split: Split, *, only_pieces: bool = False) -> Sample:
    """A dot of 10 x 10 px and two pixels of a bar, or those pixels alone; the right part is padding."""
    random = np.random.default_rng(number)
    defect = np.zeros((SIDE, SIDE), np.uint8)
    if not only_pieces:
        defect[10:20, 12:22] = 1
    defect[40, 30:32] = 2
    defect[30:33, 5:8] = IGNORE
    picture = random.normal(150, 8, (SIDE, SIDE)) - 60.0 * (defect == 1)
    defect[:, SIDE - 16 :] = IGNORE
    name = f"{split}/{number}"
    record = TileRecord(name, name, "", name, Box(0, 0, SIDE, SIDE), f"g{number}", split, Origin.REAL, (), ())
    return Sample(picture.clip(0, 255).astype(np.uint8), LabelMap(defect, np.zeros_like(defect)), record)


def synthetic(number: int, **more: bool) -> Sample:
    made = tile(number, Split.TRAIN, **more)
    row = replace(made.record, id=f"made/{number}", group=f"made{number}", origin=Origin.SYNTHETIC, generator="ab")
    return replace(made, record=row)


def write(folder: Path, samples: list[Sample]) -> Dataset:
    with DatasetWriter(folder, DatasetInfo(KIND, SIDE, 1)) as writer:
        for sample in samples:
            writer.add(sample)
    return Dataset(folder)


def material_of(folder: Path, made: list[Sample]) -> Material:
    real = write(
        folder / "real", [tile(i, Split.VAL) for i in range(4)] + [tile(10 + i, Split.TRAIN) for i in range(4)]
    )
    return Material(write(folder / "made", made), real, real.select(Split.VAL), real.select(Split.TRAIN))


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return material_of(tmp_path_factory.mktemp("edges"), [synthetic(20 + i) for i in range(6)])


def judged(material: Material, **more: object) -> Evaluation:
    def ask(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = pictures[:, 0].reshape(len(pictures), -1)[:, :12] / 30
        return values.astype(np.float32), np.full((len(pictures), 4), 0.25, np.float32)

    network = FeatureNetwork("Twelve", "KID (Twelve)", "Frechet distance (Twelve)", "cd" * 32, 32, ask)
    return evaluate(material, FeatureCache(network, None), Settings(crops_per_class=8), **more)


class Painter:
    """Paints the real tile of a label with a little noise, and a level of its own where nothing is known."""

    channels, taxonomy = 1, KIND

    def __init__(self, real: Dataset, level: int = 0) -> None:
        self.level = level
        self.real = [real.sample(record) for record in real.records]

    def paint(self, label_maps, seeds, backgrounds=None):
        return np.stack([self._one(each)[..., None] for each in label_maps])

    def _one(self, label_map):
        real = next((s for s in self.real if np.array_equal(s.label_map.defect, label_map.defect)), self.real[0])
        noise = np.random.default_rng(0).integers(-8, 9, label_map.size_hw)
        picture = (real.picture + noise).clip(0, 255)
        picture[label_map.defect == IGNORE] = self.level
        return picture.astype(np.uint8)


def test_what_lies_in_padding_and_ignored_pixels_changes_neither_psnr_nor_ssim(material):
    dark, light = (likeness(Painter(material.real, level), material.real, material.held_out) for level in (0, 255))
    assert dark == light
    first = Painter(material.real)._one(material.real.label_map(material.real.records[0]))
    assert dark["psnr_db"] < 40
    sample = material.real.sample(material.real.records[0])
    known = sample.label_map.defect != IGNORE
    only = likeness(Painter(material.real), material.real, [sample.record])
    error = ((first.astype(float) - sample.picture)[known] ** 2).mean()
    assert only["psnr_db"] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-4)


@pytest.mark.parametrize("what", ["generator", "segmenter"])
def test_a_network_with_the_classes_in_another_order_is_refused(material, what):
    other = SimpleNamespace(taxonomy=Taxonomy.of_names("other", ["bar", "dot"]), channels=1)
    with pytest.raises(InputError, match=f"the {what} knows bar, dot, .* has dot, bar: give one of the same classes"):
        judged(material, **{what: other})


def test_a_generator_of_other_channels_is_refused_before_anything_is_measured(material):
    other = SimpleNamespace(taxonomy=material.real.taxonomy, channels=3)
    with pytest.raises(InputError, match=r"the generator paints pictures of 3 channels, .* has 1"):
        judged(material, generator=other)


def test_a_class_of_which_only_tiny_pieces_show_has_no_figure(material, tmp_path):
    painter = Painter(material.real)

    def redraw(label_map, defect, seed, background):
        return painter.paint([label_map], [seed])[0, :, :, 0], defect

    assert [each.name for each in label_drawn(painter, material)] == ["dot"]
    assert [each.name for each in defect_redrawn(redraw, material)] == ["dot"]
    page = write_evaluation(tmp_path, judged(material), material, {}, generator=painter, redraw=redraw)
    assert page.is_file()


def test_the_tile_that_is_shown_has_a_defect_large_enough(tmp_path):
    pieces, small = tile(30, Split.VAL, only_pieces=True), tile(31, Split.VAL, only_pieces=True)
    for y in (2, 22, 52):
        pieces.label_map.defect[y, 2:5] = pieces.label_map.defect[y, 24:27] = 1
    small.label_map.defect[10:13, 12:15] = 1
    real = write(tmp_path / "real", [pieces, small, tile(32, Split.TRAIN)])
    assert [record.defect_px[0] for record in real.records[:2]] == [18, 9]
    material = Material(write(tmp_path / "made", [synthetic(20)]), real, real.records[:2], real.records[2:])
    assert _shown(material, 1).record == real.records[1]


def test_without_a_synthetic_crop_there_is_no_nearest_pair(tmp_path):
    material = material_of(tmp_path, [synthetic(20, only_pieces=True)])
    found = judged(material)
    assert nearest_pairs(found, material) is None
    assert write_evaluation(tmp_path / "out", found, material, {}).is_file()


def test_a_set_or_generator_of_another_data_set_is_said_to_be(material):
    own, folder = material.real.hash, material.synthetic.folder
    assert doubt_of(material, None) is None
    for same in (own, f"{own}, one in 4 groups"):
        assert doubt_of(material, SimpleNamespace(card={"data": same})) is None
    told = doubt_of(material, SimpleNamespace(card={"data": f"{'f' * 64}/fold 0 of 3, seed 0"}))
    assert told.startswith(
        f"the generator learned from {'f' * 12}/fold 0 of 3, seed 0, not {own[:12]}: what is held out"
    )
    write_made_with(folder, MadeWith("key", "e" * 64))
    try:
        found = judged(material).figures
        assert found["doubt"].startswith(f"the synthetic tiles were made from {'e' * 12}, not {own[:12]}")
        assert to_text(found).splitlines()[-1] == f"beware: {found['doubt']}"
    finally:
        (folder / FILE).unlink()


def test_what_a_set_was_made_with_is_read_back_or_refused(tmp_path):
    assert read_made_with(tmp_path) is None
    write_made_with(tmp_path, MadeWith("key", "data"))
    assert read_made_with(tmp_path) == MadeWith("key", "data")
    (tmp_path / FILE).write_text(json.dumps(["key"]))
    with pytest.raises(DatasetError, match=r"made-with\.json cannot be read"):
        read_made_with(tmp_path)


def test_the_shares_of_classes_are_matched_by_hand():
    def side(*classes: int) -> Described:
        n = len(classes)
        return Described(np.zeros((n, 2), np.float32), tuple(map(str, range(n))), tuple((c,) for c in classes))

    kept, drawn = matched(side(1, 1, 2, 3), side(*[1] * 9, *[2] * 3))
    assert sorted(kept.first_classes.tolist()) == [1, 1, 2]
    assert sorted(drawn.first_classes.tolist()) == [1] * 6 + [2] * 3
    few, as_few = matched(side(1, 1, 1, 2), side(1, 2, 2))
    assert sorted(few.first_classes.tolist()) == sorted(as_few.first_classes.tolist()) == [1, 2]
    assert [len(each) for each in matched(side(*[1] * 7), side(*[1] * 9))] == [7, 9]  # 9 / (9 / 7) is under 7.
