"""What the default preset learns from: the class that was drawn, on the light of the surface round it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.composed.codes import draw_codes, read_codes
from blemish.gan.composed.draw import LARGE, CompositionDraw
from blemish.gan.composed.networks import ComposedGenerator
from blemish.gan.composed.trainer import scenes_of
from blemish.gan.draw import augmented
from blemish.train.loader import stack

SIDE, CROP = 128, 32
TWO = Taxonomy.of_names("two", ["stain", "dot"])
STRIPES = 120 + 30 * (np.arange(SIDE) % 6 < 3)


def tile(name: str, *, stain: bool, padded: bool = False) -> Sample:
    """Stripes of 105 to 135; a dark stain over most of the tile, without stripes; a dot in its corner."""
    picture = np.tile(STRIPES, (SIDE, 1))
    defect = np.zeros((SIDE, SIDE), np.uint8)
    if stain:
        picture[16:112, 16:112], defect[16:112, 16:112] = 60, 1
        picture[4:8, 4:8], defect[4:8, 4:8] = 250, 2
    if padded:
        defect[:, -20:] = 255
    record = TileRecord(name, name, "", "s", Box(0, 0, SIDE, SIDE), name, Split.TRAIN, Origin.REAL, (), ())
    return Sample(picture.astype(np.uint8), LabelMap(defect, np.zeros_like(defect)), record)


@pytest.fixture(scope="module")
def stained(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("stained") / "set"
    with DatasetWriter(folder, DatasetInfo(TWO, SIDE, 1)) as writer:
        for i in range(2):
            writer.add(tile(f"stain/{i}", stain=True))
            writer.add(tile(f"clean/{i}", stain=False))
    return Dataset(folder)


def draw_of(dataset: Dataset, **settings) -> CompositionDraw:
    plan = {"size_px": CROP, "ring_px": 4, "steps": 100, "whole_frac": 0.0, "seed": 1, **settings}
    return CompositionDraw(dataset, dataset.records, **plan)


def test_a_crop_shows_the_class_that_was_drawn_however_small_beside_another(stained):
    draw = draw_of(stained)
    drawn = [(draw.sampler.pick(0, i).shown, draw(0, i)["defect"]) for i in range(60)]
    assert {value for value, _ in drawn} == {1, 2}
    assert all((label == value).any() for value, label in drawn)


def test_only_one_class_is_drawn_where_it_is_asked_for(stained):
    draw = draw_of(stained, only=2)
    assert all((draw(0, i)["defect"] == 2).any() for i in range(30))


def test_the_papers_draw_shows_it_too_where_classes_are_drawn_evenly(stained):
    draw = augmented(stained, stained.records, size_px=CROP, sampling="class-balanced", seed=1)
    dots = sum((draw(0, i)["defect"] == 2).any() for i in range(60))
    assert 12 <= dots <= 30  # A third: clean is a class too.


def test_beneath_a_defect_that_fills_the_crop_lies_the_light_of_the_surface_round_it(stained):
    draw = draw_of(stained, only=1)
    full = [made for made in (draw(0, i) for i in range(40)) if (made["defect"] == 1).all()]
    assert full
    for made in full:
        assert made["surface"].mean() - made["picture"].mean() > 40  # 120 against 60.


def test_beneath_half_of_the_large_ones_lies_the_texture_of_another_surface(stained):
    own, other = (draw_of(stained, other_surfaces=there) for there in (False, True))
    changed = {False: [], True: []}  # By whether the defect is large.
    for i in range(120):
        plain, swapped = own(0, i), other(0, i)
        is_large = (plain["edge"] > 0).mean() >= LARGE
        changed[is_large].append(bool((plain["surface"] != swapped["surface"]).any()))
    assert 0.3 < np.mean(changed[True]) < 0.7
    assert not any(changed[False])


def test_beyond_its_edge_the_surface_is_the_picture(stained):
    draw = draw_of(stained, other_surfaces=True)
    for i in range(20):
        made = draw(0, i)
        assert (made["surface"] == made["picture"])[made["edge"] == 0].all()


def test_the_discriminator_sees_nothing_where_the_label_is_open_in_real_and_painted_alike(tmp_path):
    with DatasetWriter(tmp_path / "set", DatasetInfo(TWO, SIDE, 1)) as writer:
        writer.add(tile("padded", stain=True, padded=True))
    draw = CompositionDraw(
        Dataset(tmp_path / "set"), Dataset(tmp_path / "set").records, size_px=SIDE, ring_px=4, steps=1, whole_frac=0.0,
        seed=1,
    )  # fmt: skip
    batch = stack([draw(0, i) for i in range(2)])
    scenes = scenes_of(batch, TWO)
    shown = scenes.shown(torch.cat([scenes.picture, scenes.picture * 0 + 1]))
    closed = (batch["defect"] == 255)[:, None].repeat(2, 1, 1, 1)
    assert closed.any()
    assert (shown[closed] == 0).all()
    assert (shown[2:][~closed[2:]] == 1).all()


def test_codes_are_spread_as_those_that_are_held_and_not_as_empty_places():
    generator = ComposedGenerator(defects=2, backgrounds=1, width=4)
    generator.codes[0, :2] = torch.tensor([5.0, 5.2])[:, None]
    generator.held[:] = torch.tensor([2, 0])
    torch.manual_seed(0)
    codes = draw_codes(generator, torch.tensor([[True, False]]).repeat(400, 1))
    assert codes[:, 0].mean().item() == pytest.approx(5.1, abs=0.03)
    assert codes[:, 0].std().item() < 0.15  # With empty places counted as codes it was 0.25.
    assert (codes[:, 1] == 0).all()


def test_a_defect_at_the_end_of_a_tile_of_any_size_has_a_code(tmp_path):
    """At 44 px nothing of it lies within the largest multiple of the encoder's stride."""
    with DatasetWriter(tmp_path / "set", DatasetInfo(TWO, 44, 1)) as writer:
        for i in range(2):
            picture, defect = np.full((44, 44), 120, np.uint8), np.zeros((44, 44), np.uint8)
            picture[40:, 4:20], defect[40:, 4:20] = 230 + i, 1
            record = TileRecord(f"{i}", "", "", "s", Box(0, 0, 44, 44), f"{i}", Split.TRAIN, Origin.REAL, (), ())
            writer.add(Sample(picture, LabelMap(defect, np.zeros_like(defect)), record))
    dataset, generator = Dataset(tmp_path / "set"), ComposedGenerator(2, 1, 4)
    codes = [code for _, code in read_codes(generator, dataset, dataset.records, ring_px=2, seed=0)[1]]
    assert len(codes) == 2
    assert all(np.abs(code).max() > 0.01 for code in codes)
