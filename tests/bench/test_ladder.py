import json
from dataclasses import replace

import numpy as np
import pytest

from blemish.bench.folds import fold_view
from blemish.bench.ladder import LadderPlan, best_simple, climb, ladder_result, table
from blemish.bench.rungs import Scale, simple_settings, with_synthetic
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.data.augment import Augmentation
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample

TWO = Taxonomy.of_names("two", ["pit", "scratch"])
TINY = Scale(crop_px=32, batch=2, steps=2, per_class=6, gan_width=2, gan_size_px=32, gan_batch=2, gan_steps=2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladder") / "set"
    with DatasetWriter(folder, DatasetInfo(TWO, tile_px=64, channels=1)) as writer:
        for place in range(18):
            writer.add(a_tile(place))
    return Dataset(folder)


def a_tile(place: int) -> Sample:
    picture = rng(0, "surface", place).integers(90, 110, (64, 64)).astype(np.uint8)
    defect = np.zeros((64, 64), np.uint8)
    if place % 3:
        area = (slice(20, 34), slice(20, 34)) if place % 3 == 1 else (slice(30, 33), slice(8, 50))
        defect[area], picture[area] = place % 3, 220
    split = (Split.TRAIN, Split.VAL, Split.TEST)[(place // 3) % 3]
    record = TileRecord(
        f"t{place}", "", "", "", Box(0, 0, 64, 64), f"g{place // 3}-{place % 3}", split, Origin.REAL, (), ()
    )
    return Sample(picture, LabelMap(defect, np.zeros_like(defect)), record)


def test_folds_hold_every_group_outside_test_once(dataset):
    outside = {r.group for r in dataset.records if r.split != Split.TEST}
    views = [fold_view(dataset, n=3, fold=fold) for fold in range(3)]
    judging = [{r.group for r in view.select(Split.VAL)} for view in views]
    assert set.union(*judging) == outside
    assert sum(map(len, judging)) == len(outside)
    for view, own in zip(views, judging, strict=True):
        assert own.isdisjoint({r.group for r in view.select(Split.TRAIN)})
        assert view.select(Split.TEST) == []


def test_a_view_leaves_the_data_set_as_it_is(dataset):
    before = list(dataset.records)
    view = fold_view(dataset, n=3, fold=0)
    assert dataset.records == before
    assert view.hash != dataset.hash


def test_each_rung_adds_one_thing_at_equal_steps():
    real, augment, balance, loss = (simple_settings(n, TINY, 0) for n in ("real", "augment", "balance", "loss"))
    assert replace(augment, augmentation=Augmentation.none()) == real
    assert replace(balance, sampling="uniform", crop_on_defect_frac=0.0) == augment
    assert replace(loss, loss=balance.loss) == balance
    assert with_synthetic(balance, TINY).steps == real.steps


def test_a_ladder_climbs_and_a_second_climb_computes_nothing(dataset, tmp_path):
    plan = LadderPlan(rungs=("gan_paper", "real", "balance", "copy_paste"), scale=TINY)
    cells = climb(dataset, plan, tmp_path)
    assert [cell["rung"] for cell in cells] == ["real", "balance", "copy_paste", "gan_paper"]
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "cells").iterdir()}
    again = climb(dataset, plan, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cells").iterdir()} == kept
    assert again == cells
    other_gan = replace(plan, rungs=("real", "balance", "copy_paste"), scale=replace(plan.scale, gan_steps=99))
    assert climb(dataset, other_gan, tmp_path) == cells[:3]
    result = ladder_result(dataset, plan, cells)
    assert result["base"] in ("real", "balance")
    assert json.loads(json.dumps(result, allow_nan=False))["classes"] == ["pit", "scratch"]
    assert table(cells, TWO.defect_names).count("\n") == 4
    assert cells[3]["synthetic"]["synthesis"]["written"] == cells[3]["synthetic"]["plan"]["tiles"] > 0


def test_base_is_the_best_mean_over_folds_and_seeds():
    cells = [{"rung": "real", "mean_iou": v} for v in (0.5, 0.1)] + [{"rung": "augment", "mean_iou": 0.35}]
    assert best_simple(cells) == "augment"


def test_an_unknown_rung_is_refused():
    with pytest.raises(InputError, match="no rung 'magic': there are real, augment"):
        LadderPlan(rungs=("magic",))
    with pytest.raises(InputError, match="start from the best"):
        LadderPlan(rungs=("gan_paper",))
