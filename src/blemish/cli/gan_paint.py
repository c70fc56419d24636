"""The other half of `blemish gan generate`: the defect that a user painted (--label), one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.cli.console import say, show
from blemish.cli.loading import load_painter
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.core.arrays import UInt8
    from blemish.core.taxonomy import Taxonomy


def paint(
    run: Path, label: Path, background: str, out: Path, seed: int, redraw: dict[int, int], device: str, as_json: bool
) -> None:
    """Paint a label on a clean picture, or on a generated surface, and write picture, label and preview."""
    from blemish.gan.painted import (
        beneath_painted,
        paint_label,
        painted_files,
        read_clean,
        read_painted,
        write_painted,
    )

    clean_path = None if background in ("auto", "generated") else Path(background)
    if background == "real":
        raise InputError("--background with --label is generated, or the file of a clean picture")
    if out.suffix.lower() != ".png":
        raise InputError(f"--out must be a PNG file, got {out}")
    for given in (path for path in (label, clean_path) if path is not None):
        if given.resolve() in {path.resolve() for path in painted_files(out).values()}:
            raise InputError(f"--out {out} would write over {given}, which is read: choose another name")
    generator = load_painter(run, device)
    taxonomy: Taxonomy = generator.taxonomy
    painted = read_painted(label, taxonomy)
    _say_what_is_unfit(generator, painted.label_map.defect, taxonomy)
    clean = None if clean_path is None else read_clean(clean_path)
    label_map = beneath_painted(painted, clean_path, taxonomy)
    picture = paint_label(generator, label_map, seed=seed, background=clean, redraw=redraw)
    files = write_painted(out, label_map, picture, taxonomy, clean)
    values: dict[str, Any] = {name: str(path) for name, path in files.items()}
    values["classes"] = {
        defect.name: int((label_map.defect == index).sum())
        for index, defect in enumerate(taxonomy.defects, start=1)
        if (label_map.defect == index).any()
    }
    show(values, "\n".join(f"{name}: {path}" for name, path in files.items()), as_json)


def _say_what_is_unfit(generator: Any, defect: UInt8, taxonomy: Taxonomy) -> None:
    """Weak classes are painted, as a user may want to see why; one that was never learned has nothing to show.

    Raises:
        InputError: the label shows a class that the generator never learned.
    """
    from blemish.gan.outcomes import outcomes_of, unfit_words

    outcomes = outcomes_of(generator.card)
    shown = [entry.name for index, entry in enumerate(taxonomy.defects, start=1) if (defect == index).any()]
    for name, sentence in unfit_words(outcomes, shown).items():
        if name not in outcomes:
            raise InputError(f"{sentence}: leave it out of the label, or train one on tiles that do")
        say(sentence)


def redrawn(texts: list[str]) -> dict[int, int]:
    """The numbers of defects and the seeds that they are drawn again from.

    Example:
        >>> redrawn(["0:7"])
        {0: 7}
    """
    found = {}
    for text in texts:
        number, _, seed = text.partition(":")
        if not (number.isdecimal() and seed.isdecimal()):
            raise InputError(f"--redraw takes N:SEED, two whole numbers such as 0:7, got '{text}'")
        found[int(number)] = int(seed)
    return found
