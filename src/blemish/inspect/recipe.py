"""A recipe: what the line calls NG for one product. Read from TOML, every key checked, an unknown one refused.

The network says how sure it is of each pixel; the recipe says from where on that counts, how large a defect may be in
which zone, how many of them a part may have, and what is left to a person. Its name in results is name, version and
the hash of its contents: comments and layout do not change it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from blemish.bundle.card import Probability, Sha256, Strict
from blemish.core.errors import InputError
from blemish.core.records import Defect
from blemish.core.toml_files import parse_toml
from blemish.inspect.zones import in_box, in_polygon, polygon_fault
from blemish.metrics.calibration import COLDEST, HOTTEST

MOST_PX = 1_000_000_000  # That any size in a recipe may be.
ANYWHERE = "any"  # The zone of a rule that names none.

Name = Annotated[str, Field(pattern=r"^\w[\w .+-]{0,63}$")]
Code = Annotated[str, Field(min_length=1)]
Codes = Annotated[list[Code], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Temperature = Annotated[float, Field(ge=COLDEST, le=HOTTEST)]  # Beyond it float32 probabilities run out.
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Finite], Field(min_length=2, max_length=2)]
Four = Annotated[list[Finite], Field(min_length=4, max_length=4)]
Outcome = Literal["NG", "REVIEW"]
Datum = Literal["scan", "part"]  # Places from the scan's upper left corner, or from that of the part on it.

_MOST_ODDS = 700.0  # Beyond it the exponential function has no number.

LARGEST = {  # A limit's key -> the defect's field, the word after its value, the unit.
    "max_length_mm": ("length_mm", "long", "mm"),
    "max_width_mm": ("width_mm", "wide", "mm"),
    "max_area_mm2": ("area_mm2", "large", "mm²"),
    "max_length_px": ("length_px", "long", "px"),
    "max_width_px": ("width_px", "wide", "px"),
    "max_area_px": ("area_px", "large", "px"),
    "max_score": ("score", "sure", ""),
}


class Scores(Strict):
    """From where on a class counts; what `segment calibrate` chooses."""

    pixel: Probability  # The least probability of a pixel: touching ones form a region.
    review: Probability  # The least score of a region (mean probability over its pixels) that is looked at at all,
    ng: Probability  # and that is surely a defect; 1 = none ever is. Between the two a region is unsure.
    also: Probability | None = None  # Of a part that is NG anyway, regions from this score on are told too.
    least_area_px: int = Field(default=0, ge=0, le=MOST_PX)  # A smaller region is none.
    least_size_px: int = Field(default=0, ge=0, le=MOST_PX)  # Nor is one with a shorter longest side.

    @model_validator(mode="after")
    def _in_order(self) -> Scores:
        if self.review > self.ng:
            raise ValueError(f"review must be at most ng, got review {self.review} and ng {self.ng}")
        if self.also is not None and self.also > self.review:
            raise ValueError(f"also must be at most review, got also {self.also} and review {self.review}")
        return self

    @property
    def least(self) -> float:
        """The score from which on a region is kept at all."""
        return self.review if self.also is None else self.also


class AsProbability(Strict):
    """From a region's score to the probability that a defect of any class is there; what `segment calibrate` fits."""

    temperature: Positive  # logit(probability) = logit(score) / temperature + offset.
    offset: Finite

    def of(self, score: float) -> float:
        """0 to 1, in the order of the scores.

        Example:
            >>> round(AsProbability(temperature=2.0, offset=-1.0).of(0.9), 3)
            0.525
        """
        kept = min(max(score, 1e-6), 1 - 1e-6)
        odds = math.log(kept / (1 - kept)) / self.temperature + self.offset
        return 1 / (1 + math.exp(min(-odds, _MOST_ODDS)))


class Zone(Strict):
    """A named part of the part: boxes and polygons in mm from the recipe's datum."""

    boxes: list[Four] = Field(default_factory=list)  # x, y, width, height.
    polygons: list[list[Pair]] = Field(default_factory=list)
    views: list[str] = Field(default_factory=list)  # Only on these views; empty = on all.

    @model_validator(mode="after")
    def _sound(self) -> Zone:
        if not self.boxes and not self.polygons:
            raise ValueError("a zone needs boxes or polygons")
        for box in self.boxes:
            if min(box[2:]) <= 0:
                raise ValueError(f"a box is x, y, width, height with a width and height above 0, got {box}")
        for number, polygon in enumerate(self.polygons, start=1):
            if fault := polygon_fault(polygon):
                raise ValueError(f"polygon {number}: {fault}")
        return self

    def holds(self, defect: Defect) -> bool:
        """Whether a defect's middle lies in this zone; False where its place is not known (`Recipe.places`)."""
        if defect.place_mm_xy is None or (self.views and defect.view not in self.views):
            return False
        place = defect.place_mm_xy
        return any(in_box(place, box) for box in self.boxes) or any(in_polygon(place, ring) for ring in self.polygons)


class PartSize(Strict):
    """The size that a part must be found with: another one is a part found wrongly, cut off, or of another product.

    It guards what is kept out: beside a part of which only a piece was found, nothing is looked at.
    """

    size_mm: Annotated[list[Positive], Field(min_length=2, max_length=2)]  # Along its upper edge, and down.
    tolerance_mm: Positive  # Either way, of both.


class Limit(Strict):
    """How large a defect may be. Without any maximum: any such defect is `what`, or with `what = "OK"` none counts."""

    classes: Codes
    zone: str = ANYWHERE  # Inside a named zone its limits replace those without a zone.
    max_length_mm: Size | None = None
    max_width_mm: Size | None = None
    max_area_mm2: Size | None = None
    max_length_px: Size | None = None
    max_width_px: Size | None = None
    max_area_px: Size | None = None
    max_score: Probability | None = None  # A permitted defect that the network is surer of than this is not.
    what: Literal["NG", "REVIEW", "OK"] = "NG"

    @property
    def maxima(self) -> dict[str, float]:
        """The maxima that are given, by their keys."""
        return {key: getattr(self, key) for key in LARGEST if getattr(self, key) is not None}

    @model_validator(mode="after")
    def _meaningful(self) -> Limit:
        if self.what == "OK" and self.maxima:
            raise ValueError(f'what = "OK" takes no maximum (such defects never count), got {next(iter(self.maxima))}')
        return self


class Count(Strict):
    """How many defects a part may have, over all its views, or how many close together."""

    classes: Codes
    zone: str = ANYWHERE
    most: int = Field(ge=0)
    within_mm: Positive | None = None  # Count those this near to one of them, on one view.
    what: Outcome = "NG"


class Unknown(Strict):
    """What becomes of what the inspector does not know."""

    unsure: Literal["NG", "REVIEW", "OK"] = (
        "REVIEW"  # A region between review and ng that would matter if it were sure.
    )
    most_strange: Finite | None = None  # A view's strangeness above this is REVIEW; None = not asked.


class Recipe(Strict):
    """One version of what the line runs for one product; docs/how-to/write-a-recipe.md tells every key."""

    format: Literal[1]
    name: Name
    version: int = Field(ge=1)
    bundle: Sha256 | None = None  # The only inspector it may be used with; None = any with these classes.
    temperature: Temperature = 1.0  # Divides the network's log probabilities before anything else; 1 = as they are.
    datum: Datum = "scan"  # What zones are measured from.
    part: PartSize | None = None  # None = of any size.
    required_views: list[str] = Field(default_factory=list)
    scores: dict[Code, Scores]
    probability: AsProbability | None = None  # Told beside each score; no rule asks it.
    zones: dict[Name, Zone] = Field(default_factory=dict)
    limits: list[Limit] = Field(default_factory=list)
    counts: list[Count] = Field(default_factory=list)
    unknown: Unknown = Field(default_factory=Unknown)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if not self.scores:
            raise ValueError("scores must have a table for each class, got none")
        if ANYWHERE in self.zones:
            raise ValueError(f"a zone cannot be called '{ANYWHERE}': that stands for the whole part")
        if self.part is not None and self.datum != "part":
            raise ValueError('part: its size is known where it is looked for only: write datum = "part" at the top')
        for where, rule in self._placed_rules():
            if unknown := [code for code in rule.classes if code not in self.scores]:
                raise ValueError(f"{where}: class '{unknown[0]}' has no scores: there are {', '.join(self.scores)}")
            if rule.zone not in (ANYWHERE, *self.zones):
                there = ", ".join(self.zones) or "none"
                raise ValueError(f"{where}: there is no zone '{rule.zone}': there are {there}")
        return self

    @property
    def rules(self) -> list[Limit | Count]:
        """All limits, then all counts."""
        return [*self.limits, *self.counts]

    def _placed_rules(self) -> Iterator[tuple[str, Limit | Count]]:
        yield from ((f"limits {number}", limit) for number, limit in enumerate(self.limits, start=1))
        yield from ((f"counts {number}", count) for number, count in enumerate(self.counts, start=1))

    def places(self, defect: Defect) -> bool:
        """Whether it can be told which zones hold a defect: its place is known, from the datum of the zones."""
        return not self.zones or (defect.place_mm_xy is not None and defect.datum == self.datum)

    @property
    def hash(self) -> str:
        """SHA-256 over what the recipe says."""
        values = self.model_dump(mode="json")
        for owner, key in [(values, "part"), *((scores, "also") for scores in values["scores"].values())]:
            if owner[key] is None:  # It came later: older recipes keep their hash.
                del owner[key]
        return recipe_hash(values)

    @property
    def title(self) -> str:
        """As results name it: "pouch 3 0a1b2c3d4e5f"."""
        return f"{self.name} {self.version} {self.hash[:12]}"

    @property
    def needs_mm(self) -> bool:
        """Whether it asks for anything that only a known pixel size can give."""
        in_mm = any("_mm" in key for limit in self.limits for key in limit.maxima)
        placed = bool(self.zones) or self.part is not None
        return placed or in_mm or any(count.within_mm is not None for count in self.counts)


def recipe_hash(values: Mapping[str, Any]) -> str:
    """The hash of a recipe's plain values."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe file.

    Raises:
        InputError: not readable, not TOML, an unknown or missing key, a value that cannot be; the key is named.

    Example:
        >>> read_recipe(Path("pouch.toml")).title  # doctest: +SKIP
        'pouch 3 0a1b2c3d4e5f'
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read recipe {path}: {error}") from error
    return parse_recipe(text, where=str(path))


def parse_recipe(text: str, where: str = "recipe") -> Recipe:
    """A recipe from TOML text, checked as `read_recipe` does."""
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise InputError(f"{where} is not TOML: {error}") from error
    if values.get("format") != 1:
        raise InputError(f"{where}: format must be 1, got {values.get('format')!r}: write format = 1 at the top")
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{where}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    """One fault in a line; a key that is misspelt before one that is therefore missing."""
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    place = key_path(first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown key: correct or remove it"
    if first["type"] == "missing":
        return f"{place}: missing: add it"
    message = first["msg"].removeprefix("Value error, ")
    got = "" if first["type"] == "value_error" else f", got {first['input']!r}"
    return f"{place}: {message}{got}" if place else f"{message}{got}"


def key_path(loc: Sequence[str | int]) -> str:
    """Where in the file, counting tables from 1 as people do: "limits 2.max_length_mm".

    Example:
        >>> key_path(("limits", 1, "max_length_mm"))
        'limits 2.max_length_mm'
    """
    path = ""
    for key in loc:
        path += f" {key + 1}" if isinstance(key, int) else f".{key}" if path else key
    return path
