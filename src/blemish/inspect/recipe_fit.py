"""Does a recipe fit an inspector, and what should its author know? Also: which regions it asks the inspector for."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from pydantic import Field

from blemish.bundle.card import Card, Strict
from blemish.core.errors import InputError
from blemish.core.records import PART, SCAN
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits
from blemish.inspect.recipe import ANYWHERE, Datum, Recipe


class Sought(Strict):
    """Which regions of one class an inspection kept; of any others nothing is known afterwards."""

    pixel: float  # The least probability of its pixels.
    score: float = 0.0  # The least mean probability.
    least_area_px: int = Field(default=0, ge=0)
    least_size_px: int = Field(default=0, ge=0)  # Longest side.


def sought_by_card(limits: Limits) -> dict[str, Sought]:
    """What is kept without a recipe: every region that passes."""
    return {
        code: Sought(pixel=pixel, score=pixel, least_size_px=limits.least_sizes_px[code])
        for code, pixel in limits.thresholds.items()
    }


def sought_by_recipe(recipe: Recipe) -> dict[str, Sought]:
    """What is kept with a recipe: every region that reaches `review` or, where it is asked for, `also`, so that another
    recipe can be tried on it."""
    return {
        code: Sought(
            pixel=asked.pixel,
            score=asked.least,
            least_area_px=asked.least_area_px,
            least_size_px=asked.least_size_px,
        )
        for code, asked in recipe.scores.items()
    }


def search_limits(sought: Mapping[str, Sought]) -> Limits:
    """What `find_defects` is given; a region of n pixels has a side of at least the root of n.

    Example:
        >>> search_limits({"A": Sought(pixel=0.3, score=0.6, least_area_px=10)}).least_sizes_px
        {'A': 4}
    """
    sides = {code: max(s.least_size_px, math.ceil(math.sqrt(s.least_area_px))) for code, s in sought.items()}
    return Limits(
        thresholds={code: s.pixel for code, s in sought.items()},
        least_sizes_px=sides,
        least_scores={code: s.score for code, s in sought.items()},
        least_areas_px={code: s.least_area_px for code, s in sought.items()},
    )


def refuse_unfit(recipe: Recipe, taxonomy: Taxonomy, bundle: str) -> None:
    """Refuse a recipe that was not written for this inspector.

    Args:
        bundle: the inspector's hash.

    Raises:
        InputError: another bundle, other classes, or millimetres asked where the pixel size is not known.
    """
    if recipe.bundle is not None and recipe.bundle != bundle:
        raise InputError(
            f"recipe {recipe.title} is for bundle {recipe.bundle[:12]}, this one is {bundle[:12] or 'of no bundle'}: "
            f"use that one, or calibrate the recipe anew for this one"
        )
    known = [f"{defect.code} {defect.name}" for defect in taxonomy.defects]
    for code in recipe.scores:
        if code not in taxonomy.codes:
            raise InputError(f"recipe {recipe.title}: scores.{code}: no such class: there are {', '.join(known)}")
    for defect in taxonomy.defects:
        if defect.code not in recipe.scores:
            raise InputError(f"recipe {recipe.title}: class {defect.code} {defect.name} has no scores: add its table")
    if recipe.needs_mm and taxonomy.pixel_mm_xy is None:
        raise InputError(
            f"recipe {recipe.title} asks for millimetres, but the inspector's taxonomy has no pixel_mm_xy: "
            f"use the limits in px and no zones, or export the inspector with its pixel size"
        )


def refuse_other_datum(recipe: Recipe, datum: Datum) -> None:
    """Refuse zones that were drawn from another datum than places are measured from, and a size of no part.

    Raises:
        InputError: they differ, and the recipe has zones or the part's size.
    """
    if recipe.part is not None and datum != PART:
        raise InputError(
            f"recipe {recipe.title} asks for the part's size, but the part is not looked for: inspect with "
            f"--datum {PART}, or remove [part]"
        )
    if recipe.zones and recipe.datum != datum:
        raise InputError(
            f"recipe {recipe.title} draws its zones from the {recipe.datum}'s datum, but places are measured from the "
            f"{datum}'s: draw them from there and write datum = \"{datum}\", or inspect from the {recipe.datum}'s"
        )


def refuse_other_places(recipe: Recipe, datum: Datum, before: Recipe | None) -> None:
    """Refuse to judge by a recipe what was inspected from a datum that it would not have been inspected from.

    Off the part nothing is stored, and from the scan's corner everything is: the two cannot say what the other found.

    Args:
        datum: what stored places are measured from.
        before: the recipe that they were inspected with; None = the card's, which says the scan's corner. Its datum
            may have been overruled on the command line, and then the new one's is as well.

    Raises:
        InputError: another datum.
    """
    refuse_other_datum(recipe, datum)
    if recipe.datum not in (datum, SCAN if before is None else before.datum):
        raise InputError(
            f"recipe {recipe.title} measures from the {recipe.datum}'s datum, these results are from the {datum}'s: "
            f"inspect the parts again with `blemish inspect --recipe`"
        )


def refuse_unknown_views(recipe: Recipe, views: Collection[str]) -> None:
    """Refuse zones for a view that no part has: their limits would never be asked, and the laxer ones hold instead.

    A required view that is missing is not meant: its parts are REVIEW.

    Raises:
        InputError: names the first such zone.
    """
    for name, zone in recipe.zones.items():
        for view in zone.views:
            if view not in views and view not in recipe.required_views:
                there = ", ".join(sorted(filter(None, views))) or "none has a name"
                raise InputError(
                    f"recipe {recipe.title}: zone '{name}' is for view '{view}', which no part has ({there}): name "
                    f"views with --serials or --same-name views, or add it to required_views"
                )


def notes_on(recipe: Recipe, card: Card | None = None) -> list[str]:
    """What is allowed but perhaps not meant, a sentence each.

    Args:
        card: of the inspector, for what only it knows.
    """
    of_recipe = [*_unused(recipe), *_strange_views(recipe), *_sizeless(recipe), *_uncovered(recipe)]
    return [*of_recipe, *_of_bundle(recipe, card)]


def _unused(recipe: Recipe) -> list[str]:
    used = {rule.zone for rule in recipe.rules}
    return [f"zone '{zone}' is used by no limit and no count" for zone in recipe.zones if zone not in used]


def _strange_views(recipe: Recipe) -> list[str]:
    required = ", ".join(recipe.required_views) or "none are named"
    return [
        f"zone '{name}' is for view '{view}', which is not among required_views ({required}): is it called so?"
        for name, zone in recipe.zones.items()
        for view in zone.views
        if view not in recipe.required_views
    ]


def _sizeless(recipe: Recipe) -> list[str]:
    if recipe.datum != PART or recipe.part is not None:
        return []
    return [
        "the part may be found with any size, and what lies beside it is not looked at: write [part] with size_mm and "
        "tolerance_mm (results.jsonl tells part_size_mm of each view)"
    ]


def _uncovered(recipe: Recipe) -> list[str]:
    notes = []
    for code in recipe.scores:
        zones = {rule.zone for rule in recipe.rules if code in rule.classes}
        if not zones:
            notes.append(f"class {code} has no limit: any is NG")
        elif ANYWHERE not in zones:
            notes.append(f"class {code} has limits only in {', '.join(sorted(zones))}: elsewhere any is NG")
    return notes


def _of_bundle(recipe: Recipe, card: Card | None) -> list[str]:
    if card is None:
        return []
    notes = []
    if recipe.bundle is None:
        notes.append('no bundle is named: write bundle = "..." so that no other inspector is judged by these scores')
    for code, asked in recipe.scores.items():
        least = card.least_sizes_px[code]
        if asked.least_size_px < least:
            notes.append(
                f"class {code}: regions under {least} px were left out when it was learned, "
                f"the recipe takes them from {asked.least_size_px} px"
            )
    return notes
