"""The page of a dry run: what a recipe would change, part by part, with the overlays where there are some."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jinja2

from blemish.core.errors import PictureError
from blemish.core.records import Verdict
from blemish.inspect.dry_run import Change, DryRun
from blemish.picture.normalise import to_8_bit
from blemish.picture.read import read_picture
from blemish.picture.write import write_bytes
from blemish.report.embed import jpeg_uri

MOST_PICTURES = 60  # Of the parts listed first, those that let more through: a page is mailed.
WIDEST_PX = 1000
VERDICTS = (Verdict.OK, Verdict.NG, Verdict.REVIEW)


@dataclass(frozen=True)
class _Row:
    change: Change
    pictures: tuple[str, ...]


def write_recipe_change(dry: DryRun, path: Path) -> None:
    """Write one self-contained HTML file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    left, rows = MOST_PICTURES, []
    for change in dry.changes:
        pictures = _pictures(change.overlays[:left])
        left -= len(pictures)
        rows.append(_Row(change, pictures))
    counts = [(before, [dry.table.get((before, after), 0) for after in VERDICTS]) for before in VERDICTS]
    page = environment.get_template("recipe_change.html.j2").render(
        dry=dry,
        rows=rows,
        counts=counts,
        verdicts=VERDICTS,
        not_shown=sum(len(change.overlays) for change in dry.changes) - (MOST_PICTURES - left),
    )
    write_bytes(path, page.encode())


def _pictures(overlays: tuple[Path, ...]) -> tuple[str, ...]:
    """As data; an overlay that cannot be read is left out: the words beside it say the same."""
    found = []
    for overlay in overlays:
        try:
            found.append(jpeg_uri(to_8_bit(read_picture(overlay), None), widest_px=WIDEST_PX))
        except PictureError:
            continue
    return tuple(found)
