"""Results on disk as they come: one JSON line a part, and a CSV row a defect (a part without defects has one row)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TextIO

from blemish.core.errors import InputError
from blemish.core.records import Defect, PartResult, Verdict
from blemish.inspect.stored import INSPECTED, JSON_LINES, Inspected, read_inspected, read_parts
from blemish.picture.write import shortened, write_bytes

try:
    import fcntl
except ImportError:  # Not on Windows.
    fcntl = None  # type: ignore[assignment]

TABLE = "results.csv"
_SAFE_NAME = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]{1,120}")
COLUMNS = (
    "serial", "verdict", "reasons", "judged_by", "view", "code", "name", "score", "probability",
    "x_px", "y_px", "box_width_px", "box_height_px", "area_px", "length_px", "width_px",
    "area_mm2", "length_mm", "width_mm", "place_x_mm", "place_y_mm", "datum", "orientation_deg", "outline_xy", "state",
)  # fmt: skip


class ResultFolder:
    """Write results part by part; each is on disk before the next part begins.

    The two files carry the ending `.part` until the block ends well, so that a stopped run is never taken for a whole.
    A third, `inspection.json`, says how the parts were inspected: without it they cannot be judged again.

    Args:
        inspected: of `Inspection.inspected`.
        resume: go on with a stopped run; what it has written is in `kept`.

    Raises:
        InputError: the folder holds results already, or a stopped run that is not to be gone on with, or one that was
            inspected otherwise.

    Example:
        >>> with ResultFolder(Path("out"), inspection.inspected) as folder:  # doctest: +SKIP
        ...     folder.add(result)
    """

    def __init__(self, folder: Path, inspected: Inspected, *, resume: bool = False) -> None:
        self.folder = folder
        self._inspected = inspected
        if resume and (folder / JSON_LINES).exists() and _unfinished(folder / TABLE).exists():
            reopen(folder, inspected)  # It was stopped between the two names of its end.
        for name in (JSON_LINES, TABLE):
            if (folder / name).exists():
                raise InputError(f"{folder} holds {name} of another run already: choose another --out")
        stopped = _unfinished(folder / JSON_LINES)
        _refuse_running(stopped)
        if stopped.exists() and not resume:
            raise InputError(
                f"{folder} holds a run that was stopped: --resume goes on with it, or choose another --out"
            )
        self.kept = _kept(folder, inspected) if stopped.exists() else ()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self.folder / INSPECTED, (self._inspected.model_dump_json(indent=2) + "\n").encode())
        rows: list[Sequence[str | int]] = [COLUMNS, *(row for result in self.kept for row in table_rows(result))]
        self._lines = _begun(self.folder / JSON_LINES, "".join(map(_json_line, self.kept)))
        self._table = _begun(self.folder / TABLE, _csv_lines(rows))
        return self

    def add(self, result: PartResult) -> None:
        """Write one part to both files."""
        self._lines.write(_json_line(result))
        self._lines.flush()
        self._table.write(_csv_lines(table_rows(result)))
        self._table.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._table, self._lines:  # The second is closed even where the first finds the disk full.
            pass
        if error is None:
            for name in (JSON_LINES, TABLE):
                _unfinished(self.folder / name).replace(self.folder / name)


def reopen(folder: Path, inspected: Inspected) -> None:
    """Make of a finished run one that was stopped after its last part, so that `resume` can add more to it.

    Raises:
        InputError: no finished run there, or one that was inspected otherwise; it stays as it is.
    """
    if not (folder / JSON_LINES).is_file():
        raise InputError(f"{folder} holds no finished run: there is no {JSON_LINES}")
    _refuse_other(folder, inspected)
    (folder / TABLE).unlink(missing_ok=True)  # First: with it alone a run would look like a whole one.
    (folder / JSON_LINES).replace(_unfinished(folder / JSON_LINES))


def overlay_name(serial: str, view: str = "") -> str:
    """The overlay's file name without its ending: serial and view, made safe where they hold a path's marks.

    No two views of any parts have one name: where serial and view could be read apart otherwise, a hash is added.

    Example:
        >>> overlay_name("cell-7", "top")
        'cell-7--top'
        >>> overlay_name("a/b")
        'a_b-c14cddc0'
    """
    name = f"{serial}--{view}" if view else serial
    clear = name.count("--") == bool(view) and "---" not in name
    if clear and _SAFE_NAME.fullmatch(name) and name.strip(".") == name and shortened(name) == name:
        return name
    safe = shortened(re.sub(r"[^\w.-]", "_", name), 100).strip(".")
    told = f"{serial}\0{view}" if view else serial
    return f"{safe}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def table_rows(result: PartResult) -> list[list[str | int]]:
    """The CSV rows of one part, in `COLUMNS`; what is not known is empty, an outline is `x y;x y;...`."""
    head = [result.serial, str(result.verdict), "; ".join(result.reasons), result.judged_by]
    rows = [[*head, *_fields(defect), "defect"] for defect in result.defects]
    rows += [[*head, *_fields(region), "unsure"] for region in result.unsure]
    if result.verdict == Verdict.NG:
        rows += [[*head, *_fields(region), "also"] for region in result.also]
    return rows or [[*head, *[""] * (len(COLUMNS) - len(head))]]


def _kept(folder: Path, inspected: Inspected) -> tuple[PartResult, ...]:
    """The parts of a stopped run; a line that it could not finish is left out, and its part inspected again.

    So is a part of whose pictures any was written since it was inspected: it may show another part by now.
    """
    _refuse_other(folder, inspected)
    parts = read_parts(_unfinished(folder / JSON_LINES), torn=True)
    return tuple(part for part in parts if not _written_since(part))


def _written_since(part: PartResult) -> bool:
    try:
        began = datetime.fromisoformat(part.inspected_at).timestamp()
    except ValueError:  # Results of an older version do not say when.
        return True
    return any(_written(Path(file)) > began for file in part.files)


def _written(path: Path) -> float:
    """When a file came to be what it is; a copy may say that it is old, the disk knows better."""
    try:
        said = path.stat()
    except OSError:
        return 0.0
    return max(said.st_mtime, said.st_ctime)


def _refuse_other(folder: Path, inspected: Inspected) -> None:
    if read_inspected(folder) != inspected:
        raise InputError(
            f"{folder} was begun with another bundle, recipe, datum, overlap or --familiar file: give what it was "
            f"begun with, or choose another --out"
        )


def _fields(defect: Defect) -> list[str | int]:
    place_x, place_y = defect.place_mm_xy or (None, None)
    return [
        defect.view,
        defect.code,
        defect.name,
        f"{defect.score:.4f}",
        "" if defect.probability is None else f"{defect.probability:.4f}",
        defect.box.x,
        defect.box.y,
        defect.box.width,
        defect.box.height,
        defect.area_px,
        *(_rounded(v) for v in (defect.length_px, defect.width_px, defect.area_mm2)),
        *(_rounded(v) for v in (defect.length_mm, defect.width_mm, place_x, place_y)),
        defect.datum,
        "" if defect.orientation_deg is None else f"{defect.orientation_deg:.1f}",
        ";".join(f"{x} {y}" for x, y in defect.outline_xy),
    ]


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _begun(path: Path, text: str) -> TextIO:
    """The unfinished file with this text in it, whole or as it was, open at its end."""
    write_bytes(_unfinished(path), text.encode())
    file = _unfinished(path).open("a", encoding="utf-8", newline="")
    _is_free(file)
    return file


def _refuse_running(path: Path) -> None:
    """Refuse a file that another run is writing."""
    if path.exists():
        with path.open("rb") as file:
            if not _is_free(file):
                raise InputError(f"{path.parent} is being written by another run: wait for it, or choose another --out")


def _is_free(file: IO[Any]) -> bool:
    """Whether no other process holds the file; then this one does until it is closed.

    True also on disks and systems without such locks; Windows lets nobody replace a file that is open.
    """
    with suppress(OSError):
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _json_line(result: PartResult) -> str:
    return json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False) + "\n"


def _csv_lines(rows: Iterable[Sequence[str | int]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
