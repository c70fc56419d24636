"""What an acceptance test comes to: every rate with its target in every run, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blemish.core.errors import InputError
from blemish.metrics.acceptance import (
    Borderline,
    ClassRates,
    Matching,
    Rates,
    Reference,
    Run,
    SizeRates,
    borderline,
    class_rates,
    flips,
    match,
    not_known,
    rates,
    size_rates,
    system,
    with_names_of,
)
from blemish.metrics.attribute_study import Pair, Repeated, Score, between, score, within
from blemish.metrics.limits import CONFIDENCE, Limits, Proof, parts_needed

MOST_FAILURES = 5  # The table of parts needed goes up to this many.


@dataclass(frozen=True)
class Targets:
    """The highest rates that are accepted, 0 to 1, and the confidence at which they must be proved."""

    escape: float = 0.02
    overkill: float = 0.03
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        for name, value in (("--max-escape", self.escape), ("--max-overkill", self.overkill)):
            if not 0 < value < 1:
                raise InputError(f"{name} must lie between 0 and 1, such as 0.02, got {value:g}")
        if not 0.5 <= self.confidence < 1:
            raise InputError(f"--confidence must be from 0.5 to below 1, such as 0.95, got {self.confidence:g}")


@dataclass(frozen=True)
class Item:
    """One rate of one run against its target."""

    run: str
    name: str
    limits: Limits
    target: float

    @property
    def proof(self) -> Proof:
        return self.limits.proof(self.target)


@dataclass(frozen=True)
class Study:
    """The attribute study: appraisers first, the system last; empty tuples where there are no appraisers."""

    scores: tuple[Score, ...]
    within: tuple[Repeated, ...]
    pairs: tuple[Pair, ...]
    together: Repeated | None  # All appraisers; None with fewer than two.


@dataclass(frozen=True)
class Acceptance:
    """Everything that the report tells."""

    reference: Reference
    runs: tuple[Run, ...]
    targets: Targets
    matching: Matching
    rates: tuple[Rates, ...]  # Of each run.
    classes: tuple[ClassRates, ...]  # Of the first run, as are sizes.
    sizes: tuple[SizeRates, ...]
    flips: tuple[tuple[str, tuple[str, ...]], ...]
    borderline: tuple[Borderline, ...]
    study: Study

    @property
    def items(self) -> tuple[Item, ...]:
        """Escape, then overkill, each in every run."""
        escapes = [
            Item(r.name, "escape", f.escape, self.targets.escape) for r, f in zip(self.runs, self.rates, strict=True)
        ]
        overkills = [
            Item(r.name, "overkill", f.overkill, self.targets.overkill)
            for r, f in zip(self.runs, self.rates, strict=True)
        ]
        return (*escapes, *overkills)

    @property
    def proof(self) -> Proof:
        """Failed if any item failed, proved only if all are, and every part of the reference has a result.

        A station that loses the hard parts would else prove itself on the easy ones.
        """
        proofs = {item.proof for item in self.items}
        if Proof.FAILED in proofs:
            return Proof.FAILED
        whole = not self.matching.without_result
        return Proof.PROVED if proofs == {Proof.PROVED} and whole else Proof.NOT_PROVED

    @property
    def not_known(self) -> dict[str, int]:
        """Classes of the reference that the inspector does not know, with their parts."""
        return not_known(self.reference, self.runs)

    def needed(self) -> list[tuple[int, int, int]]:
        """Failures, and the least numbers of defective and of good parts at which they still prove the targets."""
        t = self.targets
        counts = range(MOST_FAILURES + 1)
        bad = [parts_needed(t.escape, failures=n, confidence=t.confidence) for n in counts]
        good = [parts_needed(t.overkill, failures=n, confidence=t.confidence) for n in counts]
        return list(zip(counts, bad, good, strict=True))


def accept(reference: Reference, runs: Sequence[Run], targets: Targets) -> Acceptance:
    """Judge the runs of a system by a reference.

    Raises:
        InputError: no run, one run twice, runs that were not judged alike, or no part that is in the reference and in
            every run.
    """
    if not runs:
        raise InputError("an acceptance test needs results: give at least one folder of `blemish inspect --out`")
    _refuse_twice(runs)
    _refuse_judged_otherwise(runs)
    reference = with_names_of(reference, runs)
    matching = match(reference, runs)
    parts = matching.judged
    return Acceptance(
        reference=reference,
        runs=tuple(runs),
        targets=targets,
        matching=matching,
        rates=tuple(rates(parts, run, confidence=targets.confidence) for run in runs),
        classes=tuple(class_rates(parts, runs[0], confidence=targets.confidence)),
        sizes=tuple(size_rates(parts, runs[0], confidence=targets.confidence)),
        flips=tuple((serial, tuple(map(str, own))) for serial, own in flips(runs, parts)),
        borderline=tuple(borderline(reference, runs, parts)),
        study=_study(reference, runs, matching),
    )


def _refuse_twice(runs: Sequence[Run]) -> None:
    files = [run.file for run in runs if run.file]
    times = [tuple(sorted(run.inspected_at.items())) for run in runs if run.inspected_at]
    same = len({run.name for run in runs}) < len(runs) or len(set(files)) < len(files)
    if same or len(set(times)) < len(times):
        raise InputError("the same results are given twice: repeated runs are other inspections of the same parts")


def _refuse_judged_otherwise(runs: Sequence[Run]) -> None:
    for run in runs[1:]:
        if set(run.judged_by) != set(runs[0].judged_by):
            raise InputError(
                f"{run.name} was judged by {', '.join(run.judged_by)}, {runs[0].name} by "
                f"{', '.join(runs[0].judged_by)}: repeated runs are of one station, accept each of two alone"
            )


def _study(reference: Reference, runs: Sequence[Run], matching: Matching) -> Study:
    people = list(reference.appraisers)
    truth = {part.serial: part.is_ok for part in reference.parts}
    judges = [*people, system(runs, matching.judged)]
    pairs, together = between(people)
    return Study(
        scores=tuple(score(judge, truth) for judge in judges),
        within=tuple(within(judge) for judge in judges if len(judge.trials) > 1),
        pairs=pairs,
        together=together if len(people) > 1 else None,
    )
