"""`card.json`: what a bundle is, how it was made, and the hash of every file in it.

The card comes from outside, so every key is checked and an unknown one is refused. It also holds the hash of itself:
a threshold changed by hand is found like a changed weight.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    model_validator,
)

from blemish.bundle.reading import read_plain
from blemish.core.errors import BundleError, TaxonomyError
from blemish.core.taxonomy import Taxonomy
from blemish.picture.write import write_bytes

FORMAT: Final = 1
CARD = "card.json"
NORMALISATION: Final = "uint8 0..255 in, scaled inside the network"
DEFAULT_THRESHOLD = 0.5
MOST_CARD_BYTES = 4_000_000  # A card is a few KB; anything near this is not one.
MOST_TILE_PX = 8192  # Sixteen times the side of the usual one.
_MOST_16_BIT = 65_535
_MADE_WITH = {"inspector": "segment export", "generator": "gan export"}
_A_KIND = {"inspector": "an inspector", "generator": "a generator"}

Scalar = float | int | str | bool | None
Precision = Literal["f32", "bf16", "int8"]
FloatPrecision = Literal["f32", "bf16"]
Backend = Literal["openvino", "onnx"]


def _taxonomy(value: Any) -> Taxonomy:
    if isinstance(value, Taxonomy):
        return value
    try:
        return Taxonomy.from_dict(value)
    except TaxonomyError as error:
        raise ValueError(str(error)) from error


def _plain_name(name: str) -> str:
    if not name or name in (".", "..") or any(mark in name for mark in ("/", "\\", ":", "\0")):
        raise ValueError(f"'{name}' cannot be a file of a bundle: it would lead out of its folder")
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TileHash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
TaxonomyField = Annotated[Taxonomy, PlainValidator(_taxonomy), PlainSerializer(lambda t: t.to_dict())]
Probability = Annotated[float, Field(gt=0, le=1)]


class Strict(BaseModel):
    """Values from outside: unknown keys are refused, nothing is converted, nothing can be changed afterwards."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class BundleCard(Strict):
    """What the cards of all kinds of bundle share. Each has `format`, `kind` and `files`."""

    later: ClassVar[frozenset[str]] = frozenset()  # Keys that came after the first cards of this format.

    @property
    def hash(self) -> str:
        """SHA-256 over the card's contents, hence over every file's hash: the bundle's name."""
        return _digest(self.contents())

    def contents(self) -> dict[str, Any]:
        """Plain values for JSON. A later key that holds nothing is left out, so that older cards keep their hash."""
        values = self.model_dump(mode="json")
        return {key: value for key, value in values.items() if value is not None or key not in self.later}


C = TypeVar("C", bound=BundleCard)


class Parity(Strict):
    """How far the exported network's answers were from the one it was made from, measured when it was exported."""

    pictures: str  # What was compared: "6 tiles of <data set>" or "6 seeded random pictures".
    computed_in: Precision  # By the CPU that exported it: f32 where it knows no bfloat16.
    tolerance: float = Field(gt=0)
    max_abs_diff: float = Field(ge=0)  # Of probabilities, over all pixels and classes.
    mean_abs_diff: float = Field(ge=0)
    argmax_agreement: float = Field(ge=0, le=1)  # Share of decided pixels with the same class.


class Validation(Strict):
    """IoU of each class on the validation tiles, by PyTorch and by the bundle, measured when it was exported."""

    tiles: int = Field(gt=0)
    data_hash: str
    iou_torch: dict[str, float | None]  # By class name, None = no tile shows it.
    iou: dict[Backend, dict[str, float | None]]
    largest_drop: float  # Of any class in any backend; below 0 = none fell.
    allowed_drop: float = Field(ge=0)

    @property
    def absent(self) -> list[str]:
        """Classes that no tile shows: nothing is known of their drop."""
        return [name for name, value in self.iou_torch.items() if value is None]


class Card(BundleCard):
    """The card of an inspector's bundle.

    Tiles are uint8 N H W C; the network scales them itself and answers with probabilities N K+1 H W.
    """

    format: Literal[1] = FORMAT
    later: ClassVar[frozenset[str]] = frozenset({"calibration", "learned_from", "onnx_opset", "validation"})

    kind: Literal["inspector"] = "inspector"
    architecture: str
    taxonomy: TaxonomyField
    channels: Literal[1, 3]
    tile_px: int = Field(gt=0, le=MOST_TILE_PX)
    overlap_px: int = Field(ge=0)  # The least overlap of neighbouring tiles.
    stride: int = Field(gt=0)  # Height and width of a tile, and its offsets, are multiples of it.
    normalisation: Literal["uint8 0..255 in, scaled inside the network"] = NORMALISATION
    value_range: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None  # Of 16-bit sources.
    thresholds: dict[str, Probability]  # By class code: the least probability of a pixel of that class.
    least_sizes_px: dict[str, Annotated[int, Field(ge=0)]]  # By class code: longest side; smaller regions do not count.
    data_hash: str = ""  # Of the data set it was trained on,
    learned_from: list[TileHash] | None = None  # and the hashes of a few of its tiles (`data.seen_before`).
    metrics: dict[str, Scalar] = {}
    precision: Precision
    calibration: str | None = None  # What the ranges of int8 were taken from: "300 tiles of <data set>, seed 0".
    onnx_opset: int | None = None  # Of network.onnx, where there is one.
    parity: Parity | None = None
    validation: Validation | None = None  # None = exported without a data set.
    versions: dict[str, str] = {}  # What made it: blemish, torch, openvino, commit.
    files: dict[FileName, Sha256] = {}  # Filled in when the bundle is written.

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        codes = list(self.taxonomy.codes)
        for what, values in (("thresholds", self.thresholds), ("least_sizes_px", self.least_sizes_px)):
            if sorted(values) != sorted(codes):
                raise ValueError(f"{what} must name exactly the classes {codes}, got {sorted(values)}")
        if self.value_range is not None and not 0 <= self.value_range[0] < self.value_range[1] <= _MOST_16_BIT:
            raise ValueError(f"value_range must rise from 0 to {_MOST_16_BIT} at most, got {self.value_range}")
        if self.tile_px % self.stride or self.overlap_px > self.tile_px - self.stride:
            raise ValueError(
                f"tile_px must be a multiple of stride {self.stride} and leave a step after its overlap, "
                f"got tile_px {self.tile_px} and overlap_px {self.overlap_px}"
            )
        if CARD in self.files:
            raise ValueError(f"{CARD} cannot list itself")
        return self

    @property
    def range_16_bit(self) -> tuple[int, int] | None:
        """The value range that `picture.normalise.to_8_bit` takes; None = the sources were 8-bit."""
        return None if self.value_range is None else (self.value_range[0], self.value_range[1])


def default_thresholds(taxonomy: Taxonomy) -> dict[str, float]:
    """One half for every class."""
    return dict.fromkeys(taxonomy.codes, DEFAULT_THRESHOLD)


def least_sizes(taxonomy: Taxonomy) -> dict[str, int]:
    """The taxonomy's least sizes by code."""
    return {defect.code: defect.least_size_px for defect in taxonomy.defects}


def write_card(folder: Path, card: BundleCard) -> None:
    """Write `card.json` with its own hash."""
    write_bytes(folder / CARD, _text({"hash": card.hash, **card.contents()}))


def read_card(folder: Path) -> Card:
    """Read and check an inspector's `card.json`: see `read_card_of`."""
    return read_card_of(Card, folder)


def read_card_of(model: type[C], folder: Path) -> C:
    """Read and check `card.json` of one kind of bundle.

    Args:
        model: the kind's card.

    Raises:
        BundleError: not there, not JSON, altered since it was written, of another kind or format, an unknown key, a
            value out of its range.
    """
    path, kind = folder / CARD, model.model_fields["kind"].default
    try:
        data = read_plain(path, MOST_CARD_BYTES)
        values = json.loads(data)
        as_written = _text(values) if isinstance(values, dict) else b""
    except OSError as error:
        raise BundleError(f"{folder} is not a bundle (no readable {CARD}): make one with {_MADE_WITH[kind]}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON ({error}): export the bundle again") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path} must hold one JSON object: export the bundle again")
    card = _checked(model, kind, values, path)
    if data != as_written:
        raise BundleError(f"{path} was changed after it was written (other blanks or keys): export it again")
    return card


def _checked(model: type[C], kind: str, values: dict[str, Any], path: Path) -> C:
    if values.get("kind") != kind:
        raise BundleError(f"{path} is a bundle of kind {values.get('kind')!r}, expected {_A_KIND[kind]}")
    if values.get("format") != FORMAT:
        raise BundleError(f"{path} has format {values.get('format')!r}, this version reads {FORMAT}: export it again")
    written = values.pop("hash", None)
    try:
        card = model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"]) or "card"
        raise BundleError(f"{path}: {place}: {first['msg']}: export the bundle again") from error
    if not values.get("files"):
        raise BundleError(f"{path} lists no file: export the bundle again")
    if written != card.hash:
        raise BundleError(f"{path} was changed after it was written (its hash does not match): export it again")
    return card


def _text(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
