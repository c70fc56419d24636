"""The page of a class that was cut to a few defects, from its result, with sheets of real beside synthetic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from blemish.core.arrays import UInt8
from blemish.picture.write import write_bytes
from blemish.report.embed import jpeg_uri


def write_few_defects(result: Mapping[str, Any], sheets: Mapping[str, UInt8], out: Path) -> Path:
    """Write one self-contained page beside a result, named like it, and return its path.

    Args:
        result: with its sentences under `words`.
        sheets: uint8 H W 3 by what their left half shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template("few_defects.html.j2").render(
        name=out.stem, result=result, sheets={title: jpeg_uri(sheet) for title, sheet in sheets.items()}
    )
    write_bytes(out.with_suffix(".html"), text.encode())
    return out.with_suffix(".html")
