"""What came of a few defects in plain words: what the default preset could do, could not do, and was not tested for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def words_of(values: Mapping[str, Any]) -> list[str]:
    """What the preset could and could not do from so few, in plain words."""
    outcome = values["outcome"]
    groups, tiles = len(values["groups"]), values["training_tiles"]
    head = f"{values['class']} from {groups} physical defect{'s' if groups != 1 else ''} ({tiles} tiles)"
    came = (
        f"{outcome['state']} ({outcome['explained_frac']:.2f} of a real defect is painted again, at "
        f"{outcome['contrast_frac']:.2f} of its contrast)"
    )
    advice = ": leave it to copy-paste, or train longer" if outcome["state"] == "weak" else ""
    parts = [f"{head}: {came}{advice}", _of_tiles(values), _of_draws(values), _of_copies(values), _of_kid(values)]
    return [part for part in [*parts, _of_found(values), _of_iou(values)] if part]


def _of_tiles(values: Mapping[str, Any]) -> str:
    made = values["synthesis"]
    if made is None:
        return f"could not fill a single tile: {values['why_none']}"
    told = f"{made['written']} of {made['planned']} tiles made on {values['background']} backgrounds"
    gate = made["gate"]
    if gate is None:
        return f"{told}, without the gate"
    rules = ", ".join(f"{rule} {sum(by_class.values())}" for rule, by_class in gate["rejected"].items())
    admitted = f"{sum(gate['admitted'].values())} of {gate['drawn']} drawn ones admitted"
    return f"{told}, {admitted}" + (f" (rejected: {rules})" if rules else "")


def _of_draws(values: Mapping[str, Any]) -> str:
    told = f"draws of one label differ by {values['outcome']['diversity_frac']:.2f} of what a real defect changes"
    apart = values["diversity"]
    if apart is None or not apart["synthetic"] or not apart["real"]:
        return told
    return f"{told}; its defects lie {apart['synthetic'] / apart['real']:.2f} times as far apart as the real ones"


def _of_copies(values: Mapping[str, Any]) -> str:
    found = values["memorisation"]
    if found is None or found["share"] is None:
        return "not tested: whether it copies its training defects (no held-out defect, or no tile, to compare)"
    drawn_again = values["synthesis"]["near_copies"] or 0
    again = f"; {drawn_again} shapes were drawn again as near-copies" if drawn_again else ""
    share = (
        f"{found['share']:.1%} are nearer to one than 99 % of {found['held_out']} held-out ones are, by chance "
        f"{found['expected']:.1%}, seldom over {found['most_by_chance']:.1%}"
    )
    if found["share"] <= found["most_by_chance"]:
        return f"no closer to training defects than real ones are ({share}){again}"
    return f"closer to training defects than real ones are: {share}{again}"


def _of_kid(values: Mapping[str, Any]) -> str:
    found = values["kid"]
    if found is None or found["kid"]["mean"] is None:
        return "not tested: how far it is from held-out defects (too few of them)"
    real = values["real"]["kid"]["mean"]
    beside = "" if real is None else f"; the training defects in their place: {real:.3f}"
    few = "; a hint only" if found["note"] else ""
    return (
        f"KID {found['kid']['mean']:.3f} ± {found['kid']['std']:.3f} from {found['real']} held-out defects{beside}{few}"
    )


def _of_found(values: Mapping[str, Any]) -> str:
    """Only where the rule is off."""
    if values["thresholds"] is None:
        return "not tested: whether a segmenter finds its defects (the gate has none)"
    row = values["thresholds"]["classes"].get(values["class"])
    if row is not None and row["found"]:
        return ""
    iou = "no real tile was judged" if row is None or row["iou"] is None else f"out-of-fold IoU {row['iou']:.2f}"
    return f"not tested: whether a segmenter finds its defects (from so few it finds no real ones: {iou})"


def _of_iou(values: Mapping[str, Any]) -> str:
    found = values["iou"]
    if found is None:
        return "not tested: whether an inspector gains by its tiles (--iou)"
    if found.get("why_none"):
        return f"not tested: whether an inspector gains by its tiles (there are none: {found['why_none']})"
    with_tiles, without = ("–" if v is None else f"{v:.2f}" for v in (found["with"], found["without"]))
    return f"an inspector's IoU: {with_tiles} with its tiles, {without} without (one seed: a hint, no proof)"
