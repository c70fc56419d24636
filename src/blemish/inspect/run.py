"""Inspect parts one after another: each gets a verdict, whatever happens to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from blemish.bundle.bundle import Bundle
from blemish.core.arrays import UInt8
from blemish.core.errors import PictureError
from blemish.core.protocols import Segmenter
from blemish.core.records import Defect, Part, PartResult, Verdict, View
from blemish.inspect.defects import MOST_DEFECTS, Limits, find_defects
from blemish.inspect.scan import Tiling, scan_scores
from blemish.inspect.sources import Naming, find_files, gather_parts
from blemish.inspect.stopwatch import Stopwatch
from blemish.inspect.verdict import counted, join, verdict_of
from blemish.picture.normalise import to_8_bit, to_channels
from blemish.picture.overlay import draw_overlay, jpeg_bytes
from blemish.picture.quality import QualityLimits, faults, measure_quality
from blemish.picture.read import read_picture
from blemish.picture.tiling import plan_tiles
from blemish.picture.write import write_bytes

_SAFE_NAME = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]{1,120}")


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

    @classmethod
    def of_bundle(
        cls, bundle: Bundle, *, threads: int | None = None, overlap_px: int | None = None, overlays: Path | None = None
    ) -> Inspection:
        """Tiles, thresholds and least sizes of the card.

        Args:
            threads: CPU threads; None = all that this process may use.
            overlap_px: least overlap of tiles instead of the card's.
            overlays: folder for one JPEG a view; None = none.

        Raises:
            InputError: an overlap that leaves no step, or no thread.
            BundleError: a network that OpenVINO cannot run.
        """
        card = bundle.card
        overlap = card.overlap_px if overlap_px is None else overlap_px
        plan_tiles(1, 1, tile_px=card.tile_px, overlap_px=overlap, stride=card.stride)  # Refuses a wrong overlap now.
        return cls(
            segmenter=bundle.segmenter(threads=threads),
            tiling=Tiling(card.tile_px, overlap, card.stride),
            limits=Limits(card.thresholds, card.least_sizes_px),
            judged_by=f"card of {bundle.hash[:12]}",
            value_range=card.range_16_bit,
            overlays=overlays,
        )


def inspect_files(
    bundle: Bundle,
    files: Sequence[Path],
    *,
    serials: Mapping[Path, Naming] | None = None,
    threads: int | None = None,
    overlap_px: int | None = None,
    overlays: Path | None = None,
) -> Iterator[PartResult]:
    """Inspect pictures, or folders of them, and say a verdict for each part as soon as it is known.

    Args:
        serials: which file belongs to which part (`sources.read_serials`); None = each file is a part by its stem.
        threads, overlap_px, overlays: as `Inspection.of_bundle`.

    Raises:
        InputError: nothing to inspect, or two parts with one serial (before anything is inspected).

    Example:
        >>> for result in inspect_files(Bundle.open(Path("inspector")), [Path("scans")]):  # doctest: +SKIP
        ...     print(result.serial, result.verdict)
    """
    parts = gather_parts(find_files(files), serials)
    inspection = Inspection.of_bundle(bundle, threads=threads, overlap_px=overlap_px, overlays=overlays)
    return (inspect_part(part, inspection) for part in parts)


def inspect_part(part: Part, inspection: Inspection) -> PartResult:
    """Inspect all views of a part; its verdict is over all of them."""
    watch = Stopwatch()
    views = [_inspect_view(part.serial, view, inspection, watch) for view in part.views]
    return PartResult(
        serial=part.serial,
        verdict=join(seen.verdict for seen in views),
        defects=tuple(defect for seen in views for defect in seen.defects),
        reasons=tuple(reason for seen in views for reason in seen.reasons),
        judged_by=inspection.judged_by,
        seconds=dict(watch.seconds),
        files=tuple(str(view.path) for view in part.views),
    )


@dataclass(frozen=True)
class _Seen:
    """What came of one view; doubts make it REVIEW where there is no defect."""

    defects: tuple[Defect, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.defects, self.doubts)

    @property
    def reasons(self) -> tuple[str, ...]:
        return (*((counted(self.defects),) if self.defects else ()), *self.doubts)


def _inspect_view(serial: str, view: View, inspection: Inspection, watch: Stopwatch) -> _Seen:
    """One view; any error on the way is a doubt with its reason, so that the part is reviewed and never lost."""
    seen = _Seen()
    try:
        with watch.stage("read"):
            picture = _read(view.path, inspection)
        seen = _judge(picture, view, inspection, watch)
        if inspection.overlays is not None:
            with watch.stage("overlay"):
                _write_overlay(picture, serial, view, seen, inspection)
    except PictureError as error:
        return _doubted(seen, str(error))
    except Exception as error:  # A part on the line always gets a verdict.
        return _doubted(seen, f"{view.path} could not be inspected: {type(error).__name__}: {error}")
    return seen


def _doubted(seen: _Seen, reason: str) -> _Seen:
    return replace(seen, doubts=(*seen.doubts, " ".join(reason.split())))


def _read(path: Path, inspection: Inspection) -> UInt8:
    """The picture as the network takes it, H W C."""
    picture = read_picture(path)
    if picture.dtype != "uint8" and inspection.value_range is None:
        raise PictureError(
            f"{path} has 16 bit, but the inspector was trained on 8-bit pictures: convert it as those were"
        )
    return to_channels(to_8_bit(picture, inspection.value_range), inspection.segmenter.channels)


def _judge(picture: UInt8, view: View, inspection: Inspection, watch: Stopwatch) -> _Seen:
    with watch.stage("quality"):
        doubts = tuple(f"{view.path}: {fault}" for fault in faults(measure_quality(picture), inspection.quality))
    if doubts:
        return _Seen(doubts=doubts)
    floors = [inspection.limits.thresholds[code] for code in inspection.segmenter.taxonomy.codes]
    scores = scan_scores(picture, inspection.segmenter, inspection.tiling, watch, floors=floors)
    with watch.stage("defects"):
        found = find_defects(scores, inspection.segmenter.taxonomy, inspection.limits, view.name)
    if found.left_out:
        doubts = (f"{view.path}: {found.left_out} more defects beyond the {MOST_DEFECTS} largest are not listed",)
    return _Seen(found.defects, doubts)


def _write_overlay(picture: UInt8, serial: str, view: View, seen: _Seen, inspection: Inspection) -> None:
    assert inspection.overlays is not None
    title = " | ".join([serial, *([view.name] if view.name else []), str(seen.verdict), *seen.doubts])
    drawn = draw_overlay(picture, seen.defects, inspection.segmenter.taxonomy, title)
    write_bytes(inspection.overlays / f"{overlay_name(serial, view.name)}.jpg", jpeg_bytes(drawn))


def overlay_name(serial: str, view: str = "") -> str:
    """The overlay's file name without its ending: serial and view, made safe where they hold a path's marks.

    Example:
        >>> overlay_name("cell-7", "top")
        'cell-7-top'
        >>> overlay_name("a/b")
        'a_b-c14cddc0'
    """
    name = f"{serial}-{view}" if view else serial
    if _SAFE_NAME.fullmatch(name) and name.strip(".") == name:
        return name
    safe = re.sub(r"[^\w.-]", "_", name)[:100].strip(".")
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
