"""The report of an acceptance test: the verdict, what was tested, what is proved, and the attribute study."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from blemish.core.records import Verdict
from blemish.metrics.acceptance import ReferencePart, Run
from blemish.metrics.acceptance_outcome import Acceptance, Item
from blemish.metrics.agreement import Kappa
from blemish.metrics.attribute_study import APPRAISERS, PARTS, TRIALS
from blemish.metrics.limits import Limits, Proof, parts_needed
from blemish.picture.write import write_bytes
from blemish.report.acceptance_words import bound_words, counted, headline, lead, parts_words, unknown_words
from blemish.report.evaluation_words import exact_percent, limit_percent, percent

PAGE, FIGURES, PARTS_TABLE = "index.html", "acceptance.json", "parts.csv"
MOST_LISTED = 40


@dataclass(frozen=True)
class WrongPart:
    """One escape or overkill."""

    serial: str
    runs: str  # In which runs, empty where there is one.
    truth: str
    named: str  # What the system named, with its highest score.


def write_acceptance(found: Acceptance, folder: Path) -> Path:
    """Write `index.html`, `acceptance.json` and `parts.csv` into a folder; return the page's path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"percent": percent, "exact": exact_percent, "limit": limit_percent, "bound": bound_words}
    environment.filters |= {"span": _span, "kappa": _kappa, "unit": lambda v: f"{v:g}"}
    page = environment.get_template("acceptance.html.j2").render(**_context(found))
    write_bytes(folder / PARTS_TABLE, _parts_csv(found).encode())
    write_bytes(folder / FIGURES, (json.dumps(to_dict(found), indent=2, allow_nan=False) + "\n").encode())
    write_bytes(folder / PAGE, page.encode())
    return folder / PAGE


def to_dict(found: Acceptance) -> dict[str, Any]:
    """Plain JSON values: the outcome, every rate with its limits, and the study."""
    matching = found.matching
    return {
        "outcome": str(found.proof),
        "targets": vars(found.targets),
        "reference_by": list(found.reference.said_by),
        "parts": {
            "judged": len(matching.judged),
            "defective": sum(not part.is_ok for part in matching.judged),
            "good": sum(part.is_ok for part in matching.judged),
            "without_result": list(matching.without_result),
            "without_reference": list(matching.without_reference),
        },
        "classes_not_known": found.not_known,
        "runs": [
            {"name": run.name, "judged_by": list(run.judged_by), **{k: _limits(v) for k, v in vars(own).items()}}
            for run, own in zip(found.runs, found.rates, strict=True)
        ],
        "items": [{"run": i.run, "rate": i.name, "target": i.target, "outcome": str(i.proof)} for i in found.items],
        "classes": {c.name: {"escape": _limits(c.escape), "not_named": _limits(c.not_named)} for c in found.classes},
        "sizes": [{"from": s.low, "to": _json(s.high), "escape": _limits(s.escape)} for s in found.sizes],
        "flips": {serial: list(verdicts) for serial, verdicts in found.flips},
        "borderline": {part.serial: list(part.why) for part in found.borderline},
        "appraisers": [appraiser.name for appraiser in found.reference.appraisers],
        "study": {
            s.name: {
                "effectiveness": _limits(s.effectiveness),
                "miss": _limits(s.miss),
                "false_alarm": _limits(s.false_alarm),
                "kappa": _json(s.kappa.value),
                "grades": [str(grade) for grade in s.grades],
            }
            for s in found.study.scores
        },
        "within": {w.name: {"same": _limits(w.same), "kappa": _json(w.kappa.value)} for w in found.study.within},
        "between": [{"first": p.first, "second": p.second, "kappa": _json(p.kappa.value)} for p in found.study.pairs],
    }


def _context(found: Acceptance) -> dict[str, Any]:
    parts, several = found.matching.judged, len(found.runs) > 1
    bad = [part for part in parts if not part.is_ok]
    return {
        "a": found,
        "headline": headline(found),
        "lead": lead(found),
        "counted": counted(found),
        "unknown": unknown_words(found),
        "first": found.rates[0],
        "several": several,
        "items": found.items,
        "composition": parts_words(parts),
        "needed": found.needed(),
        "more": [_more(item) for item in found.items],
        "escapes": _wrong(found, bad, Verdict.OK)[:MOST_LISTED],
        "escape_count": len(_wrong(found, bad, Verdict.OK)),
        "overkills": _wrong(found, [part for part in parts if part.is_ok], Verdict.NG)[:MOST_LISTED],
        "overkill_count": len(_wrong(found, [part for part in parts if part.is_ok], Verdict.NG)),
        "most": MOST_LISTED,
        "study_size": (PARTS, APPRAISERS, TRIALS),
        "study_parts": len({s for one in found.reference.appraisers for trial in one.trials for s in trial}),
        "confidence": f"{found.targets.confidence * 100:g} %",
    }


def _more(item: Item) -> str:
    """What a rate still lacks for a proof, in words."""
    limits = item.limits
    if item.proof == Proof.PROVED:
        return "proved"
    if item.proof == Proof.FAILED:
        return "more parts would not help: the rate itself is too high"
    least = parts_needed(item.target, failures=limits.count, confidence=limits.confidence)
    return (
        f"a new test of {least} parts or more, with {limits.count} failures or fewer, would prove it; parts added to "
        f"this one do not keep the confidence"
    )


def _wrong(found: Acceptance, parts: Iterable[ReferencePart], verdict: Verdict) -> list[WrongPart]:
    """Parts that got this verdict in any run; those that got it most often first."""
    listed = []
    for part in parts:
        runs = [run for run in found.runs if run.decisions[part.serial].verdict == verdict]
        if runs:
            listed.append(
                (len(runs), WrongPart(part.serial, _in_runs(runs, found), _truth(part, found), _named(runs, part)))
            )
    return [wrong for _, wrong in sorted(listed, key=lambda entry: -entry[0])]


def _in_runs(runs: Sequence[Run], found: Acceptance) -> str:
    return f"{len(runs)} of {len(found.runs)} runs" if len(found.runs) > 1 else ""


def _truth(part: ReferencePart, found: Acceptance) -> str:
    if part.is_ok:
        return "good"
    size = "" if part.size is None else f", {part.size:g} {found.reference.size_unit}"
    return (", ".join(part.classes) or "defective, class not said") + size


def _named(runs: Sequence[Run], part: ReferencePart) -> str:
    decision = runs[0].decisions[part.serial]
    classes = sorted(decision.classes.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{name} ({score:.2f})" for name, score in classes) or "nothing"


def _parts_csv(found: Acceptance) -> str:
    """One row a part of the reference or the results, with what became of it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["serial", "reference", "class", "size", *(f"run_{n}" for n in range(1, len(found.runs) + 1)), "outcome"]
    )
    judged = {part.serial for part in found.matching.judged}
    for part in found.reference.parts:
        verdicts = [str(r.decisions[part.serial].verdict) if part.serial in r.decisions else "" for r in found.runs]
        head = [
            part.serial,
            "OK" if part.is_ok else "NG",
            ";".join(part.classes),
            "" if part.size is None else part.size,
        ]
        writer.writerow([*head, *verdicts, _outcome(part, verdicts) if part.serial in judged else "without result"])
    for serial in found.matching.without_reference:
        verdicts = [str(r.decisions[serial].verdict) if serial in r.decisions else "" for r in found.runs]
        writer.writerow([serial, "", "", "", *verdicts, "without reference"])
    return buffer.getvalue()


def _outcome(part: ReferencePart, verdicts: Sequence[str]) -> str:
    if not part.is_ok and "OK" in verdicts:
        return "escape"
    if part.is_ok and "NG" in verdicts:
        return "overkill"
    return "review" if "REVIEW" in verdicts else "right"


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "count": limits.count,
        "total": limits.total,
        "rate": _json(limits.rate),
        "exact": [_json(v) for v in limits.exact],
        "wilson": [_json(v) for v in limits.wilson],
        "exact_lower": _json(limits.exact_lower),
        "exact_upper": _json(limits.exact_upper),
        "wilson_upper": _json(limits.wilson_upper),
    }


def _json(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _span(limits: tuple[float, float]) -> str:
    return f"{percent(limits[0])} to {percent(limits[1])}"


def _kappa(kappa: Kappa) -> str:
    if math.isnan(kappa.value):
        return "–"
    known = f" ({kappa.low:.2f} to {kappa.high:.2f})" if not math.isnan(kappa.low) else ""
    return f"{kappa.value:.2f}{known}"
