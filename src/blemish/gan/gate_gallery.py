"""The folder of rejects beside a synthetic set: some pictures of each rule and class, all counts, and a page.

SET.rejects/index.html               the page
SET.rejects/rejects.json             rules, limits, what is off and why, counts, each kept reject with value and reason
SET.rejects/<rule>/<class>/...png    at most 24 of a rule and class: the picture, and its mask outlined

While tiles are made it is a hidden folder that also holds what came of every finished batch, so that a stopped run goes
on and counts as if it had not been stopped. It gets its name after the data set has.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from blemish.core.errors import DatasetError
from blemish.core.taxonomy import Taxonomy
from blemish.gan.gate_counts import GateCounts
from blemish.gan.gated import BatchOutcome, Reject, class_of
from blemish.gan.trial import ClassTrial
from blemish.picture.labels import outlined
from blemish.picture.write import write_bytes, write_png

KEPT = 24  # Pictures of rejects of one rule and class; all are counted.
FILE = "rejects.json"


def rejects_folder(out: Path) -> Path:
    """Where the rejects of a synthetic set lie."""
    return out.with_name(f"{out.name}.rejects")


class Gallery:
    """Writes the rejects as batches end.

    Attributes:
        counts: of all batches so far.
        kept: the rejects whose pictures are kept, as plain values.
        later: by tile id, the attempt that was admitted, where it was not the first.

    Args:
        out: the synthetic set.
        key: stands for everything that decides the tiles.
        trials: of the classes that had one; those that failed are not in the plan.
    """

    def __init__(self, out: Path, key: str, taxonomy: Taxonomy, trials: Sequence[ClassTrial] = ()) -> None:
        self.folder = rejects_folder(out)
        self.work = self.folder.with_name(
            f".{self.folder.name}.resumable-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        )
        self.taxonomy, self.trials = taxonomy, tuple(trials)
        self.counts = GateCounts()
        self.kept: list[dict[str, Any]] = []
        self.later: dict[str, int] = {}
        self._kept: Counter[tuple[str, str]] = Counter()

    @property
    def resumes(self) -> bool:
        """Whether a stopped run with the same key left batches to go on with."""
        return self.work.is_dir()

    def begin(self, *, resume: bool) -> Self:
        """Go on with what a stopped run left, or clear it away.

        Raises:
            DatasetError: the folder of rejects is there already.
        """
        if self.folder.exists() and resume and not self.resumes:
            shutil.rmtree(self.folder)  # Of a run that ended without a set: it is drawn again.
        if self.folder.exists():
            raise DatasetError(f"{self.folder} is there already: delete it, or choose another --out")
        if not resume:
            shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):  # What got its name is whole, and stays.
            shutil.rmtree(self.work, ignore_errors=True)

    def recalled(self, start: int) -> dict[int, int] | None:
        """Of a batch that ended before the run was stopped: the admitted items with their attempts; else None."""
        path = self._journal(start)
        if not path.is_file():
            return None
        return {int(item): int(attempt) for item, attempt in json.loads(path.read_text("utf-8"))["admitted"]}

    def take(self, start: int) -> None:
        """Count a batch of the journal; batches are taken in order."""
        batch = json.loads(self._journal(start).read_text("utf-8"))
        self.counts.add(GateCounts.from_dict(batch["counts"]))
        self.later |= batch["later"]
        self.kept += batch["kept"]
        self._kept.update((each["rule"], each["class"]) for each in batch["kept"])

    def record(self, start: int, outcome: BatchOutcome) -> None:
        """Keep pictures of a batch's rejects, and write down what came of it; then `take` counts it."""
        room = Counter(self._kept)
        kept = []
        for reject in outcome.rejects:
            place = reject.why.rule, class_of(reject, self.taxonomy)
            if room[place] < KEPT:
                room[place] += 1
                kept.append(self._keep(reject, *place))
        batch = {
            "admitted": [[each.task.item.index, each.task.attempt] for each in outcome.admitted],
            "later": {each.task.record.id: each.task.attempt for each in outcome.admitted if each.task.attempt},
            "counts": outcome.counts.to_dict(),
            "kept": kept,
        }
        write_bytes(self._journal(start), json.dumps(batch).encode())

    def finish(self, values: dict[str, Any]) -> Path:
        """Write `rejects.json` and give the folder its name; the page must be in it already."""
        shutil.rmtree(self.work / "batches", ignore_errors=True)
        write_bytes(self.work / FILE, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
        self.work.replace(self.folder)
        return self.folder

    def _journal(self, start: int) -> Path:
        return self.work / "batches" / f"{start:08d}.json"

    def _keep(self, reject: Reject, rule: str, name: str) -> dict[str, Any]:
        folder = f"{rule}/{name.replace('/', '-').replace(' ', '-')}"
        stem = f"{folder}/{reject.task.item.index:06d}-{reject.task.attempt}"
        picture, label_map = reject.sample.picture, reject.sample.label_map
        write_png(self.work / f"{stem}.png", picture)
        write_png(self.work / f"{stem}-mask.png", outlined(picture, label_map, self.taxonomy))
        return {
            "tile": reject.task.record.id,
            "attempt": reject.task.attempt,
            "rule": rule,
            "class": name,
            "value": round(reject.why.value, 4),
            "limit": round(reject.why.limit, 4),
            "reason": reject.why.reason,
            "picture": f"{stem}.png",
            "outlined": f"{stem}-mask.png",
        }
