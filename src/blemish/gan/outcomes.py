"""The collapse monitor's word, read from a generator's card: which classes came out, and what to do about the others.

The monitor itself judges at the end of a training of the default preset (`gan.composed.finish`, docs/adr/0011).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from blemish.bundle.generator_card import GeneratorCard
from blemish.gan.plan import Plan, without

WEAK = "weak"
# At 0.12 a class (uneven light of magnetic-tile) taught an inspector its label on clean surface
# (docs/results-earlier.md).
WEAK_EXPLAINED = 0.2  # A class of whose real defects the branch cannot rebuild even this share from their codes,
WEAK_DIVERSITY = 0.02  # or whose draws differ from each other less than this share of a defect, did not come out.
_ADVICE = "leave it to copy-paste, or train longer"


def outcomes_of(card: Mapping[str, Any] | GeneratorCard) -> dict[str, dict[str, Any]]:
    """By class name what the monitor measured; nothing for a generator that has no monitor (the paper's).

    Args:
        card: of a training run, whose classes are rows with figures, or of a bundle, which has states by class code.
    """
    if isinstance(card, GeneratorCard):
        named = {defect.code: defect.name for defect in card.taxonomy.defects}
        return {named[code]: {"name": named[code], "state": state} for code, state in card.classes.items()}
    return {str(row["name"]): dict(row) for row in card.get("classes", ())}


def read_outcomes(generator: Path) -> dict[str, dict[str, Any]]:
    """As `outcomes_of`, from the folder of a generator's weights."""
    card: dict[str, Any] = json.loads((generator / "card.json").read_text(encoding="utf-8"))
    return outcomes_of(card)


def weak_words(outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """For each class that came out weak one sentence that says so, by its name.

    Example:
        >>> weak_words({"dent": {"state": "weak", "explained_frac": 0.06, "diversity_frac": 0.3}})["dent"]
        'dent came out weak (0.06 of a real defect is painted again): leave it to copy-paste, or train longer'
    """
    return {name: f"{name} came out weak{_why(row)}: {_ADVICE}" for name, row in outcomes.items() if is_weak(row)}


def unfit_words(outcomes: Mapping[str, Mapping[str, Any]], names: Collection[str]) -> dict[str, str]:
    """Of some classes those that came out weak or were never learned, with a sentence each; none without a monitor.

    Example:
        >>> unfit_words({"dent": {"state": "learned"}}, ["dent", "pit"])
        {'pit': 'pit was never learned: no tile that the generator was trained on showed it'}
    """
    weak = weak_words(outcomes)
    unseen = {
        name: f"{name} was never learned: no tile that the generator was trained on showed it"
        for name in (names if outcomes else ())
        if name not in outcomes
    }
    return {name: sentence for name, sentence in {**weak, **unseen}.items() if name in names}


def is_weak(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["state"] == WEAK)


def _why(row: Mapping[str, Any]) -> str:
    """The figure that is at fault; a bundle keeps none."""
    if "explained_frac" not in row:
        return ""
    if row["explained_frac"] < WEAK_EXPLAINED:
        return f" ({row['explained_frac']:.2f} of a real defect is painted again)"
    return f" (draws of one label differ by {row['diversity_frac']:.2f} of what a real defect changes)"


def without_weak(plan: Plan, outcomes: Mapping[str, Mapping[str, Any]]) -> tuple[Plan, dict[str, int]]:
    """The plan without classes that came out weak or unlearned, and for each sentence the tiles that are left out.

    A tile that was to show other classes too still shows those.

    Raises:
        InputError: nothing is left of the plan.
    """
    words = unfit_words(outcomes, [row.name for row in plan.classes if row.planned])
    weak = {row.index: words[row.name] for row in plan.classes if row.name in words}
    return without(plan, weak, "draw it all the same with --weak")
