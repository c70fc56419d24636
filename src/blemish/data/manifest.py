"""The manifest of a data set: one row a tile, kept as `manifest.parquet` and read as a stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from blemish.core.errors import DatasetError
from blemish.core.records import Box, Origin, Split, TileRecord

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("part", pa.string()),
        ("view", pa.string()),
        ("source", pa.string()),
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("group", pa.string()),
        ("split", pa.string()),
        ("origin", pa.string()),
        ("defect_px", pa.list_(pa.int64())),
        ("background_px", pa.list_(pa.int64())),
        ("ignore_px", pa.int64()),
        ("padding_px", pa.int64()),
        ("sha256", pa.string()),
        ("generator", pa.string()),
        ("seed", pa.int64()),
        ("preset", pa.string()),
    ]
)
_ROWS_AT_ONCE = 2048


class ManifestWriter:
    """Appends rows to a parquet file, a few thousand at a time."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._rows: list[dict[str, object]] = []

    def add(self, record: TileRecord) -> None:
        self._rows.append(_to_row(record))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows = []


def read_manifest(path: Path) -> Iterator[TileRecord]:
    """The rows of a manifest, in order.

    Raises:
        DatasetError: no such file, or not a manifest of this format.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DatasetError(f"{path} is missing or not a manifest: import the data set again") from error
    with file:
        if not file.schema_arrow.equals(SCHEMA):
            raise DatasetError(f"{path} has other columns than this version of Blemish writes: import it again")
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            for row in batch.to_pylist():
                yield _from_row(row)


def manifest_hash(taxonomy: dict[str, object], records: Iterable[TileRecord]) -> str:
    """The name of a data set: SHA-256 over its taxonomy and every row (which hold the hashes of the files)."""
    digest = hashlib.sha256(json.dumps(taxonomy, sort_keys=True).encode())
    for record in records:
        digest.update(json.dumps(_to_row(record), sort_keys=True).encode())
    return digest.hexdigest()


def _to_row(record: TileRecord) -> dict[str, object]:
    row = asdict(record)
    row.update(row.pop("box"))
    row["split"], row["origin"] = str(record.split), str(record.origin)
    row["defect_px"], row["background_px"] = list(record.defect_px), list(record.background_px)
    return row


def _from_row(row: dict[str, Any]) -> TileRecord:
    box = Box(*(int(row.pop(key)) for key in ("x", "y", "width", "height")))
    row["split"], row["origin"] = Split(row["split"]), Origin(row["origin"])
    row["defect_px"], row["background_px"] = tuple(row["defect_px"]), tuple(row["background_px"])
    return TileRecord(box=box, **row)
