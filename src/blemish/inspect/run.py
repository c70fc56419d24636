"""Inspect parts one after another: each gets a verdict, whatever happens to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from blemish.bundle.bundle import Bundle
from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import InputError, PictureError
from blemish.core.protocols import Segmenter
from blemish.core.records import Defect, Part, PartResult, Verdict, View, ViewResult
from blemish.inspect.defects import MOST_DEFECTS, Limits, find_defects
from blemish.inspect.recipe import Datum, Recipe
from blemish.inspect.recipe_fit import refuse_other_datum, refuse_unfit, search_limits, sought_by_card, sought_by_recipe
from blemish.inspect.recipe_rules import Judged, judge
from blemish.inspect.registration import PartSearch, Registration, find_part
from blemish.inspect.results import overlay_name
from blemish.inspect.scan import Tiling, scan_scores
from blemish.inspect.sources import Naming, find_files, gather_parts
from blemish.inspect.stopwatch import Stopwatch
from blemish.inspect.stored import Inspected
from blemish.inspect.strangeness import Familiar
from blemish.inspect.tempered import Tempered
from blemish.inspect.verdict import judge_by_card
from blemish.picture.normalise import to_8_bit, to_channels
from blemish.picture.overlay import draw_overlay, jpeg_bytes
from blemish.picture.quality import QualityLimits, faults, measure_quality
from blemish.picture.read import read_picture
from blemish.picture.tiling import plan_tiles
from blemish.picture.write import write_bytes

_LEAST_SIDE_PX = 16  # A shorter side shows nothing; a line-scan camera that stopped at once leaves such pictures.


@dataclass(frozen=True)
class Inspection:
    """How parts are inspected, by any segmenter; `of_bundle` takes everything from a bundle's card."""

    segmenter: Segmenter
    tiling: Tiling
    limits: Limits
    judged_by: str
    value_range: tuple[int, int] | None = None  # Of 16-bit pictures; None = such a picture is REVIEW.
    quality: QualityLimits = field(default_factory=QualityLimits)
    overlays: Path | None = None  # Where overlays go; None = none are drawn.
    recipe: Recipe | None = None  # Judges instead of the card; `limits` are then its own.
    bundle: str = ""  # The bundle's hash; empty where the segmenter is no bundle.
    part: PartSearch | None = None  # How the part is registered; None = places are the scan's, nothing is kept out.
    strangeness: Callable[[UInt8], float] | None = None  # Of a picture H W C; None = not measured.
    familiar: str = ""  # The hash of what strangeness is measured against.

    @classmethod
    def of_bundle(
        cls,
        bundle: Bundle,
        *,
        recipe: Recipe | None = None,
        threads: int | None = None,
        overlap_px: int | None = None,
        overlays: Path | None = None,
        part: PartSearch | None = None,
        familiar: Familiar | None = None,
    ) -> Inspection:
        """Tiles of the card; thresholds and least sizes of the recipe, or of the card where there is none.

        Args:
            recipe: what is NG; None = any defect that passes the card's thresholds and least sizes.
            threads: CPU threads; None = all that this process may use.
            overlap_px: least overlap of tiles instead of the card's.
            overlays: folder for one JPEG a view; None = none.
            part: how the part is registered; None = it is not.
            familiar: what the line's own pictures look like; None = no view's strangeness is measured.

        Raises:
            InputError: an overlap that leaves no step, no thread, or a recipe for another bundle or other classes.
            BundleError: a network that OpenVINO cannot run.
        """
        card = bundle.card
        overlap = card.overlap_px if overlap_px is None else overlap_px
        plan_tiles(1, 1, tile_px=card.tile_px, overlap_px=overlap, stride=card.stride)  # Refuses a wrong overlap now.
        inspection = cls(
            segmenter=bundle.segmenter(threads=threads),
            tiling=Tiling(card.tile_px, overlap, card.stride),
            limits=Limits(card.thresholds, card.least_sizes_px),
            judged_by=f"card of {bundle.hash[:12]}",
            value_range=card.range_16_bit,
            overlays=overlays,
            bundle=bundle.hash,
            part=part,
            strangeness=None if familiar is None else familiar.strangeness,
            familiar="" if familiar is None else familiar.hash,
        )
        return inspection if recipe is None else inspection.by_recipe(recipe)

    def by_recipe(self, recipe: Recipe) -> Inspection:
        """The same inspection, judged by a recipe.

        Raises:
            InputError: a recipe for another bundle, other classes or another datum, or one that asks how strange a
                view is where that is not measured.
        """
        refuse_unfit(recipe, self.segmenter.taxonomy, self.bundle)
        refuse_other_datum(recipe, self.datum)
        if recipe.unknown.most_strange is not None and self.strangeness is None:
            raise InputError(
                f"recipe {recipe.title} has unknown.most_strange, but strangeness is not measured: give --familiar "
                f"FILE, which segment strangeness makes, or remove it"
            )
        tempered = self.segmenter if recipe.temperature == 1 else Tempered(self.segmenter, recipe.temperature)
        return replace(
            self,
            segmenter=tempered,
            limits=replace(
                search_limits(sought_by_recipe(recipe)),
                first_scores={code: asked.review for code, asked in recipe.scores.items()},
            ),
            judged_by=f"recipe {recipe.title}",
            recipe=recipe,
        )

    @property
    def datum(self) -> Datum:
        """What places in mm are measured from."""
        return "scan" if self.part is None else "part"

    @property
    def inspected(self) -> Inspected:
        """What is written beside results, so that they can be judged again."""
        return Inspected(
            bundle=self.bundle,
            taxonomy=self.segmenter.taxonomy,
            datum=self.datum,
            overlap_px=self.tiling.overlap_px,
            familiar=self.familiar,
            temperature=1.0 if self.recipe is None else self.recipe.temperature,
            sought=sought_by_card(self.limits) if self.recipe is None else sought_by_recipe(self.recipe),
            recipe=self.recipe,
        )

    def judged(self, views: Sequence[ViewResult], regions: Sequence[Defect]) -> Judged:
        """The verdict of a part by its recipe, or by the card where there is none."""
        if self.recipe is None:
            return judge_by_card(views, regions)
        return judge(views, regions, self.recipe)

    def on_one_view(self, view: ViewResult, regions: Sequence[Defect]) -> Judged:
        """What a view says by itself: no other view is required."""
        if self.recipe is None:
            return judge_by_card([view], regions)
        return judge([view], regions, self.recipe.model_copy(update={"required_views": []}))


def inspect_files(
    bundle: Bundle,
    files: Sequence[Path],
    *,
    recipe: Recipe | None = None,
    serials: Mapping[Path, Naming] | None = None,
    threads: int | None = None,
    overlap_px: int | None = None,
    overlays: Path | None = None,
) -> Iterator[PartResult]:
    """Inspect pictures, or folders of them, and say a verdict for each part as soon as it is known.

    Args:
        serials: which file belongs to which part (`sources.read_serials`); None = each file is a part by its stem.
        recipe, threads, overlap_px, overlays: as `Inspection.of_bundle`.

    Raises:
        InputError: nothing to inspect, or two parts with one serial (before anything is inspected).

    Example:
        >>> for result in inspect_files(Bundle.open(Path("inspector")), [Path("scans")]):  # doctest: +SKIP
        ...     print(result.serial, result.verdict)
    """
    parts = gather_parts(find_files(files), serials)
    inspection = Inspection.of_bundle(bundle, recipe=recipe, threads=threads, overlap_px=overlap_px, overlays=overlays)
    return (inspect_part(part, inspection) for part in parts)


def inspect_part(part: Part, inspection: Inspection) -> PartResult:
    """Inspect all views of a part; its verdict is over all of them."""
    watch, began = Stopwatch(), datetime.now(UTC)
    seen = [_inspect_view(part.serial, view, inspection, watch) for view in part.views]
    views = tuple(each.view for each in seen)
    judged = inspection.judged(views, [region for each in seen for region in each.regions])
    return PartResult(
        serial=part.serial,
        verdict=judged.verdict,
        defects=judged.defects,
        reasons=(*judged.reasons, *(note for view in views for note in view.notes)),
        judged_by=inspection.judged_by,
        seconds=dict(watch.seconds),
        files=tuple(str(view.path) for view in part.views),
        unsure=judged.unsure,
        views=views,
        also=judged.also,
        inspected_at=began.isoformat(timespec="microseconds"),
    )


@dataclass(frozen=True)
class _Seen:
    """What came of one view."""

    view: ViewResult
    regions: tuple[Defect, ...] = ()

    def noted(self, notes: tuple[str, ...]) -> _Seen:
        return replace(self, view=replace(self.view, notes=(*notes, *self.view.notes)))

    def doubted(self, reason: str) -> _Seen:
        return replace(self, view=replace(self.view, doubts=(*self.view.doubts, " ".join(reason.split()))))


def _inspect_view(serial: str, view: View, inspection: Inspection, watch: Stopwatch) -> _Seen:
    """One view; any error on the way is a doubt with its reason, so that the part is reviewed and never lost."""
    seen = _Seen(ViewResult(view.name, str(view.path)))
    try:
        with watch.stage("read"):
            picture, notes = _read(view, inspection)
        seen = _look(picture, view, inspection, watch).noted(notes)
        if inspection.overlays is not None:
            with watch.stage("overlay"):
                _write_overlay(picture, serial, seen, inspection)
    except PictureError as error:
        return seen.doubted(str(error))
    except Exception as error:  # A part on the line always gets a verdict.
        return seen.doubted(f"{view.path} could not be inspected: {type(error).__name__}: {error}")
    return seen


def _read(view: View, inspection: Inspection) -> tuple[UInt8, tuple[str, ...]]:
    """The picture as the network takes it, H W C, and in what it is unlike those that the network learned from."""
    path = view.path
    if view.name and not path.exists():
        raise PictureError(f"view '{view.name}' is missing: there is no {path}")
    picture = read_picture(path)
    if picture.dtype != "uint8" and inspection.value_range is None:
        raise PictureError(
            f"{path} has 16 bit, but the inspector was trained on 8-bit pictures: convert it as those were"
        )
    height, width = picture.shape[:2]
    if min(height, width) < _LEAST_SIDE_PX:
        raise PictureError(f"{path} has {width} x {height} px, too few to show anything: did the camera stop early?")
    notes = tuple(f"{path}: {what}" for what in _unlike(picture, inspection))
    return to_channels(to_8_bit(picture, inspection.value_range), inspection.segmenter.channels), notes


def _unlike(picture: UInt8 | UInt16, inspection: Inspection) -> Iterator[str]:
    """What may be meant so, and changes no verdict."""
    colour = picture.ndim == 3 and bool((picture != picture[:, :, :1]).any())
    if inspection.segmenter.channels == 1 and colour:
        yield "in colour, the inspector learned from gray pictures"
    if inspection.segmenter.channels == 3 and picture.ndim == 2:
        yield "gray, the inspector learned from colour pictures"
    if picture.dtype == "uint8" and inspection.value_range is not None:
        yield "8 bit, the inspector learned from 16-bit pictures"
    height, width = picture.shape[:2]
    if 2 * max(height, width) < inspection.tiling.tile_px:
        yield f"{width} x {height} px, less than half of a tile of {inspection.tiling.tile_px} px: is it of that scale?"


def _look(picture: UInt8, view: View, inspection: Inspection, watch: Stopwatch) -> _Seen:
    with watch.stage("quality"):
        doubts = tuple(f"{view.path}: {fault}" for fault in faults(measure_quality(picture), inspection.quality))
    if doubts:
        return _Seen(ViewResult(view.name, str(view.path), doubts))
    part, doubts, notes = _registered(picture, view, inspection, watch)
    floors = [inspection.limits.thresholds[code] for code in inspection.segmenter.taxonomy.codes]
    scores = scan_scores(picture, inspection.segmenter, inspection.tiling, watch, floors=floors)
    with watch.stage("defects"):
        found = find_defects(scores, inspection.segmenter.taxonomy, inspection.limits, view.name, part)
    if found.left_out:
        doubts += (f"{view.path}: {found.left_out} more defects beyond the {MOST_DEFECTS} largest are not listed",)
    if found.kept_out:
        notes += (f"regions off the part, not counted: {found.kept_out}",)
    strangeness, why_not = _strangeness(picture, inspection, watch)
    if why_not:  # A note: only a recipe that asks for it doubts the view, now or in a dry run.
        notes += (f"{view.path}: {why_not}",)
    told = tuple(_told(region, inspection.recipe) for region in found.defects)
    size = _size_mm(part, inspection)
    return _Seen(ViewResult(view.name, str(view.path), doubts, strangeness, notes, found.unlisted, size), told)


def _size_mm(part: Registration | None, inspection: Inspection) -> tuple[float, float] | None:
    if part is None or inspection.segmenter.taxonomy.pixel_mm_xy is None:
        return None
    return round(part.size_mm[0], 2), round(part.size_mm[1], 2)


def _told(region: Defect, recipe: Recipe | None) -> Defect:
    """The region with the probability that it is one, where the recipe knows the map."""
    if recipe is None or recipe.probability is None:
        return region
    return replace(region, probability=round(recipe.probability.of(region.score), 4))


def _registered(
    picture: UInt8, view: View, inspection: Inspection, watch: Stopwatch
) -> tuple[Registration | None, tuple[str, ...], tuple[str, ...]]:
    """Where the part lies; where it is not found, why, as a doubt if it had to be and else as a note."""
    if inspection.part is None:
        return None, (), ()
    try:
        with watch.stage("registration"):
            return find_part(picture, inspection.segmenter.taxonomy.pixel_mm_xy, inspection.part), (), ()
    except PictureError as error:
        said = f"{view.path}: {error}"
        return (None, (said,), ()) if inspection.part.required else (None, (), (f"{said}; places are the scan's",))


def _strangeness(picture: UInt8, inspection: Inspection, watch: Stopwatch) -> tuple[float | None, str]:
    """None where it is not measured, is no number, or cannot be told, and then why: a recipe that asks says REVIEW."""
    if inspection.strangeness is None:
        return None, ""
    try:
        with watch.stage("strangeness"):
            value = float(inspection.strangeness(picture))
    except PictureError as error:
        return None, str(error)
    return (value, "") if math.isfinite(value) else (None, "")


def _write_overlay(picture: UInt8, serial: str, seen: _Seen, inspection: Inspection) -> None:
    """The view with its own verdict: what other views and counts over all of them add is in the results."""
    assert inspection.overlays is not None
    judged = inspection.on_one_view(seen.view, seen.regions)
    name = seen.view.name
    why = seen.view.doubts if inspection.recipe is None else judged.reasons
    title = " | ".join([serial, *([name] if name else []), str(judged.verdict), *why])
    also = judged.also if judged.verdict == Verdict.NG else ()
    shown = (*judged.defects, *judged.unsure)
    drawn = draw_overlay(picture, shown, inspection.segmenter.taxonomy, title, also)
    write_bytes(inspection.overlays / f"{overlay_name(serial, name)}.jpg", jpeg_bytes(drawn))
