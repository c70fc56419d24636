"""What `blemish inspect` decided, read back from `results.jsonl`: only what an acceptance test needs."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from blemish.core.errors import InputError
from blemish.core.records import Verdict
from blemish.inspect.stored import INSPECTED, JSON_LINES, read_inspected
from blemish.metrics.acceptance import Decision, Run


class _Defect(BaseModel):
    code: str
    name: str
    score: float = Field(ge=0, le=1)


class _Line(BaseModel):
    serial: str
    verdict: Verdict
    defects: tuple[_Defect, ...] = ()
    unsure: tuple[_Defect, ...] = ()  # Found too, but left to a person.
    also: tuple[_Defect, ...] = ()  # Told of a part that is NG.
    reasons: tuple[str, ...] = ()
    judged_by: str = ""
    inspected_at: str = ""


def read_run(path: Path) -> Run:
    """One run: a folder that `blemish inspect --out` wrote, or its `results.jsonl`. Other keys are passed over.

    Raises:
        InputError: not there, a run that was stopped, a line of another form, or a serial that is there twice.
    """
    file = path / JSON_LINES if path.is_dir() else path
    if not file.is_file() and file.with_name(file.name + ".part").is_file():
        raise InputError(f"{file} is not whole, its inspection was stopped: go on with inspect --resume")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read results in {path} ({error}): give what `blemish inspect --out` wrote") from error
    decisions: dict[str, Decision] = {}
    judges: dict[str, None] = {}
    times: dict[str, str] = {}
    for number, words in enumerate(text.removesuffix("\n").split("\n") if text else (), start=1):
        line = _line(words, f"{file}, line {number}")
        if line.serial in decisions:
            raise InputError(f"{file}, line {number}: serial '{line.serial}' is there twice: give one result a part")
        decisions[line.serial] = _decision(line)
        if line.inspected_at:
            times[line.serial] = line.inspected_at
        judges[line.judged_by or "not said"] = None
    return Run(str(path), decisions, tuple(judges), str(file.resolve()), times, _classes_beside(file))


def _classes_beside(file: Path) -> dict[str, str]:
    """The inspector's classes by what they may be called, small: of `inspection.json` beside the results, if any."""
    if not (file.parent / INSPECTED).is_file():
        return {}
    kinds = read_inspected(file.parent).taxonomy.defects
    return {
        word.lower(): kind.name
        for kind in kinds
        for word in (*kind.aliases, f"{kind.code} {kind.name}", kind.code, kind.name)
    }


def _line(text: str, where: str) -> _Line:
    try:
        return _Line.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"])
        raise InputError(f"{where}: {f'{place}: ' if place else ''}{first['msg']}: not a result of inspect") from error


def _decision(line: _Line) -> Decision:
    classes: dict[str, float] = {}
    for defect in (*line.defects, *line.unsure, *(line.also if line.verdict == Verdict.NG else ())):
        name = f"{defect.code} {defect.name}"
        classes[name] = max(defect.score, classes.get(name, 0.0))
    return Decision(line.verdict, classes, line.reasons)
