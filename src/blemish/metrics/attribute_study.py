"""The attribute study of AIAG's Measurement Systems Analysis (4th ed., chapter III-C, pages 134 to 141).

Several appraisers decide OK or NG on the same parts, each maybe several times, against a reference. A system that was
run several times is one more appraiser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from blemish.metrics.agreement import Kappa, cohen_kappa, fleiss_kappa
from blemish.metrics.limits import Limits, limits_of

PARTS, APPRAISERS, TRIALS = 50, 3, 3  # What AIAG's example has; a smaller study is said to be one.
_EFFECTIVENESS, _MISS, _FALSE_ALARM = (0.90, 0.80), (0.02, 0.05), (0.05, 0.10)  # Acceptable, marginal.


class Grade(StrEnum):
    """AIAG's words for an appraiser."""

    ACCEPTABLE = "acceptable"
    MARGINAL = "marginal, may need improvement"
    UNACCEPTABLE = "unacceptable, needs improvement"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Appraiser:
    """A person, or the system: what was decided in each trial, by serial; True = OK.

    Args:
        numbers: of the trials, where they are not 1, 2, ...: decisions of one number are compared.
    """

    name: str
    trials: tuple[Mapping[str, bool], ...]
    numbers: tuple[int, ...] = ()

    def decided(self, serial: str) -> list[bool]:
        """All decisions on a part."""
        return [trial[serial] for trial in self.trials if serial in trial]

    @property
    def by_number(self) -> dict[int, Mapping[str, bool]]:
        """The trials by their numbers."""
        return dict(zip(self.numbers or range(1, len(self.trials) + 1), self.trials, strict=True))


@dataclass(frozen=True)
class Score:
    """One appraiser against the reference.

    Attributes:
        effectiveness: parts on which every decision was right, of all parts decided on. 1 is best.
        miss: decisions OK, of all decisions on defective parts.
        false_alarm: decisions NG, of all decisions on good parts.
    """

    name: str
    trials: int
    effectiveness: Limits
    miss: Limits
    false_alarm: Limits
    kappa: Kappa

    @property
    def grades(self) -> tuple[Grade, Grade, Grade]:
        """Of effectiveness (90 %, marginal from 80 %), miss (2 %, 5 %) and false alarm (5 %, 10 %)."""
        return (
            _grade(-self.effectiveness.rate, (-_EFFECTIVENESS[0], -_EFFECTIVENESS[1])),
            _grade(self.miss.rate, _MISS),
            _grade(self.false_alarm.rate, _FALSE_ALARM),
        )


@dataclass(frozen=True)
class Repeated:
    """Whether one appraiser, or several together, decide the same every time.

    Attributes:
        same: parts on which all decisions are the same: of one appraiser of the parts with two decisions or more, of
            several of the parts that have every decision.
        kappa: Fleiss' over the parts that have every decision.
        differing: serials of the other parts: AIAG's gray zone.
    """

    name: str
    same: Limits
    kappa: Kappa
    differing: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Cohen's kappa of two appraisers, decision by decision of the same trial."""

    first: str
    second: str
    kappa: Kappa


def score(appraiser: Appraiser, reference: Mapping[str, bool]) -> Score:
    """One appraiser against the reference; parts without a reference are left out.

    Example:
        >>> anna = Appraiser("anna", ({"1": True, "2": True}, {"1": True, "2": False}))
        >>> found = score(anna, {"1": True, "2": False})
        >>> found.effectiveness.rate, found.miss.rate, found.false_alarm.rate
        (0.5, 0.5, 0.0)
    """
    own = {serial: appraiser.decided(serial) for serial in reference if appraiser.decided(serial)}
    pairs = [(decision, reference[serial]) for serial, decisions in own.items() for decision in decisions]
    right = sum(all(decision == reference[serial] for decision in decisions) for serial, decisions in own.items())
    on_bad = [decision for decision, is_ok in pairs if not is_ok]
    on_good = [decision for decision, is_ok in pairs if is_ok]
    return Score(
        name=appraiser.name,
        trials=len(appraiser.trials),
        effectiveness=limits_of(right, len(own)),
        miss=limits_of(sum(on_bad), len(on_bad)),
        false_alarm=limits_of(len(on_good) - sum(on_good), len(on_good)),
        kappa=cohen_kappa([decision for decision, _ in pairs], [is_ok for _, is_ok in pairs]),
    )


def within(appraiser: Appraiser) -> Repeated:
    """Whether an appraiser repeats himself."""
    return _repeated(appraiser.name, [appraiser])


def between(appraisers: Sequence[Appraiser]) -> tuple[tuple[Pair, ...], Repeated]:
    """Every pair's kappa, and whether all decisions of all appraisers are the same."""
    pairs = tuple(Pair(one.name, other.name, _pair_kappa(one, other)) for one, other in combinations(appraisers, 2))
    return pairs, _repeated("all", appraisers)


def _pair_kappa(one: Appraiser, other: Appraiser) -> Kappa:
    ones, others = one.by_number, other.by_number
    both = [
        (ones[number][serial], others[number][serial])
        for number in sorted(ones.keys() & others.keys())
        for serial in ones[number]
        if serial in others[number]
    ]
    return cohen_kappa([first for first, _ in both], [second for _, second in both])


def _repeated(name: str, appraisers: Sequence[Appraiser]) -> Repeated:
    serials = dict.fromkeys(serial for one in appraisers for trial in one.trials for serial in trial)
    decisions = {serial: [d for one in appraisers for d in one.decided(serial)] for serial in serials}
    several = {serial: own for serial, own in decisions.items() if len(own) >= 2}
    differing = tuple(serial for serial, own in several.items() if len(set(own)) > 1)
    every = sum(len(one.trials) for one in appraisers)
    whole = {serial: own for serial, own in several.items() if len(own) == every}
    counted = several if len(appraisers) == 1 else whole
    same = limits_of(sum(len(set(own)) == 1 for own in counted.values()), len(counted))
    return Repeated(name, same, fleiss_kappa(list(whole.values())), differing)


def _grade(value: float, bounds: tuple[float, float]) -> Grade:
    if value != value:
        return Grade.UNKNOWN
    if value <= bounds[0] + 1e-12:
        return Grade.ACCEPTABLE
    return Grade.MARGINAL if value <= bounds[1] + 1e-12 else Grade.UNACCEPTABLE
