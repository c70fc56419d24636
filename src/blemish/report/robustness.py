"""The page of robustness: for each disturbance the curves, and a strip of one tile at every strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from blemish.picture.write import write_bytes
from blemish.report.chart import Curve, line_chart


@dataclass(frozen=True)
class StripPicture:
    """One tile at one strength (`data:` URI)."""

    uri: str
    value: str  # "10°"


@dataclass(frozen=True)
class DisturbanceSection:
    """One disturbance; the curves hold mean IoU at strengths 0 to 5, by segmenter."""

    name: str
    says: str
    values: tuple[str, ...]  # Of strengths 0 to 5, with units.
    curves: tuple[tuple[str, tuple[float, ...]], ...]
    kept: tuple[float, ...]  # By segmenter, NaN where it found nothing undisturbed.
    strip: tuple[StripPicture, ...]

    @property
    def chart(self) -> str:
        curves = [Curve(name, tuple(enumerate(values))) for name, values in self.curves]
        return line_chart(curves, title=f"mean IoU under {self.name}", x_name=self.name, x_labels=self.values)


@dataclass(frozen=True)
class RobustnessPage:
    """Everything that the page tells."""

    dataset: str
    tiles: str  # Which and how many, in words.
    segmenters: tuple[str, ...]
    sections: Sequence[DisturbanceSection]


def write_robustness(page: RobustnessPage, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    target = folder / "index.html"
    write_bytes(target, environment.get_template("robustness.html.j2").render(page=page).encode())
    return target
