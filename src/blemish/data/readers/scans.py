"""A folder of whole scans as our simulated line writes it: pictures, defect planes, background planes, a taxonomy.

scans/<serial>.png  labels/<serial>.png  backgrounds/<serial>.png  taxonomy.toml  simulation.json

The folders are told apart by contents, the taxonomy by being one. With the simulation's story the origin is
simulated, without it real.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from blemish.core.errors import InputError, LabelError, PictureError
from blemish.core.records import Origin
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.data.readers.base import Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.index import draw_index
from blemish.data.readers.kinds import taxonomy_in
from blemish.data.readers.likeness import mask_likeness
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairing import LEAST_GAP, Folder, spread
from blemish.picture.read import read_index, read_picture


@dataclass(frozen=True)
class ScanFolders:
    """Scans with a defect plane and a background plane each; the part, and its group, is the serial."""

    name: str = "scans"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        listing = folder.listing
        taxonomy, trees = options.taxonomy or taxonomy_in(listing), _three_trees(listing)
        if taxonomy is None or trees is None or not _has_planes(listing, trees, taxonomy):
            return None
        return Match(1.0, "three folders of equal names and a taxonomy: scans, defect planes, background planes")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        taxonomy, trees = options.taxonomy or taxonomy_in(listing), _three_trees(listing)
        if taxonomy is None or trees is None:
            raise InputError(
                f"{listing.root} cannot be read as 'scans': expected three folders of equal names (scans, labels, "
                f"backgrounds) and a taxonomy file"
            )
        scans, labels, backgrounds = _roles(listing, trees, taxonomy)
        sources, left_out = [], []
        for stem, entry in scans.items():
            if stem in labels and stem in backgrounds:
                sources.append(_source(listing, stem, entry, labels[stem], backgrounds[stem], taxonomy))
            else:
                missing = "label" if stem not in labels else "background"
                left_out.append(LeftOut(entry.relative, f"scan {entry.relative} has no {missing} plane of its name"))
        for entry in (*labels.values(), *backgrounds.values()):
            if entry.stem not in scans:
                left_out.append(LeftOut(entry.relative, f"plane {entry.relative} has no scan of its name", False))
        origin = Origin.SIMULATED if _has_story(listing) else Origin.REAL
        return Plan(self.name, tuple(sources), tuple(left_out), taxonomy, origin, empty_is_clean=True)


Tree = dict[str, Entry]


def _source(
    listing: Listing, stem: str, scan: Entry, label: Entry, background: Entry, taxonomy: Taxonomy
) -> SourcePicture:
    return SourcePicture(
        id=stem,
        source=scan.relative,
        read=partial(read_picture, listing.path(scan)),
        draw=partial(_draw, listing.path(label), listing.path(background), taxonomy),
        label=label.relative,
        part=stem,
        group=stem,
    )


def _draw(label: Path, background: Path, taxonomy: Taxonomy) -> Drawn:
    drawn = draw_index(read_index(label), taxonomy, str(label))
    plane = read_index(background)
    if plane.shape != drawn.size_hw:
        raise LabelError(
            f"background plane must be {drawn.size_hw[1]}x{drawn.size_hw[0]} px like its label, "
            f"got {plane.shape[1]}x{plane.shape[0]} ({background}): export it again or leave it out with --skip-bad"
        )
    values = [int(v) for v in np.flatnonzero(np.bincount(plane.ravel(), minlength=256))]
    last = len(taxonomy.backgrounds) - 1
    if values[-1] > last:
        y, x = np.argwhere(plane == values[-1])[0]
        raise LabelError(f"{background}: value {values[-1]} at x={x}, y={y} is no background: expected 0 to {last}")
    masks = {taxonomy.backgrounds[v].name: plane == v for v in values}
    return Drawn(drawn.size_hw, drawn.defects, masks, drawn.ignored)


def _three_trees(listing: Listing) -> list[Tree] | None:
    """Three folders, more than half of whose file names are the same in all; None where there are not three."""
    trees: dict[str, Tree] = defaultdict(dict)
    for entry in listing.pictures:
        if len(entry.folders) == 1:
            trees[entry.folders[0]][entry.stem] = entry
    if len(trees) != 3:
        return None
    shared = set.intersection(*(set(tree) for tree in trees.values()))
    most = max(len(tree) for tree in trees.values())
    return list(trees.values()) if 2 * len(shared) > most else None


def _has_planes(listing: Listing, trees: list[Tree], taxonomy: Taxonomy) -> bool:
    """Whether two of the trees look like masks, one of them of backgrounds, and one does not.

    The sides of a split have equal names too, and so have masks of classes and of objects.
    """
    scans, *planes = sorted(trees, key=lambda tree: _usual_likeness(listing, tree))
    gap = min(_usual_likeness(listing, tree) for tree in planes) - _usual_likeness(listing, scans)
    return gap >= LEAST_GAP and any(_holds_backgrounds(listing, tree, taxonomy) for tree in planes)


def _holds_backgrounds(listing: Listing, tree: Tree, taxonomy: Taxonomy) -> bool:
    """Whether most of a few planes hold no value beyond those of the backgrounds."""
    sample = spread(list(tree.values()), 3)
    fitting = 0
    for entry in sample:
        try:
            fitting += int(read_index(listing.path(entry)).max(initial=0)) < len(taxonomy.backgrounds)
        except PictureError:
            continue
    return 2 * fitting > len(sample)


def _roles(listing: Listing, trees: list[Tree], taxonomy: Taxonomy) -> tuple[Tree, Tree, Tree]:
    """The trees as scans, labels, backgrounds."""
    scans = min(trees, key=lambda tree: _usual_likeness(listing, tree))
    first, second = (tree for tree in trees if tree is not scans)
    if _background_likeness(listing, first, taxonomy) > _background_likeness(listing, second, taxonomy):
        first, second = second, first
    return scans, first, second


def _usual_likeness(listing: Listing, tree: Tree) -> float:
    found = [mask_likeness(listing, entry) for entry in spread(list(tree.values()), 3)]
    return float(np.median([0.3 if score is None else score for score in found]))


def _background_likeness(listing: Listing, tree: Tree, taxonomy: Taxonomy) -> float:
    """How far planes look like backgrounds: 0 shown in the first background's colour, and no value beyond theirs."""
    score = 0.0
    for entry in spread(list(tree.values()), 3):
        try:
            plane, shown = read_index(listing.path(entry)), read_picture(listing.path(entry))
        except PictureError:
            continue
        y, x = np.unravel_index(int(plane.argmin()), plane.shape)
        if shown.ndim == 3 and plane[y, x] == 0:
            score += 1 if tuple(int(v) for v in shown[y, x]) == rgb(taxonomy.backgrounds[0].colour) else -1
        if plane.max() >= len(taxonomy.backgrounds):
            score -= 1
    return score + (0.1 if next(iter(tree.values())).folders[0] == "backgrounds" else 0.0)


def _has_story(listing: Listing) -> bool:
    for entry in listing.with_extension(".json"):
        try:
            story = json.loads(listing.path(entry).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(story, dict) and {"version", "seed", "cells"} <= set(story):
            return True
    return False
