"""A calibration on disk and on the screen."""

from __future__ import annotations

import json
from pathlib import Path

import tomli_w

from blemish.picture.write import write_bytes
from blemish.report.calibration import page, percent, rate, threshold
from blemish.segment.calibrate import FORMAT, Calibration
from blemish.segment.candidates import Candidates
from blemish.segment.candidates_file import made_from, read_candidates, write_candidates
from blemish.segment.fold_runs import FoldRuns
from blemish.segment.gather import gather

CANDIDATES, FIGURES, PAGE, THRESHOLDS = "candidates", "calibration.json", "calibration.html", "thresholds.toml"
FEW = 5  # Groups of a class, under which its thresholds say little.
_HEAD = (
    "# Thresholds of raw scores: copy the [scores.*] tables into a recipe.\n"
    "# temperature: what they were chosen under; 1 = the network's own probabilities.\n"
)


def candidates_of(opened: FoldRuns, out: Path, *, progress: bool = False) -> tuple[Candidates, bool]:
    """The candidates of these inspectors, from `out` where they are there already; and whether they were."""
    folder = out / CANDIDATES
    if made_from(folder) == dict(opened.made_from):
        return read_candidates(folder), True
    found = gather(opened, progress=progress)
    write_candidates(folder, found)
    return found, False


def write_calibration(out: Path, name: str, calibration: Calibration, bundle: str | None = None) -> list[Path]:
    """Write figures, page and thresholds; each file is there whole or not at all.

    Args:
        name: of the data set, for the page.
        bundle: hash of the one that the scores are of, where it is one: a recipe of another refuses the thresholds.
    """
    texts = {
        FIGURES: json.dumps(calibration.values, indent=1, allow_nan=False) + "\n",
        PAGE: page(name, calibration.values),
        THRESHOLDS: thresholds_toml(calibration, bundle),
    }
    for file, text in texts.items():
        write_bytes(out / file, text.encode())
    return [out / file for file in texts]


def thresholds_toml(calibration: Calibration, bundle: str | None = None) -> str:
    """The `[scores.<CODE>]` tables of a recipe, with what they were made from."""
    mapped = calibration.values["regions"]
    values = {
        "format": FORMAT,
        "temperature": 1.0,
        "made_from": calibration.values["made_from"] | ({} if bundle is None else {"bundle": bundle}),
        **({} if not mapped else {"probability": {name: mapped[name] for name in ("temperature", "offset")}}),
        "scores": {one.code: one.to_dict() for one in calibration.chosen},
    }
    return _HEAD + tomli_w.dumps(values)


def to_text(calibration: Calibration) -> str:
    """A table for people."""
    head = (
        f"{'class':<20}{'also':>10}{'review':>10}{'ng':>10}{'area px':>9}{'labelled':>10}{'found':>9}{'crossed':>9}"
        f"{'false':>7}{'told':>9}{'false':>7}"
    )
    lines = [head]
    for row in calibration.values["classes"]:
        also = threshold(row["also"]) if "also" in row else "–"
        found, crossed = (percent(row[key]["recall"]) for key in ("as_chosen", "cross_fitted"))
        told, told_false = percent(row["cross_fitted"]["recall_told"]), row["cross_fitted"]["told_false"]
        lines.append(
            f"{row['code'] + ' ' + row['name']:<20}{also:>10}{threshold(row['review']):>10}{threshold(row['ng']):>10}"
            f"{row['least_area_px']:>9}"
            f"{row['labelled']:>10}{found:>9}{crossed:>9}{row['cross_fitted']['false']:>7}{told:>9}{told_false:>7}"
        )
    lines.append(
        "found: of the labelled defects, as chosen; crossed: by thresholds of the other folds; false: regions; told: "
        "crossed, with those from `also` on where the part is NG"
    )
    few = [
        f"{row['code']} {row['name']} ({row['groups']})"
        for row in calibration.values["classes"]
        if 0 < row["groups"] < FEW
    ]
    if few:
        lines.append(f"careful, few physical defects to choose by: {', '.join(few)}")
    for name, words in (("cross_fitted", "cross-fitted"), ("as_chosen", "as chosen")):
        point = calibration.values["point"][name]
        lines.append(
            f"{words}: escape {rate(point['escape'])}, overkill {rate(point['overkill'])}, stage-one overkill "
            f"{rate(point['stage_one_overkill'])}, REVIEW {rate(point['review'])}, human {rate(point['human'])}"
        )
    levels = calibration.values["levels"]
    if levels:
        told = ", ".join(f"{row['pixel']:g}: {_cost(row['mean_cost'])}" for row in levels)
        chosen = calibration.values["asked"]["pixel"]
        lines.append(
            f"cross-fitted mean cost by --pixel ({chosen:g} is chosen; at a lower one regions are larger): {told}"
        )
    return "\n".join(lines)


def _cost(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
