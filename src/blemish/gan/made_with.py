"""What a synthetic set was made with, beside its tiles: so that a finished set is never taken for another one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blemish.bundle.generator_card import GeneratorCard
from blemish.core.errors import DatasetError
from blemish.picture.write import write_bytes

FILE = "made-with.json"


@dataclass(frozen=True)
class MadeWith:
    """What a run wrote down once its set had its name."""

    key: str  # Stands for everything that decides the tiles, as for going on with a stopped run.
    data: str  # Hash of the data set, or of the fold of one, that shapes and backgrounds come from.


def write_made_with(folder: Path, made_with: MadeWith) -> None:
    """Write it into the folder of a finished set; no hash of the set depends on it."""
    write_bytes(folder / FILE, (json.dumps(asdict(made_with), indent=1) + "\n").encode())


def read_made_with(folder: Path) -> MadeWith | None:
    """Read it; None for a set of an earlier version, or of another maker.

    Raises:
        DatasetError: the file is there and cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return MadeWith(str(values["key"]), str(values["data"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read ({error}): delete the file, or make the set anew") from error


def learned_from(generator: Any) -> str:
    """Hash of the data set, or of the fold of one, that a generator was trained on; empty where its card does not say.

    Args:
        generator: of a training run or of a bundle; anything else has no card.
    """
    card = getattr(generator, "card", None)
    if card is None:
        return ""
    return card.data_hash if isinstance(card, GeneratorCard) else str(card.get("data", ""))
