"""`card.json` of a generator's bundle: how it paints, what it remembers of the real tiles, and the hash of every file.

Checked like an inspector's card: unknown keys are refused, and the card holds the hash of itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from blemish.bundle.card import (
    CARD,
    FORMAT,
    BundleCard,
    FileName,
    FloatPrecision,
    Sha256,
    Strict,
    TaxonomyField,
    read_card_of,
)
from blemish.bundle.painting import Options, Palette
from blemish.core.arrays import Float32

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Planes = Annotated[int, Field(ge=1, le=64)]
Code = Annotated[list[Finite], Field(max_length=64)]
Light = Annotated[list[list[Finite]], Field(max_length=255)]  # M rows of 2C: mean and deviation in [-1, 1].


class Painting(Strict):
    """`painting.Options` as a card says them."""

    ring_px: int = Field(ge=0, le=64)
    codes: bool
    noise: bool
    composition: bool


class GeneratorParity(Strict):
    """How far the bundle's pictures were from the torch generator's, in grey levels, measured at export."""

    pictures: str  # What was painted: "6 seeded label maps of 64 x 96 to 161 x 130 px".
    computed_in: FloatPrecision  # By the CPU that exported it: f32 where it knows no bfloat16.
    tolerance_levels: float = Field(gt=0)  # Of the largest difference in f32, of the mean one in bf16.
    max_levels: int = Field(ge=0, le=255)
    mean_levels: float = Field(ge=0)  # Over the pixels that were painted.
    differing_frac: float = Field(ge=0, le=1)  # Share of the values (pixels and channels) painted that differ.


class GeneratorCard(BundleCard):
    """The card of a generator's bundle; its networks take and give float32 1 P H W (see `painting.Network`)."""

    format: Literal[1] = FORMAT
    kind: Literal["generator"] = "generator"
    architecture: str
    preset: str
    taxonomy: TaxonomyField
    channels: Literal[1, 3]
    stride: Literal[16] = 16  # painting.STRIDE: height and width of what the networks are given are multiples of it.
    painting: Painting
    code_length: Planes
    noise_planes: Planes
    background_noise_planes: Planes
    codes: dict[str, Annotated[list[Code], Field(max_length=4096)]]  # By class code: of real defects.
    lights: Annotated[list[Light], Field(min_length=1, max_length=4096)]
    # By class code: how it came out in training, where it was seen.
    classes: dict[str, Literal["learned", "weak"]] = Field(default_factory=dict)
    weights_hash: Sha256  # SHA-256 of the weights that it was exported from.
    data_hash: str = ""  # Of the data set it was trained on.
    precision: FloatPrecision
    parity: GeneratorParity | None = None
    versions: dict[str, str] = Field(default_factory=dict)  # What made it: blemish, torch, openvino, commit.
    files: dict[FileName, Sha256] = Field(default_factory=dict)  # Filled in when the bundle is written.

    @model_validator(mode="after")
    def _consistent(self) -> GeneratorCard:
        known = list(self.taxonomy.codes)
        if sorted(self.codes) != sorted(known):
            raise ValueError(f"codes must name exactly the classes {known}, got {sorted(self.codes)}")
        if not set(self.classes) <= set(known):
            raise ValueError(f"classes must be among {known}, got {sorted(self.classes)}")
        if any(len(code) != self.code_length for codes in self.codes.values() for code in codes):
            raise ValueError(f"every appearance code must have {self.code_length} numbers")
        rows, numbers = len(self.taxonomy.backgrounds), 2 * self.channels
        if any(len(light) != rows or any(len(row) != numbers for row in light) for light in self.lights):
            raise ValueError(f"every lighting must have {rows} rows of {numbers} numbers")
        if CARD in self.files:
            raise ValueError(f"{CARD} cannot list itself")
        return self

    @property
    def palette(self) -> Palette:
        """What the generator remembers, as arrays."""
        codes = tuple(_rows(self.codes[code], self.code_length) for code in self.taxonomy.codes)
        lights = np.asarray(self.lights, np.float32)
        return Palette(codes, lights, self.code_length, self.noise_planes, self.background_noise_planes)

    @property
    def options(self) -> Options:
        """How it paints."""
        return Options(**self.painting.model_dump())


def read_generator_card(folder: Path) -> GeneratorCard:
    """Read and check a generator's `card.json`.

    Raises:
        BundleError: as `card.read_card_of`.
    """
    return read_card_of(GeneratorCard, folder)


def _rows(values: list[list[float]], length: int) -> Float32:
    return np.asarray(values, np.float32).reshape(len(values), length)
