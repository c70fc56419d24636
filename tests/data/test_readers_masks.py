"""Masks as other tools store them: 16 bit, with a palette, in three equal planes, with classes as gray levels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from blemish.core.errors import InputError, LabelError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder
from blemish.data.readers.binary import binary_mask

SMALL = ImportOptions(tile_px=32, split="none")


def square(value: int, x: int = 4, size: int = 32) -> np.ndarray:
    plane = np.zeros((size, size), np.uint8)
    plane[4:12, x : x + 8] = value
    return plane


def of_masks(src: Path, *masks: Image.Image | np.ndarray) -> Path:
    """A picture for each mask, in folders of their own."""
    for kind in ("images", "masks"):
        (src / kind).mkdir(parents=True)
    for i, mask in enumerate(masks):
        picture = np.random.default_rng(i).integers(60, 200, (32, 32), np.uint8)
        Image.fromarray(picture).save(src / "images" / f"{i}.png")
        (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(src / "masks" / f"{i}.png")
    return src


def imported(src: Path, options: ImportOptions = SMALL) -> tuple[str, list[tuple[int, ...]], list[int]]:
    """The format, and for each tile the pixels of its classes and those ignored."""
    report = import_folder(src, src.parent / "out", options)
    records = Dataset(src.parent / "out").records
    return report.format, [r.defect_px for r in records], [r.ignore_px for r in records]


def with_palette(indices: np.ndarray, palette: list[int]) -> Image.Image:
    image = Image.fromarray(indices)
    image.putpalette(palette + [0] * (765 - len(palette)) + [255, 0, 0])
    return image


@pytest.mark.parametrize(
    "mask",
    [
        square(255).astype(np.uint16),
        square(255).astype(np.uint16) * 257,
        Image.fromarray(square(255)).convert("P"),
        with_palette(square(255), [0, 0, 0]),
    ],
    ids=["16 bit to 255", "16 bit to 65535", "palette of grays", "palette of black and red"],
)
def test_a_binary_mask_is_one_however_it_is_stored(mask: Image.Image | np.ndarray, tmp_path: Path) -> None:
    assert imported(of_masks(tmp_path / "src", mask, mask)) == ("masks", [(64,), (64,)], [0, 0])


def test_palette_masks_of_0_and_255_are_index_masks_beside_others_that_hold_classes(tmp_path: Path) -> None:
    palette = [0, 0, 0, 0, 255, 0]
    masks = [with_palette(square(value), palette) for value in (255, 255, 0, 1)]
    assert imported(of_masks(tmp_path / "src", *masks)) == ("index", [(0,), (0,), (0,), (64,)], [64, 64, 0, 0])


def test_index_masks_in_three_equal_planes_are_read(tmp_path: Path) -> None:
    plane = square(1) + square(2, x=20)
    src = of_masks(tmp_path / "src", np.repeat(plane[:, :, None], 3, axis=2), plane)
    assert imported(src) == ("index", [(64, 64)] * 2, [0, 0])


def test_masks_of_0_and_255_are_refused_as_index_masks(tmp_path: Path) -> None:
    src = of_masks(tmp_path / "src", square(0), square(255))
    with pytest.raises(InputError, match=r"none but 0 and 255 \(ignore\), the first .*1\.png: .* --format masks"):
        imported(src, ImportOptions(tile_px=32, format="index"))


def test_classes_as_gray_levels_are_refused_and_the_advice_works(tmp_path: Path) -> None:
    src = of_masks(tmp_path / "src", np.maximum(square(85), square(170, x=20)), square(255))
    with pytest.raises(
        LabelError, match=r"region of 85 at x=5, y=5 .* --format colour .* have the colours #555555, #aaaaaa;"
    ):
        binary_mask(src / "masks" / "0.png")
    colours = {"dot": "#555555", "line": "#aaaaaa", "pit": "#ffffff"}
    named = Taxonomy.from_dict({"name": "t", "defects": [{"name": n, "colour": c} for n, c in colours.items()]})
    painted = ImportOptions(tile_px=32, split="none", format="colour", taxonomy=named)
    assert imported(src, painted) == ("colour", [(64, 64, 0), (0, 0, 64)], [0, 0])


def test_masks_of_different_gray_levels_are_warned_about(tmp_path: Path) -> None:
    src = of_masks(tmp_path / "src", square(128), square(192), square(0))
    warnings = import_folder(src, tmp_path / "out", SMALL).warnings
    assert any("128 in masks/0.png and 192 in masks/1.png" in warning for warning in warnings)


def test_soft_edges_and_losses_are_no_classes(tmp_path: Path) -> None:
    soft = cv2.resize(square(255), None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    Image.fromarray(soft).save(tmp_path / "soft.png")
    Image.fromarray(square(255, size=64)).save(tmp_path / "losses.jpg", quality=30)
    Image.open(tmp_path / "losses.jpg").save(tmp_path / "losses.png")
    assert len(np.unique(soft)) <= 16
    assert binary_mask(tmp_path / "soft.png").sum() == pytest.approx(24 * 24, abs=4)
    assert binary_mask(tmp_path / "losses.jpg").sum() == binary_mask(tmp_path / "losses.png").sum() == 64
