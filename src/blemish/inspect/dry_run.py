"""What a recipe would change: stored results judged again, every part in one cell of a table before by after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from blemish.core.errors import InputError
from blemish.core.records import PartResult, Verdict
from blemish.inspect.recipe import Recipe
from blemish.inspect.recipe_fit import (
    Sought,
    refuse_other_places,
    refuse_unfit,
    refuse_unknown_views,
    sought_by_recipe,
)
from blemish.inspect.recipe_rules import Judged, judge
from blemish.inspect.results import overlay_name
from blemish.inspect.sources import OVERLAYS
from blemish.inspect.stored import Inspected, Stored, refuse_reused_version

_STRICT = [Verdict.NG, Verdict.REVIEW, Verdict.OK]  # From the one that lets nothing through.
# (before, after): from NG -> OK, which lets the most through, to OK -> NG.
_ALL_PAIRS = sorted(product(_STRICT, _STRICT), key=lambda pair: _STRICT.index(pair[0]) - _STRICT.index(pair[1]))


@dataclass(frozen=True)
class Change:
    """One part whose verdict would be another one."""

    serial: str
    folder: Path  # Of its results.
    before: Verdict
    after: Verdict
    reasons_before: tuple[str, ...]
    reasons_after: tuple[str, ...]
    overlays: tuple[Path, ...]  # Those that are there, one a view.


@dataclass(frozen=True)
class DryRun:
    """What came of it."""

    new: str  # The recipe's title.
    before: tuple[str, ...]  # By what the parts were judged before.
    table: Mapping[tuple[Verdict, Verdict], int]  # (before, after) -> parts; every part in one cell.
    changes: tuple[Change, ...]  # Those that let more through first.

    @property
    def parts(self) -> int:
        return sum(self.table.values())

    @property
    def sentence(self) -> str:
        """What it comes to, in a sentence."""
        turned = [f"{self.table[pair]} {pair[0]} into {pair[1]}" for pair in _ordered(self.table) if pair[0] != pair[1]]
        if not turned:
            return f"this change would turn no verdict of {self.parts} parts"
        return f"this change would turn {', '.join(turned)}"


def dry_run(new: Recipe, stored: Sequence[Stored], *, against: Recipe | None = None) -> DryRun:
    """Judge stored results by a recipe.

    Args:
        against: what judged before, asked again; None = the verdicts that were stored.

    Raises:
        InputError: a recipe that does not fit the inspector, that would need regions which were never stored, or one
            that was changed without a new version.
    """
    for recipe in (new, against):
        if recipe is not None:
            refuse_reused_version(recipe, [each.inspected for each in stored])
            refuse_unknown_views(recipe, {v.name for each in stored for part in each.parts for v in part.views})
            for each in stored:
                refuse_unjudgeable(recipe, each)
    if against and (against.name, against.version) == (new.name, new.version) and against.hash != new.hash:
        raise InputError(f"both recipes are {new.name} version {new.version}: write version = {new.version + 1}")
    judged = [(each, part, _before(part, against), _again(part, new)) for each in stored for part in each.parts]
    table = Counter((before.verdict, after.verdict) for _, _, before, after in judged)
    changes = [_change(*row) for row in judged if row[2].verdict != row[3].verdict]
    order = {pair: i for i, pair in enumerate(_ordered(table))}
    return DryRun(
        new=f"recipe {new.title}",
        before=(f"recipe {against.title}",) if against else tuple(sorted({part.judged_by for _, part, _, _ in judged})),
        table=table,
        changes=tuple(sorted(changes, key=lambda change: order[change.before, change.after])),
    )


def refuse_unjudgeable(recipe: Recipe, stored: Stored) -> None:
    """Refuse where stored results cannot say what a recipe would have said.

    Raises:
        InputError: other pixels make other regions; regions below what was kept are not known; nor is strangeness
            that was not measured.
    """
    inspected = stored.inspected
    refuse_unfit(recipe, inspected.taxonomy, inspected.bundle)
    refuse_other_places(recipe, inspected.datum, inspected.recipe)
    sought, remedy = sought_by_recipe(recipe), "inspect the parts again with `blemish inspect --recipe`"
    if recipe.temperature != inspected.temperature:
        raise InputError(
            f"{stored.folder} was inspected at temperature {inspected.temperature:g}, the recipe asks for "
            f"{recipe.temperature:g}: {remedy}"
        )
    decides = {code: s.model_copy(update={"score": recipe.scores[code].review}) for code, s in sought.items()}
    for fault in _never_stored(decides, inspected):  # What only `also` asks for has no say.
        raise InputError(f"{stored.folder} {fault}: {remedy}")
    before = inspected.recipe
    lowered = before is not None and any(s.review < before.scores[code].review for code, s in recipe.scores.items())
    if sought != inspected.sought or lowered:
        for view in (view for part in stored.parts for view in part.views if view.unlisted):
            raise InputError(
                f"{view.file} had {view.unlisted} more regions than are listed, the recipe may ask for them: {remedy}"
            )
    views = [view for part in stored.parts for view in part.views if not view.doubts]
    if recipe.part is not None and any(view.part_size_mm is None for view in views):
        raise InputError(f"{stored.folder} holds no sizes of parts, the recipe asks for part.size_mm: {remedy}")
    asks_strangeness = recipe.unknown.most_strange is not None and not inspected.familiar
    if asks_strangeness and any(view.strangeness is None for view in views):
        raise InputError(f"{stored.folder} holds no strangeness, the recipe asks for unknown.most_strange: {remedy}")


def _never_stored(asked: Mapping[str, Sought], inspected: Inspected) -> Iterator[str]:
    for code, kept in inspected.sought.items():
        new = asked[code]
        if new.pixel != kept.pixel:
            yield f"has regions of {code} by pixels from {kept.pixel:g}, the recipe asks for pixel {new.pixel:g}"
        if max(new.score, new.pixel) < kept.score:
            yield f"kept regions of {code} from score {kept.score:g}, the recipe asks for review {new.score:g}"
        for key in ("least_area_px", "least_size_px"):
            least, was = getattr(new, key), getattr(kept, key)
            if max(least, 1) < was:
                yield f"kept regions of {code} from {key} {was}, the recipe asks for {least}"


def _before(part: PartResult, against: Recipe | None) -> Judged:
    if against is not None:
        return _again(part, against)
    return Judged(part.verdict, part.reasons, part.defects, part.unsure, part.also)


def _again(part: PartResult, recipe: Recipe) -> Judged:
    return judge(part.views, [*part.defects, *part.unsure, *part.also], recipe)


def _change(stored: Stored, part: PartResult, before: Judged, after: Judged) -> Change:
    names = [stored.folder / OVERLAYS / f"{overlay_name(part.serial, view.name)}.jpg" for view in part.views]
    return Change(
        serial=part.serial,
        folder=stored.folder,
        before=before.verdict,
        after=after.verdict,
        reasons_before=before.reasons,
        reasons_after=after.reasons,
        overlays=tuple(path for path in names if path.is_file()),
    )


def _ordered(table: Mapping[tuple[Verdict, Verdict], int]) -> list[tuple[Verdict, Verdict]]:
    """Pairs that occur, those that let more through first."""
    return sorted((pair for pair, parts in table.items() if parts), key=_ALL_PAIRS.index)
