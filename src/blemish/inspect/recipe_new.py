"""A commented recipe to begin with: what a bundle's card says, as TOML that changes no verdict until it is edited."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from blemish.bundle.card import Card
from blemish.core.errors import InputError
from blemish.core.taxonomy import DefectClass
from blemish.core.toml_files import load_toml
from blemish.inspect.recipe import AsProbability, Scores, key_path, parse_recipe

_HEAD = """\
# What counts as NG for {product}. Every key is told in docs/how-to/write-a-recipe.md.
# `blemish recipe check` reads this file, `blemish recipe dry-run` shows what a change of it would do.
format = 1
name = {name}
version = 1  # Raise it with every change; results name it.
bundle = {bundle}  # The only inspector it is for.
{temperature}
# A part without one of these views is REVIEW.
# required_views = ["top", "bottom"]

# What zones are measured from: the scan's upper left corner, or that of the part, which is then looked for on it.
# datum = "part"

# From where on a class counts. pixel: touching pixels from this probability on are a region. Its score is their mean:
# from `ng` on it is a defect, from `review` on it is unsure (see [unknown]), below that it is nothing; but of a part
# that is NG anyway regions from `also` on are told too, and decide nothing.
"""
_CLASS = """\
[scores.{key}]  # {title}
pixel = {pixel}
{also}review = {review}
ng = {ng}
least_area_px = {least_area_px}
least_size_px = {least_size_px}  # Longest side.

"""
_PROBABILITY = """\
# What a region's score is worth as a probability that the call is right: told beside it, asked by no rule.
[probability]
temperature = {temperature}
offset = {offset}

"""
_TAIL = """\
# With datum = "part": one that is found with another size is REVIEW (found wrongly, cut off, another product).
# [part]
# size_mm = [260, 95]  # Along its upper edge, and down; results.jsonl tells part_size_mm of each view.
# tolerance_mm = 2

# Zones, in mm from the datum: boxes (x, y, width, height) and polygons. A defect is where its middle is.
# [zones.seal]
# boxes = [[0, 0, 2700, 40], [0, 960, 2700, 40]]

# How large a defect may be. One that no limit and no count applies to is NG at any size: so it is with all of them
# until the first limit is written. In a zone its own limits replace those without a zone.
# [[limits]]
# classes = [{example}]
# max_length_{unit} = 10
#
# [[limits]]
# classes = [{example}]
# zone = "seal"
# max_length_{unit} = 3
# what = "REVIEW"  # Else NG. Without a maximum: any. "OK": such defects never count.

# How many a part may have, over all its views.
# [[counts]]
# classes = [{example}]
# most = 3

[unknown]
unsure = "REVIEW"  # An unsure region that would be NG if it were sure: REVIEW, NG or OK.
"""


_KEYS = ("format", "temperature", "made_from", "probability", "scores")  # Of a thresholds file.


def new_recipe(card: Card, thresholds: Path | None = None) -> str:
    """The text of a recipe for one inspector.

    Args:
        thresholds: a TOML file with `[scores.<code>]` tables and perhaps a `temperature`, as calibration writes it;
            None = the card's thresholds, without a REVIEW band.

    Raises:
        InputError: a thresholds file that cannot be read, that has no thresholds or those of another bundle, or with
            other classes or impossible values.
    """
    given = _read(thresholds, card) if thresholds is not None else {}
    chosen = _scores(card, given.get("scores", {}), str(thresholds))
    product, unit = card.taxonomy.name, "mm" if card.taxonomy.pixel_mm_xy else "px"
    temperature = f"temperature = {given['temperature']}\n" if "temperature" in given else ""
    text = _HEAD.format(
        product=json.dumps(product, ensure_ascii=False),
        name=json.dumps(re.sub(r"[^\w .+-]", "-", product).lstrip(" .+-")[:64] or "recipe", ensure_ascii=False),
        bundle=json.dumps(card.hash),
        temperature=temperature,
    )
    text += "".join(_table(defect, chosen[defect.code]) for defect in card.taxonomy.defects)
    if "probability" in given:
        text += _PROBABILITY.format(**_probability(given["probability"], str(thresholds)).model_dump())
    text += _TAIL.format(example=json.dumps(card.taxonomy.codes[0], ensure_ascii=False), unit=unit)
    parse_recipe(text, where=str(thresholds or "the new recipe"))
    return text


def _read(path: Path, card: Card) -> Mapping[str, Any]:
    try:
        given = load_toml(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read thresholds {path}: {error}") from error
    if unknown := [key for key in given if key not in _KEYS]:
        raise InputError(f"{path}: {unknown[0]} is no key of a thresholds file: there are {', '.join(_KEYS)}")
    if not given.get("scores"):
        raise InputError(f"{path} has no [scores.<code>] table: add one, or leave --thresholds out for the card's")
    made_from = given.get("made_from")
    bundle = made_from.get("bundle", card.hash) if isinstance(made_from, Mapping) else card.hash
    if bundle != card.hash:
        raise InputError(
            f"{path} was calibrated with bundle {str(bundle)[:12]}..., this one is {card.hash[:12]}...: scores of one "
            f"inspector mean nothing to another, calibrate with this one (or, where both are exports of one run, take "
            f"the line out)"
        )
    return given


def _scores(card: Card, given: Mapping[str, Any], where: str) -> dict[str, Scores]:
    """The given tables; of a class that has none the card's threshold, of a table without a least size the card's."""
    _refuse_no_table("scores", given, where)
    for code, values in given.items():
        _refuse_no_table(f"scores.{code}", values, where)
    if unknown := [code for code in given if code not in card.thresholds]:
        raise InputError(f"{where}: scores.{unknown[0]}: no such class: there are {', '.join(card.thresholds)}")
    chosen = {}
    for code, threshold in card.thresholds.items():
        values = given.get(code, {"pixel": threshold, "review": threshold, "ng": threshold})
        try:
            chosen[code] = Scores.model_validate({"least_size_px": card.least_sizes_px[code], **values})
        except ValidationError as error:
            first = error.errors()[0]
            place = key_path(("scores", code, *first["loc"]))
            raise InputError(f"{where}: {place}: {first['msg'].removeprefix('Value error, ')}") from error
    return chosen


def _refuse_no_table(name: str, value: Any, where: str) -> None:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {name} must be a table, got {value!r}: write [{name}] and its values below it")


def _probability(given: Any, where: str) -> AsProbability:
    try:
        return AsProbability.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: {key_path(('probability', *first['loc']))}: {first['msg']}") from error


def _table(defect: DefectClass, scores: Scores) -> str:
    key = defect.code if re.fullmatch(r"[A-Za-z0-9_-]+", defect.code) else json.dumps(defect.code, ensure_ascii=False)
    values = {**scores.model_dump(), "also": "" if scores.also is None else f"also = {scores.also}\n"}
    return _CLASS.format(key=key, title=f"{defect.code} {defect.name}", **values)
