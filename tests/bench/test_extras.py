import shutil
from dataclasses import replace

import pytest

from blemish.bench.cells import Cell
from blemish.bench.compare import HELPS, NOTHING, UNKNOWN
from blemish.bench.extras import _advice, enough, share_curve
from blemish.bench.ladder import LadderPlan, climb
from blemish.bench.ladder_file import chosen_share, ground_of, selection_half
from blemish.bench.views import View
from blemish.core.errors import InputError
from blemish.train.precision import PRECISIONS


@pytest.fixture(scope="module")
def climbed(tiny, tiny_scale, tmp_path_factory):
    """A selection half of BASE and copy-paste, and the folder of its cells."""
    work = tmp_path_factory.mktemp("extras")
    plan = LadderPlan(rungs=("balance", "copy_paste"), views=(View(fold=0),), scale=tiny_scale)
    return selection_half(tiny, plan, climb(tiny, plan, work), []), work


def test_a_share_of_the_ladders_own_is_not_trained_again(tiny, climbed):
    half, work = climbed
    before = len(list((work / "cells").glob("*.json")))
    curve = share_curve(tiny, ground_of(half), "copy_paste", (0.5, 0.25), work, jobs=1)
    assert len(list((work / "cells").glob("*.json"))) == before + 1
    assert [row["share"] for row in curve["rows"]] == [0.25, 0.5]
    assert curve["best"] in (0.25, 0.5)
    ladders = next(rung for rung in half["rungs"] if rung["name"] == "copy_paste")
    assert curve["rows"][1]["mean_iou"] == ladders["mean_iou"]


def test_a_share_that_another_machine_kept_in_another_precision_counts_where_that_is_asked_for(tiny, climbed, tmp_path):
    half, work = climbed
    shutil.copytree(work, tmp_path / "work")
    scale = replace(ground_of(half).scale, shares=(("copy_paste", 0.75),))
    cell = Cell(rung="copy_paste", base="balance", view=View(fold=0), seed=0, scale=scale)
    own = cell.inputs(tiny)["precision"]
    other = next(each for each in PRECISIONS if each != own)
    share_curve(tiny, ground_of(half), "copy_paste", (0.75,), tmp_path / "work", jobs=1)
    kept = cell.file(tiny, tmp_path / "work")
    kept.rename(kept.with_name(f"{cell._name(tiny, other)}.json"))
    share_curve(tiny, ground_of(half, any_precision=True), "copy_paste", (0.75,), tmp_path / "work", jobs=1)
    assert not kept.is_file()


def test_shares_of_a_rung_without_synthetic_tiles_are_refused(tiny, climbed):
    half, work = climbed
    with pytest.raises(InputError, match="--share-of must be one of copy_paste"):
        share_curve(tiny, ground_of(half), "real", (0.5,), work, jobs=1)
    with pytest.raises(InputError, match="above 0 and at most 1"):
        share_curve(tiny, ground_of(half), "copy_paste", (1.5,), work, jobs=1)


def test_enough_says_for_each_class_what_more_real_tiles_do(tiny, climbed):
    half, work = climbed
    found = enough(tiny, ground_of(half), "copy_paste", work, jobs=1)
    assert found["groups"]["pit"]["few"] < found["groups"]["pit"]["all"]
    assert set(found["classes"]) == {"pit", "scratch"}
    assert found["classes"]["pit"]["words"].startswith("from 1 in 2 real groups to all ")
    assert "copy_paste over balance" in found["classes"]["pit"]["words"]


def test_a_class_of_too_few_defects_gets_no_verdict():
    assert _advice(UNKNOWN, HELPS) == _advice(UNKNOWN, "not run")
    assert _advice(UNKNOWN, HELPS).startswith("could not be judged, as fewer than 3 physical defects")


@pytest.mark.parametrize("synthetic", ["not run", UNKNOWN])
def test_nothing_is_said_of_synthetic_tiles_that_were_not_judged(synthetic):
    assert _advice(HELPS, synthetic) == "label more"
    assert _advice(NOTHING, synthetic).startswith("more real tiles were not shown to help")
    assert _advice(HELPS, NOTHING) == "label more: synthetic tiles were not shown to make up for it"


def test_a_synthetic_rung_of_other_seeds_stands_beside_nothing(tiny, climbed):
    half, work = climbed
    moved = [{**cell, "seed": 1} if cell["rung"] == "copy_paste" else cell for cell in half["cells"]]
    found = enough(tiny, ground_of({**half, "cells": moved}), "copy_paste", work, jobs=1)
    assert found["synthetic"] is None
    assert found["classes"]["pit"]["synthetic"] is None


def test_a_seed_that_the_ladder_does_not_have_is_refused(climbed):
    with pytest.raises(InputError, match="no seed 7 of balance"):
        ground_of(climbed[0], [7])


def test_the_share_for_a_set_is_the_best_of_our_rung(climbed, tiny_scale):
    half = climbed[0]
    with pytest.raises(InputError, match="no rung of ours"):
        chosen_share(half)
    with_gan = {**half, "gain": {"of": "gan"}, "scale": replace(tiny_scale, shares=(("gan", 0.75),)).to_dict()}
    assert chosen_share(with_gan) == 0.75
    assert chosen_share({**with_gan, "shares": {"gan": {"best": 0.25}}}) == 0.25
