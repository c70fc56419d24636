"""The page of a calibration, from its figures (`calibration.json`) alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from blemish.report.xy_chart import Line, Mark, xy_chart

Values = Mapping[str, Any]
_POINTS = (("cross_fitted", "cross-fitted"), ("as_chosen", "as chosen"))


def page(name: str, values: Values) -> str:
    """One self-contained HTML page.

    Args:
        name: of the data set.
        values: `segment.calibrate.Calibration.values`.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "percent": percent,
        "rate": rate,
        "share": share,
        "threshold": threshold,
        "exact": _as_given,
    }
    return environment.get_template("calibration.html.j2").render(
        name=name,
        values=values,
        one_judge=len({judge for what, judge in values["made_from"].items() if what.startswith("fold-")}) == 1,
        point=values["point"],
        maps=(("raw", "raw"), ("temperature_alone", "temperature alone"), ("both", "temperature and offset")),
        asked=asked_in_words(values["asked"]),
        trade=trade_off(values),
        human=human_share(values),
        reliability={what: _reliability(values[what], what) for what in ("pixels", "regions") if values[what]},
        rows=[
            ("escape: defective parts called OK", "escape"),
            ("overkill: good parts called NG", "overkill"),
            ("stage-one overkill: good parts not called OK", "stage_one_overkill"),
            ("REVIEW, of all parts", "review"),
            ("needs a human (NG or REVIEW), of all parts", "human"),
        ],
    )


def trade_off(values: Values) -> str:
    """Escape against stage-one overkill; empty where the set lacks good or defective parts."""
    return _chart(values, "overkill", "stage_one_overkill", "good parts not called OK (stage-one overkill)")


def human_share(values: Values) -> str:
    """Escape against the share of all parts that are not OK; empty where the set lacks good or defective parts."""
    return _chart(values, "called", "human", "parts that need a human, of all parts of the set")


def _chart(values: Values, across: str, rate_across: str, x_name: str) -> str:
    together, single = values["curves"]["moved_together"], values["curves"]["one_for_all"]
    if together["overkill"][0] is None or together["escape"][0] is None:
        return ""
    low, high = ([_number(v) for v in side] for side in together["escape_interval"])
    lines = [
        Line("chosen thresholds moved together", _points(together, across), tuple(low), tuple(high)),
        Line("one threshold for all classes", _points(single, across)),
    ]
    marks = []
    for key, said in reversed(_POINTS):
        point = values["point"][key]
        marks.append(Mark(said, (_number(point[rate_across]["value"]), _number(point["escape"]["value"]))))
    return xy_chart(lines, title=f"escape against {x_name}", x_name=x_name, y_name="escape", marks=marks)


def _points(curve: Values, across: str) -> tuple[tuple[float, float], ...]:
    return tuple((_number(x), _number(y)) for x, y in zip(curve[across], curve["escape"], strict=True))


def _reliability(told: Values, what: str) -> str:
    shown = [("raw", "raw score")]
    if told["kept"] != "raw":
        shown.insert(0, (told["kept"], "mapped, cross-fitted"))
    lines = [
        Line(said, tuple((row["score"], row["right"]) for row in told[key]["bins"]), dots=True) for key, said in shown
    ]
    return xy_chart(
        lines,
        title=f"reliability of {what}",
        x_name=f"score of {what}, mean of each bin",
        y_name="share that is right",
        diagonal=True,
    )


def asked_in_words(asked: Values) -> str:
    """What the thresholds were chosen by.

    Example:
        >>> asked_in_words({"recall": {"recall": 0.9, "sure": 0.8}, "cost": None, "hand": {"ng": {"A": 0.5}}})
        'recall of at least 90.0% for every class, NG where 80.0% of the regions are real; by hand: ng of A = 0.5'
    """
    parts = []
    if asked["recall"]:
        wish = asked["recall"]
        sure = f"NG where {percent(wish['sure'])} of the regions are real"
        parts.append(f"recall of at least {percent(wish['recall'])} for every class, {sure}")
    if asked["cost"]:
        cost = asked["cost"]
        review = "no REVIEW" if cost["review"] is None else f"a look {cost['review']:g}"
        rate_of = "as in the set" if cost["defect_rate"] is None else f"{percent(cost['defect_rate'])} defective parts"
        parts.append(f"least cost: an escape {cost['escape']:g}, an overkill {cost['overkill']:g}, {review}; {rate_of}")
    hand = [f"{key} of {code} = {value:g}" for key, own in asked["hand"].items() for code, value in own.items()]
    if hand:
        parts.append(f"by hand: {', '.join(hand)}")
    return "; ".join(parts)


def percent(value: float | None) -> str:
    """A share for people, with two figures of what it is off 0 or 100 %; – where there is none.

    Example:
        >>> [percent(value) for value in (0.123, 0.00052, 0.99998, 1.0, None)]
        ['12.3%', '0.052%', '99.9980%', '100.0%', '–']
    """
    if value is None:
        return "–"
    rest = 100 * min(value, 1 - value)
    digits = min(6, 1 - math.floor(math.log10(rest))) if 0 < rest < 1 else 1
    return f"{100 * value:.{digits}f}%"


def threshold(value: float) -> str:
    """A score with three digits, or as many as tell it from 1; from 1 on it is never reached.

    Example:
        >>> [threshold(value) for value in (0.5, 0.99996, 1.0)]
        ['0.500', '0.99996', 'never']
    """
    if value >= 1:
        return "never"
    return f"{value:.3f}" if value < 0.9995 else f"{value:.6g}" if value < 0.9999995 else f"{value:.9g}"


def rate(found: Values) -> str:
    """A share with its counts."""
    if found["value"] is None:
        return "– (no such part)"
    return f"{percent(found['value'])} ({found['count']} of {found['total']})"


def share(interval: Sequence[float | None]) -> str:
    """An interval for people."""
    return "–" if None in interval else f"{percent(interval[0])} to {percent(interval[1])}"


def _as_given(value: float) -> str:
    return f"{100 * value:.6g}%"


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
