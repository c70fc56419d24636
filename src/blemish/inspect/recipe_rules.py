"""A part's regions and a recipe -> its verdict, with reasons that a person can read. Pure.

An unsure region is asked like a sure one, and what would be NG or REVIEW of it is REVIEW: so a person sees only those
that matter. A count is asked of the sure ones first, then of both together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import dist

from blemish.core.records import Defect, Verdict, ViewResult
from blemish.inspect.recipe import ANYWHERE, LARGEST, Count, Limit, PartSize, Recipe
from blemish.picture.overlay import size_text

_SAME = 1 + 1e-6  # A size in mm is a product of floats, some of 32 bit: 3 px of 0.1 mm are 0.3 mm, and no more.
NEVER_SURE = 1.0  # As `ng`: the class is left to a person, however likely; networks do answer with 1.


@dataclass(frozen=True)
class Judged:
    """What a recipe says of a part; defects are those that are sure, whether or not they are permitted."""

    verdict: Verdict
    reasons: tuple[str, ...]  # NG first; none where the part is OK.
    defects: tuple[Defect, ...]
    unsure: tuple[Defect, ...]
    also: tuple[Defect, ...] = ()  # Kept, and without a say in anything.


@dataclass(frozen=True)
class Finding:
    """One rule that was broken."""

    what: Verdict
    text: str
    rule: str = ""  # Findings of one rule and class are told together, the worst first.
    excess: float = 0.0  # How many times the limit.


def judge(views: Sequence[ViewResult], regions: Sequence[Defect], recipe: Recipe) -> Judged:
    """The verdict of a part: NG if any rule says so, else REVIEW if any does, else OK.

    Args:
        views: all that were inspected, with their doubts.
        regions: every region of all views that was kept; those that reach neither `review` nor `also` are left out.

    Example:
        >>> from blemish.inspect.recipe import parse_recipe
        >>> recipe = parse_recipe('''
        ... format = 1
        ... name = "cell"
        ... version = 1
        ... required_views = ["top", "bottom"]
        ... [scores.A]
        ... pixel = 0.5
        ... review = 0.5
        ... ng = 0.6
        ... ''')
        >>> judge([ViewResult("top", "a.png")], [], recipe).reasons
        ("view 'bottom' is missing",)
    """
    seen = [region for region in regions if is_seen(region, recipe)]
    sure = [region for region in seen if is_sure(region, recipe)]
    unsure = tuple(region for region in seen if not is_sure(region, recipe))
    looked_at = sure if recipe.unknown.unsure == "OK" else seen
    findings = [*_of_defects(sure, looked_at, recipe), *_of_views(views, recipe)]
    findings.sort(key=lambda finding: finding.what != Verdict.NG)
    verdict = findings[0].what if findings else Verdict.OK
    also = tuple(region for region in regions if is_told_too(region, recipe))
    return Judged(verdict, tuple(_told(findings)), tuple(sure), unsure, also)


def is_seen(region: Defect, recipe: Recipe) -> bool:
    """Whether a region is large and likely enough to be looked at."""
    return _is_large(region, recipe) and region.score >= recipe.scores[region.code].review


def is_told_too(region: Defect, recipe: Recipe) -> bool:
    """Whether a region that is not looked at is kept all the same."""
    asked = recipe.scores[region.code]
    return _is_large(region, recipe) and asked.least <= region.score < asked.review


def _is_large(region: Defect, recipe: Recipe) -> bool:
    asked = recipe.scores[region.code]
    return region.area_px >= asked.least_area_px and region.box.longest_px >= asked.least_size_px


def is_sure(region: Defect, recipe: Recipe) -> bool:
    """Whether a region that is seen counts as a defect."""
    asked = recipe.scores[region.code]
    if recipe.unknown.unsure == "NG":
        return region.score >= asked.review
    return asked.ng <= region.score and asked.ng < NEVER_SURE


def zones_of(region: Defect, recipe: Recipe) -> tuple[str, ...]:
    """The named zones that hold a region's middle, in the recipe's order; none where that cannot be told."""
    return tuple(name for name, zone in recipe.zones.items() if recipe.places(region) and zone.holds(region))


def limits_of(region: Defect, recipe: Recipe) -> list[Limit]:
    """The limits that apply to a region: those of the zones it lies in, else those without a zone.

    None where it cannot be told which zones hold it: a person has to say.
    """
    if not recipe.places(region):
        return []
    zones = zones_of(region, recipe)
    of_class = [limit for limit in recipe.limits if region.code in limit.classes]
    of_zone = [limit for limit in of_class if limit.zone in zones]
    return of_zone or [limit for limit in of_class if limit.zone == ANYWHERE]


def _of_defects(sure: Sequence[Defect], seen: Sequence[Defect], recipe: Recipe) -> Iterable[Finding]:
    limits = {id(region): limits_of(region, recipe) for region in seen}
    counting = [region for region in seen if all(limit.what != "OK" for limit in limits[id(region)])]
    sure_ids = {id(region) for region in sure}
    for region in counting:
        for finding in _of_region(region, limits[id(region)], recipe):
            yield finding if id(region) in sure_ids else _if_sure(finding, region, recipe)
    for count in recipe.counts:
        among_sure = list(_of_count(count, [region for region in counting if id(region) in sure_ids], recipe))
        yield from among_sure
        if not among_sure:
            for finding in _of_count(count, counting, recipe):
                yield Finding(Verdict.REVIEW, f"with unsure ones {finding.text}", f"unsure {finding.rule}")


def _if_sure(finding: Finding, region: Defect, recipe: Recipe) -> Finding:
    sure_from = recipe.scores[region.code].ng
    from_where = f"sure from {sure_from:g}" if sure_from < NEVER_SURE else "never sure"
    text = f"unsure ({region.score:.3f}, {from_where}): {finding.text}"
    return Finding(Verdict.REVIEW, text, f"unsure {finding.rule}", finding.excess)


def _of_region(region: Defect, limits: Sequence[Limit], recipe: Recipe) -> Iterable[Finding]:
    where = _where(region, recipe)
    if not recipe.places(region):
        text = f"its place is from the {region.datum}'s corner, the zones from the {recipe.datum}'s"
        if region.place_mm_xy is None:
            text = "its place in mm is not known, so no zone can be told"
        yield Finding(Verdict.REVIEW, f"{_named(region)}{where}: {text}")
        return
    if not limits and not any(_counts(count, region, recipe) for count in recipe.counts):
        text = f"{_named(region)} {size_text(region)}{where}: any is NG"
        yield Finding(Verdict.NG, text, f"any {region.code}{where}", region.length_px)
    for limit in limits:
        if not limit.maxima:
            text = f"{_named(region)} {size_text(region)}{where}: any is {limit.what}"
            yield Finding(Verdict(limit.what), text, f"any {region.code}{where}", region.length_px)
        for key, most in limit.maxima.items():
            yield from _over(region, where, key, most, Verdict(limit.what))


def _over(region: Defect, where: str, key: str, most: float, what: Verdict) -> Iterable[Finding]:
    field, word, unit = LARGEST[key]
    value = getattr(region, field)
    if value is None:
        text = f"{_named(region)}{where}: its size in {unit} is not known, so {key} cannot be asked"
        yield Finding(Verdict.REVIEW, text, f"{key} {region.code} unknown")
    elif value > most * _SAME:
        text = f"{_named(region)} {_number(value, most)} {unit} {word}{where}: limit {most:g} {unit}"
        yield Finding(
            what, " ".join(text.split()), f"{key} {most} {region.code}{where}", value / most if most else value
        )


def _of_count(count: Count, regions: Sequence[Defect], recipe: Recipe) -> Iterable[Finding]:
    counted = [region for region in regions if _counts(count, region, recipe)]
    number = len(counted) if count.within_mm is None else _most_near(counted, count.within_mm)
    if number > count.most:
        codes = " or ".join(sorted({_named(region) for region in counted}))
        where = "" if count.zone == ANYWHERE else f" in {count.zone}"
        near = "" if count.within_mm is None else f" within {count.within_mm:g} mm"
        rule = f"count {count.classes} {count.zone} {count.most} {count.within_mm}"
        yield Finding(Verdict(count.what), f"{number} x {codes}{where}{near}: at most {count.most}", rule)
    if count.within_mm is not None and (lost := [region for region in counted if region.place_mm_xy is None]):
        yield Finding(Verdict.REVIEW, f"{_named(lost[0])}: its place in mm is not known, so nearness cannot be told")


def _counts(count: Count, region: Defect, recipe: Recipe) -> bool:
    return region.code in count.classes and (count.zone == ANYWHERE or count.zone in zones_of(region, recipe))


def _most_near(regions: Sequence[Defect], within_mm: float) -> int:
    """The largest number of regions of one view whose middles lie this near to the middle of one of them, it too."""
    placed = [(region.view, region.place_mm_xy) for region in regions if region.place_mm_xy is not None]
    near = [sum(v == view and dist(p, place) <= within_mm * _SAME for v, p in placed) for view, place in placed]
    return max(near, default=0)


def _of_views(views: Sequence[ViewResult], recipe: Recipe) -> Iterable[Finding]:
    names = [view.name for view in views]
    for wanted in recipe.required_views:
        if wanted not in names:
            yield Finding(Verdict.REVIEW, f"view '{wanted}' is missing")
    for view in views:
        yield from (Finding(Verdict.REVIEW, doubt) for doubt in view.doubts)
        if not view.doubts:
            yield from (Finding(Verdict.REVIEW, f"{view.file}: {text}") for text in _unlike_the_line(view, recipe))


def _unlike_the_line(view: ViewResult, recipe: Recipe) -> Iterable[str]:
    if recipe.part is not None:
        yield from _other_size(view.part_size_mm, recipe.part)
    most = recipe.unknown.most_strange
    if most is None:
        return
    if view.strangeness is None:
        yield f"its strangeness was not measured, so {most:g} cannot be asked"
    elif not view.strangeness <= most:
        yield f"strange: {view.strangeness:.3g}, at most {most:g} expected"


def _other_size(found: tuple[float, float] | None, wanted: PartSize) -> Iterable[str]:
    told = f"{wanted.size_mm[0]:g} x {wanted.size_mm[1]:g} mm"
    if found is None:
        yield f"the size of its part was not measured, so {told} cannot be asked"
    elif not all(abs(a - b) <= wanted.tolerance_mm * _SAME for a, b in zip(found, wanted.size_mm, strict=True)):
        yield (
            f"the part is found with {found[0]:.1f} x {found[1]:.1f} mm, {told} expected (± {wanted.tolerance_mm:g}): "
            f"found wrongly, cut off, or another product"
        )


def _told(findings: Sequence[Finding]) -> Iterable[str]:
    """One sentence a rule and class: the worst, and how many more there are."""
    for _, group in groupby(_by_rule(findings), key=lambda finding: (finding.what, finding.rule or finding.text)):
        worst, *others = sorted(group, key=lambda finding: -finding.excess)
        yield worst.text + (f" (and {len(others)} more)" if others else "")


def _by_rule(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of one rule beside each other, rules in the order of their first."""
    order = {key: i for i, key in reversed(list(enumerate((f.what, f.rule or f.text) for f in findings)))}
    return sorted(findings, key=lambda finding: order[finding.what, finding.rule or finding.text])


def _named(region: Defect) -> str:
    return f"{region.code} {region.name}"


def _where(region: Defect, recipe: Recipe) -> str:
    zones = zones_of(region, recipe)
    view = f" on {region.view}" if region.view else ""
    return (f" in {' and '.join(zones)}" if zones else "") + view


def _number(value: float, most: float) -> str:
    """A value with as many digits as show that it is over its limit."""
    for digits in (1, 2, 3):
        if float(f"{value:.{digits}f}") > most:
            return f"{value:.{digits}f}"
    return f"{value:.6g}"
