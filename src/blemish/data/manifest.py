"""The manifest of a data set: one row a tile, kept as `manifest.parquet` and read as a stream.

pyarrow is imported where it is used: the base install, which inspects and reads no data set, does without its 170 MB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from blemish.core.errors import DatasetError
from blemish.core.records import Box, Origin, Split, TileRecord

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 2048


class ManifestWriter:
    """Appends rows to a parquet file, a few thousand at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema()
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, object]] = []

    def add(self, record: TileRecord) -> None:
        self._rows.append(_to_row(record))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def read_manifest(path: Path) -> Iterator[TileRecord]:
    """The rows of a manifest, in order.

    Raises:
        DatasetError: no such file, or not a manifest of this format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        known = file.schema_arrow.equals(_schema())
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DatasetError(f"{path} is missing or not a manifest: import the data set again") from error
    with file:
        if not known:
            raise DatasetError(f"{path} has other columns than this version of Blemish writes: import it again")
        try:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                if empty := [name for name in batch.schema.names if batch.column(name).null_count]:
                    raise ValueError(f"a cell of {empty[0]} is empty")
                for row in batch.to_pylist():
                    yield _from_row(row)
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
            why = " ".join(str(error).split())[:120]
            raise DatasetError(f"{path} is damaged ({why}): import the data set again") from error


def manifest_hash(
    taxonomy: dict[str, object], records: Iterable[TileRecord], value_range: tuple[int, int] | None = None
) -> str:
    """The name of a data set: SHA-256 over its taxonomy, every row (which hold the hashes of the files), and how its
    16-bit sources were scaled, if they were."""
    digest = hashlib.sha256(json.dumps(taxonomy, sort_keys=True).encode())
    if value_range is not None:
        digest.update(json.dumps(list(value_range)).encode())
    for record in records:
        digest.update(json.dumps(_to_row(record), sort_keys=True).encode())
    return digest.hexdigest()


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, number, counts = pa.string(), pa.int64(), pa.list_(pa.int64())
    columns = {
        **dict.fromkeys(("id", "part", "view", "source"), text),
        **dict.fromkeys(("x", "y", "width", "height"), pa.int32()),
        **dict.fromkeys(("group", "split", "origin"), text),
        **dict.fromkeys(("defect_px", "background_px"), counts),
        **dict.fromkeys(("ignore_px", "padding_px"), number),
        **dict.fromkeys(("sha256", "generator"), text),
        "seed": number,
        "preset": text,
    }
    return pa.schema(list(columns.items()))


def _to_row(record: TileRecord) -> dict[str, object]:
    row = asdict(record)
    row.update(row.pop("box"))
    row["split"], row["origin"] = str(record.split), str(record.origin)
    row["defect_px"], row["background_px"] = list(record.defect_px), list(record.background_px)
    return row


def refuse_bad_id(tile_id: str) -> None:
    """An id is a relative path without '..', so that no label or name can lead a file out of its folder."""
    path = PurePosixPath(tile_id)
    if not tile_id or path.is_absolute() or ".." in path.parts or "\\" in tile_id or "\0" in tile_id:
        raise DatasetError(f"'{tile_id}' cannot be a tile's id: it would lead out of the data set's folder")


def _from_row(row: dict[str, Any]) -> TileRecord:
    refuse_bad_id(row["id"])
    box = Box(*(int(row.pop(key)) for key in ("x", "y", "width", "height")))
    row["split"], row["origin"] = Split(row["split"]), Origin(row["origin"])
    row["defect_px"], row["background_px"] = tuple(row["defect_px"]), tuple(row["background_px"])
    return TileRecord(box=box, **row)
