"""An acceptance test: verdicts of a system against reference decisions, part by part, in one or several runs.

In the manner of VDI/VDE/VDMA 2632-3 (acceptance test of classifying machine vision systems): a known test set, the
rates of slip (escape) and pseudo-reject (overkill) in total and by class, and what the number of parts can prove.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from blemish.core.errors import InputError
from blemish.core.records import Verdict
from blemish.metrics.attribute_study import Appraiser
from blemish.metrics.limits import CONFIDENCE, Limits, limits_of

NOT_SAID = "class not said"
SIZE_BINS = 4


@dataclass(frozen=True)
class ReferencePart:
    """What is held to be true of one part.

    Args:
        classes: names of its defect classes; empty where it is good, or where nobody said.
        size: of its largest defect, in the reference's unit; None = not said.
        borderline: whether the reference itself calls it borderline.
    """

    serial: str
    is_ok: bool
    classes: tuple[str, ...] = ()
    size: float | None = None
    borderline: bool = False


@dataclass(frozen=True)
class Reference:
    """The reference decisions, and what appraisers decided on the same parts."""

    parts: tuple[ReferencePart, ...]
    appraisers: tuple[Appraiser, ...] = ()
    said_by: tuple[str, ...] = ()  # Who or what the reference is; empty = not said.
    size_unit: str = ""  # mm or px; empty where no size is said.


@dataclass(frozen=True)
class Decision:
    """What a system said of one part: its verdict, and each class that it named with its highest score."""

    verdict: Verdict
    classes: Mapping[str, float] = field(default_factory=dict)  # By "code name".
    reasons: tuple[str, ...] = ()

    @property
    def score(self) -> float | None:
        """The highest score of any defect; None where none was found."""
        return max(self.classes.values(), default=None)

    def names(self, wanted: str) -> bool:
        """Whether a class was named, by its code, its name, or both; case does not matter."""
        given = wanted.strip().lower()
        return any(given in (name.lower(), *name.lower().split(" ", 1)) for name in self.classes)


@dataclass(frozen=True)
class Run:
    """One inspection of the test parts."""

    name: str
    decisions: Mapping[str, Decision]  # By serial.
    judged_by: tuple[str, ...] = ()
    file: str = ""  # That it was read from, whatever it is called by; empty = none.
    inspected_at: Mapping[str, str] = field(default_factory=dict)  # By serial; empty where the results do not say.
    known: Mapping[str, str] = field(default_factory=dict)  # Class name by what it may be called; empty = not said.


@dataclass(frozen=True)
class Rates:
    """One run on some parts. REVIEW is neither escape nor overkill; it is shown beside them."""

    escape: Limits  # Defective parts called OK.
    overkill: Limits  # Good parts called NG.
    stage_one_overkill: Limits  # Good parts not called OK.
    review: Limits  # Of all parts.


@dataclass(frozen=True)
class ClassRates:
    """The parts that show one class, alone or with others, in one run."""

    name: str
    escape: Limits
    not_named: Limits  # Parts for which the system named no defect of this class.


@dataclass(frozen=True)
class SizeRates:
    """Defective parts by the size of their largest defect."""

    low: float
    high: float
    escape: Limits


@dataclass(frozen=True)
class Borderline:
    """A part that is not clearly good or bad, and why."""

    serial: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """Which parts are in both files; together with the others they add up."""

    judged: tuple[ReferencePart, ...]  # With a decision in every run.
    without_result: tuple[str, ...]  # In the reference, but not in every run.
    without_reference: tuple[str, ...]  # In a run, but not in the reference.


def match(reference: Reference, runs: Sequence[Run]) -> Matching:
    """Pair the parts of the reference with those of the runs.

    Raises:
        InputError: no part is in both.
    """
    judged = tuple(part for part in reference.parts if all(part.serial in run.decisions for run in runs))
    known, kept = {part.serial for part in reference.parts}, {part.serial for part in judged}
    if not judged:
        raise InputError(
            f"no part of the reference ({_some(known)}) is in the results "
            f"({_some(serial for run in runs for serial in run.decisions)}): "
            f"their serials must be the same{_by_name(known, runs)}"
        )
    unknown = dict.fromkeys(serial for run in runs for serial in run.decisions if serial not in known)
    return Matching(judged, tuple(p.serial for p in reference.parts if p.serial not in kept), tuple(unknown))


def _by_name(known: Iterable[str], runs: Sequence[Run]) -> str:
    """What to do where the reference names parts with their folders, and the results without."""
    names = {serial.rsplit("/", 1)[-1] for serial in known}
    if any(serial in names for run in runs for serial in run.decisions):
        return "; inspect names a part by its file alone: so does blemish data reference --names file"
    return ""


def with_names_of(reference: Reference, runs: Sequence[Run]) -> Reference:
    """The reference with each class once, called as the inspector calls it, whether it was given by code or name.

    A class that the inspector does not know keeps its first spelling: it was never learned, or is misspelt.

    Example:
        >>> run = Run("r", {}, known={"a": "groove", "groove": "groove", "a groove": "groove"})
        >>> given = (ReferencePart("1", False, ("a", "Groove", "Dent")), ReferencePart("2", False, ("dent",)))
        >>> [part.classes for part in with_names_of(Reference(given), [run]).parts]
        [('groove', 'Dent'), ('Dent',)]
    """
    names = {word: name for run in reversed(runs) for word, name in run.known.items()}
    parts = []
    for part in reference.parts:
        classes = dict.fromkeys(names.setdefault(name.lower(), name) for name in part.classes)
        parts.append(replace(part, classes=tuple(classes)))
    return replace(reference, parts=tuple(parts))


def not_known(reference: Reference, runs: Sequence[Run]) -> dict[str, int]:
    """Classes of the reference that no inspector knows, with how many parts show them; empty where no run says which
    it knows."""
    known = {name for run in runs for name in run.known.values()}
    if not known:
        return {}
    return dict(Counter(name for part in reference.parts for name in part.classes if name not in known))


def rates(parts: Sequence[ReferencePart], run: Run, *, confidence: float = CONFIDENCE) -> Rates:
    """Escape, overkill and review of one run.

    Example:
        >>> run = Run("r", {"1": Decision(Verdict.OK), "2": Decision(Verdict.REVIEW)})
        >>> found = rates([ReferencePart("1", False), ReferencePart("2", True)], run)
        >>> found.escape.rate, found.overkill.rate, found.stage_one_overkill.rate
        (1.0, 0.0, 1.0)
    """
    good = [run.decisions[part.serial].verdict for part in parts if part.is_ok]
    bad = [run.decisions[part.serial].verdict for part in parts if not part.is_ok]
    return Rates(
        escape=limits_of(bad.count(Verdict.OK), len(bad), confidence=confidence),
        overkill=limits_of(good.count(Verdict.NG), len(good), confidence=confidence),
        stage_one_overkill=limits_of(len(good) - good.count(Verdict.OK), len(good), confidence=confidence),
        review=limits_of([*good, *bad].count(Verdict.REVIEW), len(parts), confidence=confidence),
    )


def class_rates(parts: Sequence[ReferencePart], run: Run, *, confidence: float = CONFIDENCE) -> list[ClassRates]:
    """Escapes by class, in the order in which the reference names them; a part of several classes counts in each."""
    bad = [part for part in parts if not part.is_ok]
    names = dict.fromkeys(name for part in bad for name in part.classes or (NOT_SAID,))
    found = []
    for name in names:
        own = [part for part in bad if name in (part.classes or (NOT_SAID,))]
        decisions = [run.decisions[part.serial] for part in own]
        escaped = sum(decision.verdict == Verdict.OK for decision in decisions)
        unnamed = 0 if name == NOT_SAID else sum(not decision.names(name) for decision in decisions)
        asked = 0 if name == NOT_SAID else len(own)
        found.append(
            ClassRates(
                name,
                limits_of(escaped, len(own), confidence=confidence),
                limits_of(unnamed, asked, confidence=confidence),
            )
        )
    return found


def size_rates(parts: Sequence[ReferencePart], run: Run, *, confidence: float = CONFIDENCE) -> list[SizeRates]:
    """Escapes by size, in up to four bins of about as many parts each; empty where fewer than four sizes are said."""
    sized = sorted(((p.size, p.serial) for p in parts if not p.is_ok and p.size is not None), key=lambda entry: entry)
    if len(sized) < SIZE_BINS:
        return []
    bins = [[sized[place] for place in places] for places in np.array_split(np.arange(len(sized)), SIZE_BINS)]
    found = []
    for own in bins:
        escaped = sum(run.decisions[serial].verdict == Verdict.OK for _, serial in own)
        limits = limits_of(escaped, len(own), confidence=confidence)
        found.append(SizeRates(own[0][0], own[-1][0], limits))
    return found


def system(runs: Sequence[Run], parts: Sequence[ReferencePart]) -> Appraiser:
    """The system as an appraiser, a trial a run; a part in REVIEW does not pass, so it counts as not OK."""
    serials = {part.serial for part in parts}
    trials = tuple(
        {serial: decision.verdict == Verdict.OK for serial, decision in run.decisions.items() if serial in serials}
        for run in runs
    )
    return Appraiser("the system", trials)


def flips(runs: Sequence[Run], parts: Sequence[ReferencePart]) -> list[tuple[str, tuple[Verdict, ...]]]:
    """Parts whose verdict is not the same in all runs, with their verdicts."""
    verdicts = [(part.serial, tuple(run.decisions[part.serial].verdict for run in runs)) for part in parts]
    return [(serial, own) for serial, own in verdicts if len(set(own)) > 1]


def borderline(reference: Reference, runs: Sequence[Run], parts: Sequence[ReferencePart]) -> list[Borderline]:
    """Parts that somebody is not sure of: the reference, the appraisers among themselves, or the system."""
    found = []
    for part in parts:
        decided = [decision for appraiser in reference.appraisers for decision in appraiser.decided(part.serial)]
        verdicts = {run.decisions[part.serial].verdict for run in runs}
        reasons = (
            ("the reference calls it borderline", part.borderline),
            ("the appraisers do not agree", len(set(decided)) > 1),
            ("the system's verdict changes from run to run", len(verdicts) > 1),
            ("the system says REVIEW", Verdict.REVIEW in verdicts),
        )
        why = tuple(reason for reason, holds in reasons if holds)
        if why:
            found.append(Borderline(part.serial, why))
    return found


def _some(serials: Iterable[str]) -> str:
    given = sorted(set(serials))
    return ", ".join(given[:3]) + (f" and {len(given) - 3} more" if len(given) > 3 else "") if given else "none"
