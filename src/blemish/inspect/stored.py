"""Results read back: the parts, and how they were inspected, so that another recipe can be judged on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from blemish.bundle.card import Strict, TaxonomyField
from blemish.core.errors import InputError
from blemish.core.folders import folders_below
from blemish.core.records import PartResult
from blemish.inspect.recipe import Datum, Recipe, key_path
from blemish.inspect.recipe_fit import Sought

INSPECTED, JSON_LINES = "inspection.json", "results.jsonl"

_PART = TypeAdapter(PartResult)


class Inspected(Strict):
    """How the parts of one results folder were inspected: `inspection.json`."""

    format: Literal[1] = 1
    bundle: str  # Its hash; empty where the inspector was no bundle.
    taxonomy: TaxonomyField
    datum: Datum  # What places are measured from.
    overlap_px: int | None = None  # Of tiles, at least; None in results of an older version.
    familiar: str = ""  # The hash of what strangeness was measured against; empty where it was not measured.
    temperature: float
    sought: dict[str, Sought]  # By class code.
    recipe: Recipe | None  # What judged them; None = the card.


@dataclass(frozen=True)
class Stored:
    """The parts of one results folder."""

    folder: Path
    inspected: Inspected
    parts: tuple[PartResult, ...]


def read_inspected(folder: Path) -> Inspected:
    """Read `inspection.json`.

    Raises:
        InputError: not there (results of an older version), or not what was written.
    """
    path = folder / INSPECTED
    try:
        return Inspected.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{folder} does not say how its parts were inspected (no readable {INSPECTED}): inspect them again"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {key_path(first['loc'])}: {first['msg']}: inspect the parts again") from error


def read_stored(path: Path) -> list[Stored]:
    """Results of a folder, of all folders below it that hold some, or of one `results.jsonl`.

    Raises:
        InputError: no results there, a run that was stopped, or a line that is no part.
    """
    files = [path] if path.is_file() else _files_below(path, JSON_LINES)
    if not files:
        why = (
            "the run was stopped before its end, inspect --resume goes on with it"
            if stopped_below(path)
            else f"it holds no {JSON_LINES}"
        )
        raise InputError(f"no results in {path}: {why}: give what `blemish inspect --out` wrote")
    return [Stored(file.parent, read_inspected(file.parent), tuple(read_parts(file))) for file in files]


def stopped_below(path: Path) -> list[Path]:
    """The folders of runs that were stopped before their end, of which `read_stored` reads nothing."""
    return [file.parent for file in _files_below(path, f"{JSON_LINES}.part")]


def _files_below(path: Path, name: str) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(file for folder, _ in folders_below(path) if (file := folder / name).is_file())


def refuse_reused_version(recipe: Recipe, others: Iterable[Inspected]) -> None:
    """A recipe keeps its name and version only as long as it says the same.

    Raises:
        InputError: results were judged by another recipe of this name and version.
    """
    for other in others:
        used = other.recipe
        if used and (used.name, used.version) == (recipe.name, recipe.version) and used.hash != recipe.hash:
            raise InputError(
                f"recipe {recipe.name} version {recipe.version} was changed: there are results of {used.title}, "
                f"this one is {recipe.hash[:12]}: write version = {recipe.version + 1}"
            )


def inspected_beside(folder: Path) -> list[Inspected]:
    """How the results in the folders beside this one were inspected; what cannot be read is left out."""
    found = []
    for path in sorted(folder.resolve().parent.glob(f"*/{INSPECTED}")):
        try:
            found.append(read_inspected(path.parent))
        except InputError:  # Of another format, or not ours: no reason to stop the line.
            continue
    return found


def read_parts(file: Path, *, torn: bool = False) -> Iterator[PartResult]:
    """The parts of one file of JSON lines.

    Args:
        torn: the file is of a run that was stopped: what follows its last line end was not finished, and is left out.

    Raises:
        InputError: not readable, or a line that is no part.
    """
    try:
        data = file.read_bytes()
        text = (data[: data.rfind(b"\n") + 1] if torn else data).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}") from error
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), start=1):
        try:
            yield _PART.validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{file}, line {number}: {key_path(first['loc'])}: {first['msg']}") from error
