"""How many people an inspector leaves work for: shares of a day's parts, hours and heads."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from blemish.core.errors import InputError


@dataclass(frozen=True)
class Workload:
    """A day of the line. Shares are of all parts and sum with `ok` to 1."""

    ok: float  # Need no human; escapes are among them.
    flagged_good: float
    flagged_defective: float
    escaped: float  # Defective among `ok`.
    parts_seen: float  # By people, a day.
    hours: float  # That they need for it, a day.
    people: float
    people_without: float  # Who look at every part.

    @property
    def flagged(self) -> float:
        return self.flagged_good + self.flagged_defective

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return {**{name: round(value, 6) for name, value in asdict(self).items()}, "flagged": round(self.flagged, 6)}


def workload(
    *,
    defect_rate: float,
    escape: float,
    stage_one_overkill: float,
    ng_unseen: float = 0.0,
    parts_a_day: float,
    seconds_a_part: float,
    hours_a_person: float = 8.0,
) -> Workload:
    """What is left for people who look at the flagged parts only.

    Args:
        defect_rate: share of the parts that are defective.
        escape: share of the defective parts that are called OK.
        stage_one_overkill: share of the good parts that are not called OK.
        ng_unseen: share of all parts that are NG and go to scrap without a look; 0 = people see NG and REVIEW alike.
        seconds_a_part: that a person needs.
        hours_a_person: that one works a day.

    Raises:
        InputError: a share outside [0, 1], more unseen parts than flagged ones, or a quantity that is not above 0.

    Example:
        >>> day = workload(defect_rate=0.1, escape=0.1, stage_one_overkill=0.1, parts_a_day=2880, seconds_a_part=10)
        >>> round(day.flagged_good, 3), round(day.flagged_defective, 3), round(day.people, 3), day.people_without
        (0.09, 0.09, 0.18, 1.0)
    """
    shares = {"defect_rate": defect_rate, "escape": escape, "stage_one_overkill": stage_one_overkill}
    for name, value in (shares | {"ng_unseen": ng_unseen}).items():
        if not 0 <= value <= 1:
            raise InputError(f"{name} must be a share from 0 to 1, got {value}")
    for name, value in (("parts_a_day", parts_a_day), ("seconds_a_part", seconds_a_part), ("hours", hours_a_person)):
        if not value > 0:
            raise InputError(f"{name} must be above 0, got {value}")
    good, defective = (1 - defect_rate) * stage_one_overkill, defect_rate * (1 - escape)
    if ng_unseen > good + defective + 1e-9:
        raise InputError(f"ng_unseen must be at most the flagged share {good + defective:.4f}, got {ng_unseen}")
    seen = parts_a_day * max(0.0, good + defective - ng_unseen)
    hours = seen * seconds_a_part / 3600
    return Workload(
        ok=1 - good - defective,
        flagged_good=good,
        flagged_defective=defective,
        escaped=defect_rate * escape,
        parts_seen=seen,
        hours=hours,
        people=hours / hours_a_person,
        people_without=parts_a_day * seconds_a_part / 3600 / hours_a_person,
    )


PAPER_PEOPLE = 8


def paper_example() -> Workload:
    """The paper's line: 28 of 100 cells are flagged, 9 turn out good and 19 defective; 72 need no human.

    Its escapes were never measured (0 here), nor are its parts a day and seconds a part given: they are set so that
    eight people look at every cell, as before. A flagged share of 28 % then leaves 2.24; the paper says 2.
    """
    day_s = PAPER_PEOPLE * 8 * 3600.0
    return workload(
        defect_rate=0.19, escape=0.0, stage_one_overkill=9 / 81, parts_a_day=1000, seconds_a_part=day_s / 1000
    )
