"""What an evaluation says, in words: the counts, their intervals, and how far they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from blemish.core.records import Box
from blemish.core.taxonomy import Taxonomy
from blemish.metrics.findings import Findings, Tally
from blemish.metrics.part import Proportion

FEW_GROUPS = 5  # A class of fewer groups has figures that say little.
_MOST_DIGITS = 6  # Of a per cent, behind the point.


@dataclass(frozen=True)
class Card:
    """One of the few figures at the top: its name, its value, and the counts behind it."""

    name: str
    value: str
    note: str


def headline(total: Tally) -> str:
    """Escapes and overkill as counts.

    Example:
        >>> headline(Tally(defective=55, escaped=3, good=62, overkilled=48))
        '3 of 55 defective parts escape, 48 of 62 good parts are stopped'
    """
    escape = (
        f"{total.escaped} of {total.defective} defective parts escape" if total.defective else "no part is defective"
    )
    overkill = f"{total.overkilled} of {total.good} good parts are stopped" if total.good else "no part is good"
    return f"{escape}, {overkill}"[0].upper() + f"{escape}, {overkill}"[1:]


def sentences(found: Findings, taxonomy: Taxonomy, mean_iou: float) -> tuple[str, ...]:
    """The verdict: defects, false alarms, the weakest class."""
    total, wrong = found.total, _wrong_class(found)
    told = []
    if total.true:
        called = f", {wrong} of them called another class" if wrong else ""
        told.append(
            f"The inspector finds {total.found} of {total.true} true defects ({share(total.recall)}) and misses "
            f"{total.true - total.found}{called}. It calls {total.false} regions where nothing is, "
            f"{total.false_a_scan:.1f} a scan."
        )
    else:
        told.append(f"No true defect was there to be found. It calls {total.false} regions where nothing is.")
    if total.blind:
        stopped = total.defective - total.escaped
        told.append(
            f"Of the {stopped} defective parts that are stopped, {total.blind} are stopped only by a false alarm or a "
            f"wrong class: no defect on them was found."
        )
    weakest = _weakest(found, taxonomy)
    if weakest:
        index, recall = weakest
        told.append(f"Weakest is {_name(taxonomy, index)}: {recall.count} of {recall.total} found ({share(recall)}).")
    if not math.isnan(mean_iou):
        told.append(f"Over pixels the mean IoU of the classes is {mean_iou:.3f}.")
    return tuple(told)


def cautions(found: Findings, taxonomy: Taxonomy, class_groups: Sequence[int]) -> tuple[str, ...]:
    """What the figures do not show."""
    told = []
    few = [f"{_name(taxonomy, i)} ({n})" for i, n in enumerate(class_groups, start=1) if 0 < n < FEW_GROUPS]
    if few:
        told.append(f"Classes shown by fewer than {FEW_GROUPS} groups, whose figures say little: {', '.join(few)}.")
    absent = [_name(taxonomy, i) for i, n in enumerate(class_groups, start=1) if n == 0]
    if absent:
        told.append(f"Never shown, so nothing is known of them: {', '.join(absent)}.")
    told += _dependent(found)
    if found.total.unknown:
        told.append(
            f"Left out of escape and overkill, as nobody knows whether they are good (no defect, but ignored pixels): "
            f"{found.total.unknown} of {found.total.unknown + found.total.defective + found.total.good} parts."
        )
    return tuple(told)


def cards(found: Findings, mean_iou: float) -> tuple[Card, ...]:
    """Parts first, then regions, then pixels."""
    total = found.total
    return (
        Card("Escape: defective parts called OK", percent(total.escape.value), interval(total.escape)),
        Card("Overkill: good parts called NG", percent(total.overkill.value), interval(total.overkill)),
        Card("Defects found", percent(total.recall.value), interval(total.recall)),
        Card(
            "False alarms a scan",
            "–" if math.isnan(total.false_a_scan) else f"{total.false_a_scan:.1f}",
            f"{total.false} on {total.scans} scans",
        ),
        Card("Mean IoU, pixels", "–" if math.isnan(mean_iou) else f"{mean_iou:.3f}", "1 is best"),
    )


def size_words(box: Box, area_px: int, taxonomy: Taxonomy) -> str:
    """The longest side of a region and its area, in mm too where the size of a pixel is known.

    Example:
        >>> size_words(Box(0, 0, 9, 2), 18, Taxonomy.of_names("x", ["dent"]))
        '9 px long, 18 px in area'
    """
    if taxonomy.pixel_mm_xy is None:
        return f"{box.longest_px} px long, {area_px} px in area"
    x, y = taxonomy.pixel_mm_xy
    longest = max(box.width * x, box.height * y)
    return f"{box.longest_px} px ({longest:.1f} mm) long, {area_px} px ({area_px * x * y:.1f} mm²) in area"


def percent(value: float) -> str:
    """A share with as many digits as help, and a space that does not break; 0 % and 100 % are exactly that.

    Example:
        >>> [percent(value).replace("\\u00a0", " ") for value in (0.004, 0.123, 0.997, 1.0, float("nan"))]
        ['0.4 %', '12 %', '99.7 %', '100 %', '–']
    """
    if math.isnan(value):
        return "–"
    digits = 1 if 0 < value < 0.1 else 0
    while 0 < value < 1 and digits < _MOST_DIGITS and float(f"{value * 100:.{digits}f}") in (0, 100):
        digits += 1
    return f"{value * 100:.{digits}f}\u00a0%"


def exact_percent(value: float) -> str:
    """A share as it was given: 2 %, 0.25 %."""
    return f"{value * 100:g}\u00a0%"


def limit_percent(value: float, target: float, *, upper: bool = True) -> str:
    """A limit of a rate, rounded to the safe side, with the digits that leave it on its side of a target.

    Args:
        upper: rounded up; a lower limit is rounded down.

    Example:
        >>> [limit_percent(value, 0.0025).replace("\\u00a0", " ") for value in (0.00249, 0.0203)]
        ['0.25 %', '2.1 %']
    """
    if math.isnan(value) or value in (0, 1):
        return percent(value)
    towards, shown, digits = math.ceil if upper else math.floor, value, 0
    while digits < _MOST_DIGITS:
        digits += 1
        shown = towards(round(value * 100 * 10**digits, 6)) / 10**digits
        on_its_side = (shown <= round(target * 100, 9)) == (value <= target)
        if on_its_side and 10**-digits <= value * 50:  # Two figures, or one of 2 and more.
            break
    return f"{shown:.{digits}f}\u00a0%"


def share(value: Proportion) -> str:
    """A share in per cent."""
    return percent(value.value)


def interval(value: Proportion) -> str:
    """The counts of a share and its 95 % interval; says so where it is not defined."""
    if not value.total:
        return "not defined: there is none"
    return f"{value.count} of {value.total}; 95 % interval {percent(value.low)} to {percent(value.high)}"


def _dependent(found: Findings) -> list[str]:
    """Pictures of one physical defect miss or meet together: their number flatters an interval."""
    total, groups = found.total, found.groups.values()
    counts = [
        (total.defective, "defective", sum(tally.defective > 0 for tally in groups)),
        (total.good, "good", sum(tally.good > 0 for tally in groups)),
    ]
    fewer = [f"the {parts} {kind} parts are of {own} groups" for parts, kind, own in counts if 0 < own < parts]
    if not fewer:
        return []
    return [f"Intervals take parts as independent, but {' and '.join(fewer)}: the true uncertainty is larger."]


def _wrong_class(found: Findings) -> int:
    """Missed defects that were called another class."""
    called = found.called[1:, 1:]
    return int(called.sum() - called.trace())


def _weakest(found: Findings, taxonomy: Taxonomy) -> tuple[int, Proportion] | None:
    """The class of the lowest recall; None where one class at most is shown, or none is missed."""
    shown = [(i, found.class_recall(i)) for i in range(1, len(taxonomy.defects) + 1)]
    shown = [(index, recall) for index, recall in shown if recall.total]
    if len(shown) < 2 or found.total.found == found.total.true:
        return None
    return min(shown, key=lambda entry: entry[1].value)


def _name(taxonomy: Taxonomy, index: int) -> str:
    return f"{taxonomy.defect(index).code} {taxonomy.defect(index).name}"
