"""The defect that a user painted (paper, Fig. 11): a painted label becomes a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from blemish.bundle.painting import Painter
from blemish.core.arrays import Picture, UInt8, without_channels
from blemish.core.errors import InputError, LabelError
from blemish.core.labels import LabelMap, has_defect
from blemish.core.protocols import Generator
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.data.colour_labels import IGNORED, NOTHING, index_from_colours
from blemish.gan.any_size import paint_any_size
from blemish.picture.normalise import to_8_bit, to_channels
from blemish.picture.read import read_bytes, read_index, read_label, read_picture
from blemish.picture.write import png_bytes, write_bytes

_GAP_PX = 8


@dataclass(frozen=True)
class PaintedLabel:
    """A label as a user painted it."""

    label_map: LabelMap
    names_background: bool  # Whether it says what lies beneath the defects; else that is background 0.


def read_painted(path: Path, taxonomy: Taxonomy) -> PaintedLabel:
    """A painted label of any size: colours of the taxonomy, or a single plane of class indices (0 none, 255 ignored).

    A file with a palette is read by its colours if all are the taxonomy's, else by its indices.

    Raises:
        LabelError: an unknown colour or index, naming it and its place; nothing but white.
        PictureError: no such file, or not a picture.
    """
    picture = read_label(path)
    if picture.dtype != np.uint8:
        raise LabelError(f"{path} has 16 bit a channel: a painted label has 8, export it again")
    colours = picture.astype(np.uint8, copy=False)
    if colours.ndim == 3 and (_knows_colours(colours, taxonomy) or not _has_palette(path)):
        label_map = index_from_colours(colours, taxonomy, str(path))
        named = {rgb(background.colour) for background in taxonomy.backgrounds}
        painted = PaintedLabel(label_map, names_background=bool(named & _colours_of(colours)))
    else:
        defect = read_index(path)
        label_map = LabelMap(defect, np.zeros_like(defect)).check(taxonomy, str(path))
        painted = PaintedLabel(label_map, names_background=False)
    if not has_defect(label_map) and (label_map.defect == IGNORE).any():
        raise LabelError(
            f"{path} shows white (255, ignored) but no defect: paint it in the colour or index of its class"
        )
    return painted


def read_clean(path: Path) -> Picture:
    """A clean picture to put the defect on: uint8 H W or H W 3.

    Raises:
        PictureError: it cannot be read, or has 16 bit a channel.
    """
    return to_8_bit(read_picture(path), None)


def paint_label(
    generator: Generator,
    label_map: LabelMap,
    *,
    seed: int = 0,
    background: Picture | None = None,
    redraw: Mapping[int, int] = MappingProxyType({}),
) -> Picture:
    """The picture of one label map of any size.

    Args:
        redraw: defects, numbered row by row from 0, that are drawn from a seed of their own; all else stays as it is.
        background: clean picture of the label's size, uint8 H W or H W 3, to put the defects on; None = generated.

    Returns:
        uint8 H W or H W 3, as the generator's channels.

    Raises:
        InputError: label and clean picture differ in size, no such defect, or a generator that cannot redraw one.
    """
    beneath = None
    if background is not None:
        if background.shape[:2] != label_map.size_hw:
            height, width = label_map.size_hw
            raise InputError(
                f"the painted label is {width} x {height} px, but the clean picture is {background.shape[1]} x "
                f"{background.shape[0]}: paint the label over that picture, in its size"
            )
        beneath = to_channels(background, generator.channels)[None]
    if redraw:
        return without_channels(_redrawn(generator, label_map, seed, beneath, redraw))
    return without_channels(paint_any_size(generator, [label_map], [seed], beneath)[0])


def _redrawn(
    generator: Generator, label_map: LabelMap, seed: int, beneath: UInt8 | None, redraw: Mapping[int, int]
) -> UInt8:
    if not isinstance(generator, Painter):
        raise InputError(
            "this generator paints a tile in one: one defect alone cannot be drawn again; leave --redraw out"
        )
    seeds = generator.defect_seeds(label_map, seed)
    for number, own in redraw.items():
        if not 0 <= number < len(seeds):
            raise InputError(f"the label shows {len(seeds)} defects, numbered from 0: there is no defect {number}")
        seeds[number] = own
    surface = generator.backgrounds([label_map], [seed])[0] if beneath is None else beneath[0]
    return generator.paint_defects(label_map, seeds, surface)


def beneath_painted(painted: PaintedLabel, clean_picture: Path | None, taxonomy: Taxonomy) -> LabelMap:
    """The label map with the backgrounds that lie beneath: as painted; else those of the clean picture; else 0.

    The backgrounds of a clean picture are known where it is a tile of a data set (`images/<id>.png` beside
    `backgrounds/<id>.png`).
    """
    plane = None if clean_picture is None else _plane_beside(clean_picture)
    if painted.names_background or plane is None or plane.shape != painted.label_map.size_hw:
        return painted.label_map
    return LabelMap(painted.label_map.defect, plane).check(taxonomy, f"backgrounds of {clean_picture}")


def preview(label_map: LabelMap, picture: Picture, taxonomy: Taxonomy, clean: Picture | None = None) -> UInt8:
    """The label in colours, the clean picture where there is one, and the result side by side: uint8 H W 3."""
    colours = np.array([rgb(background.colour) for background in taxonomy.backgrounds], np.uint8)[label_map.background]
    for index, defect in enumerate(taxonomy.defects, start=1):
        colours[label_map.defect == index] = rgb(defect.colour)
    gap = np.full((picture.shape[0], _GAP_PX, 3), 255, np.uint8)
    shown = [colours, gap, *([] if clean is None else [to_channels(clean, 3), gap]), to_channels(picture, 3)]
    return np.hstack(shown)


def painted_files(out: Path) -> dict[str, Path]:
    """What is written for a painted picture: itself, `<stem>.label.png` and `<stem>.preview.png`."""
    beside = {name: out.with_name(f"{out.stem}.{name}.png") for name in ("label", "preview")}
    return {"picture": out, **beside}


def write_painted(
    out: Path, label_map: LabelMap, picture: Picture, taxonomy: Taxonomy, clean: Picture | None = None
) -> dict[str, Path]:
    """Write the picture, its index label and a preview (`painted_files`)."""
    files = painted_files(out)
    write_bytes(files["picture"], png_bytes(picture))
    palette = [(0, 0, 0), *(rgb(defect.colour) for defect in taxonomy.defects)]
    write_bytes(files["label"], png_bytes(label_map.defect, palette))
    write_bytes(files["preview"], png_bytes(preview(label_map, picture, taxonomy, clean)))
    return files


def _has_palette(path: Path) -> bool:
    with Image.open(io.BytesIO(read_bytes(path))) as image:
        return image.mode == "P"


def _colours_of(picture: UInt8) -> set[tuple[int, ...]]:
    return {tuple(int(value) for value in colour) for colour in np.unique(picture.reshape(-1, 3), axis=0)}


def _knows_colours(picture: UInt8, taxonomy: Taxonomy) -> bool:
    known = {
        NOTHING,
        IGNORED,
        *(rgb(c.colour) for c in taxonomy.defects),
        *(rgb(c.colour) for c in taxonomy.backgrounds),
    }
    return _colours_of(picture) <= known


def _plane_beside(picture: Path) -> UInt8 | None:
    """The background plane of a tile of a data set, found from its picture's path; None if it is no such tile."""
    resolved = picture.resolve()
    for folder in resolved.parents:
        if folder.name == "images" and (folder.parent / "dataset.toml").is_file():
            plane = folder.parent / "backgrounds" / resolved.relative_to(folder)
            return read_index(plane) if plane.is_file() else None
    return None
