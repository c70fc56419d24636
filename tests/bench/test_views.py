from dataclasses import replace

import pytest

from blemish.bench.views import View, with_more_real
from blemish.core.errors import DatasetError
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.folds import fold_view


@pytest.fixture
def larger(tiny, tmp_path):
    """Other tiles of the same kind."""
    with DatasetWriter(tmp_path / "larger", DatasetInfo(tiny.taxonomy, tile_px=64, channels=1)) as writer:
        for sample in tiny.samples():
            writer.add(Sample(255 - sample.picture, sample.label_map, sample.record))
    return Dataset(tmp_path / "larger")


def groups(dataset: Dataset, split: Split) -> set[str]:
    return {record.group for record in dataset.select(split)}


def test_folds_hold_every_group_outside_test_once(tiny):
    outside = {r.group for r in tiny.records if r.split != Split.TEST}
    views = [View(folds=3, fold=fold).open(tiny) for fold in range(3)]
    judging = [groups(view, Split.VAL) for view in views]
    assert set.union(*judging) == outside
    assert sum(map(len, judging)) == len(outside)
    for view, own in zip(views, judging, strict=True):
        assert own.isdisjoint(groups(view, Split.TRAIN))
        assert view.select(Split.TEST) == []


def test_a_view_leaves_the_data_set_as_it_is(tiny):
    before = list(tiny.records)
    view = fold_view(tiny, n=3, fold=0)
    assert tiny.records == before
    assert view.hash != tiny.hash


def test_the_published_view_learns_from_train_and_val_and_is_judged_by_test(tiny):
    view = View(fold=None).open(tiny)
    assert groups(view, Split.TRAIN) == groups(tiny, Split.TRAIN) | groups(tiny, Split.VAL)
    assert groups(view, View(fold=None).judged) == groups(tiny, Split.TEST)
    assert view.select(Split.VAL) == []


def test_half_of_the_groups_holds_every_class_and_judges_alike(tiny):
    whole, half = View().open(tiny), View(one_in=2).open(tiny)
    assert groups(half, Split.TRAIN) < groups(whole, Split.TRAIN)
    assert {index for r in half.select(Split.TRAIN) for index in r.classes} == {1, 2}
    assert half.select(Split.VAL) == whole.select(Split.VAL)


def test_more_real_tiles_are_learned_from_and_read_from_where_they_lie(tiny, larger):
    joined = View(more_real=str(larger.folder)).open(tiny)
    added = [r for r in joined.select(Split.TRAIN) if r.id.startswith("more-real/")]
    assert len(added) == len(larger.select(Split.TRAIN))
    assert (joined.sample(added[0]).picture == larger.sample(larger.select(Split.TRAIN)[0]).picture).all()
    assert joined.select(Split.VAL) == View().open(tiny).select(Split.VAL)


def test_a_tile_that_is_judged_may_not_come_in_with_more_real(tiny):
    with pytest.raises(DatasetError, match="is judged by in"):
        with_more_real(View().open(tiny), tiny)


def test_more_real_of_other_classes_is_refused(tiny, larger):
    larger.info = replace(larger.info, channels=3)
    with pytest.raises(DatasetError, match="channels 3"):
        with_more_real(View().open(tiny), larger)


def test_a_set_without_test_tiles_cannot_be_published(tiny):
    record = TileRecord("a", "", "", "", Box(0, 0, 8, 8), "a", Split.TRAIN, Origin.REAL, (1, 0), (64,))
    lacking = View(fold=0).open(tiny)
    lacking.records = [record]
    with pytest.raises(DatasetError, match="no test split"):
        View(fold=None).open(lacking)
