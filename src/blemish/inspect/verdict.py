"""What is said of a part, from its card alone: NG if any defect counts, REVIEW if it could not be judged, else OK."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from blemish.core.records import Defect, Verdict, ViewResult
from blemish.inspect.recipe_rules import Judged


def judge_by_card(views: Sequence[ViewResult], defects: Sequence[Defect]) -> Judged:
    """The verdict of a part without a recipe.

    Args:
        views: all of the part, with what made them doubtful.
        defects: those that passed the thresholds and least sizes, of all views.

    Example:
        >>> judge_by_card([ViewResult("", "a.png", ("a.png: blurred",))], []).reasons
        ('a.png: blurred',)
    """
    own = [[defect for defect in defects if defect.view == view.name] for view in views]
    verdict = join(_verdict(found, view.doubts) for view, found in zip(views, own, strict=True))
    reasons = [reason for view, found in zip(views, own, strict=True) for reason in _reasons(view, found)]
    return Judged(verdict, tuple(reasons), tuple(defects), ())


def _verdict(defects: Sequence[Defect], doubts: Sequence[str]) -> Verdict:
    if defects:
        return Verdict.NG
    return Verdict.REVIEW if doubts else Verdict.OK


def _reasons(view: ViewResult, defects: Sequence[Defect]) -> Iterator[str]:
    if defects:
        yield counted(defects)
    yield from view.doubts


def join(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a part over its views: NG if one is NG, else REVIEW if one is; OK only if all are.

    Example:
        >>> str(join([Verdict.OK, Verdict.REVIEW, Verdict.NG])), str(join([]))
        ('NG', 'REVIEW')
    """
    found = set(verdicts)
    if Verdict.NG in found:
        return Verdict.NG
    return Verdict.OK if found == {Verdict.OK} else Verdict.REVIEW


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """What `blemish inspect` ends with: 0 all OK, 1 any NG, 3 any REVIEW and none NG."""
    return {Verdict.OK: 0, Verdict.NG: 1, Verdict.REVIEW: 3}[join(verdicts)]


def counted(defects: Sequence[Defect]) -> str:
    """Defects by class in words, in the order of their codes.

    Example:
        >>> counted([])
        'no defects'
    """
    if not defects:
        return "no defects"
    classes = Counter((defect.code, defect.name) for defect in defects)
    return ", ".join(f"{number} x {code} {name}" for (code, name), number in sorted(classes.items()))
