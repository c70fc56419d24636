"""Export as planes: one index PNG or one colour PNG for each tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import TaxonomyError
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.data.colour_labels import IGNORED, NOTHING
from blemish.data.dataset import Dataset
from blemish.data.exporters.folder import export_folder, tiles_of, write_lists
from blemish.picture.write import write_png


def export_index(dataset: Dataset, out: Path) -> int:
    """`images/<id>.png`, `labels/<id>.png` (0 none, 1..K, 255 ignore), and `backgrounds/<id>.png` if there are several.

    Returns:
        The number of tiles.
    """
    taxonomy = dataset.taxonomy
    defect_colours = [(0, 0, 0), *(rgb(d.colour) for d in taxonomy.defects)]
    background_colours = [rgb(b.colour) for b in taxonomy.backgrounds]
    with export_folder(out) as work:
        for record, label_map in tiles_of(dataset, work / "images"):
            write_png(work / "labels" / f"{record.id}.png", label_map.defect, defect_colours)
            if len(background_colours) > 1:
                write_png(work / "backgrounds" / f"{record.id}.png", label_map.background, background_colours)
        write_lists(dataset, work, "images")
    return len(dataset)


def export_colour(dataset: Dataset, out: Path) -> int:
    """`images/<id>.png` and `labels/<id>.png` painted in the taxonomy's colours (see `painted`).

    Returns:
        The number of tiles.

    Raises:
        TaxonomyError: a class is black or white, which mean no defect and ignored.
    """
    backgrounds, defects = dataset.taxonomy.backgrounds, dataset.taxonomy.defects
    for name, colour in [(b.name, b.colour) for b in backgrounds] + [(d.name, d.colour) for d in defects]:
        if rgb(colour) in (NOTHING, IGNORED):
            raise TaxonomyError(
                f"'{name}' has the colour {colour}, which means no defect or ignored in a colour PNG: "
                f"give it another colour and import again, or export as index"
            )
    with export_folder(out) as work:
        for record, label_map in tiles_of(dataset, work / "images"):
            write_png(work / "labels" / f"{record.id}.png", painted(label_map, dataset.taxonomy))
        write_lists(dataset, work, "images")
    return len(dataset)


def painted(label_map: LabelMap, taxonomy: Taxonomy) -> UInt8:
    """uint8 H W 3: a defect in its colour, white where ignored, else the background's colour.

    With one background only, no defect is black. What lies beneath a defect is not shown, so `colour_labels` gives it
    the nearest background when it reads the picture again.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> row = LabelMap(np.array([[0, 1, 255]], np.uint8), np.zeros((1, 3), np.uint8))
        >>> painted(row, cell)[0].tolist() == [list(rgb(c)) for c in ("#808080", "#e6194b", "#ffffff")]
        True
    """
    backgrounds = np.array([rgb(b.colour) for b in taxonomy.backgrounds], np.uint8)
    if len(backgrounds) == 1:
        backgrounds = np.array([NOTHING], np.uint8)
    colours: UInt8 = backgrounds[label_map.background]
    for index, defect in enumerate(taxonomy.defects, start=1):
        colours[label_map.defect == index] = rgb(defect.colour)
    colours[label_map.defect == IGNORE] = IGNORED
    return colours
