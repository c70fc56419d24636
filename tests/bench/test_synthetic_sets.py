from dataclasses import replace

from blemish.bench.cells import Cell
from blemish.bench.gating import gate_inputs, only_learned
from blemish.bench.scale import Scale
from blemish.bench.synthetic_sets import SyntheticSet
from blemish.bench.views import View
from blemish.core.records import Split
from blemish.data.dataset import Dataset


def cell(scale, rung: str, seed: int = 0) -> Cell:
    return Cell(rung=rung, base="balance", view=View(), seed=seed, scale=scale)


def test_one_gan_serves_rungs_seeds_and_shares(tiny, tiny_scale, tmp_path):
    other = replace(tiny_scale, synthetic_share=0.75)
    cells = [
        cell(tiny_scale, "gan"),
        cell(tiny_scale, "gan", 1),
        cell(other, "gan"),
        cell(tiny_scale, "gan_copy_paste"),
    ]
    assert len({cell.sets[0].folder(tiny, tmp_path) for cell in cells}) == 1
    assert len({cell.file(tiny, tmp_path) for cell in cells}) == 4


def test_generator_and_gate_decide_the_set_and_the_training_does_not_without_a_gate(tiny, tiny_scale, tmp_path):
    def folder(**changes: object) -> str:
        return SyntheticSet("gan", View(), replace(tiny_scale, **changes)).folder(tiny, tmp_path).name

    assert folder() == folder(steps=9, paper_steps=9)
    assert len({folder(), folder(gan_steps=9), folder(gan_gate=True), folder(per_class=9)}) == 4
    assert folder(gan_gate=True) != folder(gan_gate=True, steps=9)  # Its segmenters are trained at the ladder's scale.


def test_our_gan_fills_every_class_from_learned_tiles_only(tiny, tiny_scale, tmp_path):
    made = SyntheticSet("gan", View(), tiny_scale)
    told = made.make(tiny, tmp_path)
    tiles = Dataset(made.folder(tiny, tmp_path)).records
    learned = {record.id for record in View().open(tiny).select(Split.TRAIN)}
    assert told["tiles"] == len(tiles) > 0
    assert told["background"] == "real"
    assert {record.source for record in tiles} <= learned
    assert made.is_there(tiny, tmp_path)


def test_the_gate_sees_learned_tiles_only(tiny):
    view = View().open(tiny)
    assert only_learned(view).records == view.select(Split.TRAIN)
    assert only_learned(view).hash != view.hash


def test_a_second_look_is_another_set_and_says_nothing_where_it_is_off():
    once, twice = Scale(gate_folds=0), Scale(gate_folds=0, gate_second_look=True)
    assert gate_inputs(once) == {"folds": 0, "recognised": True}
    assert gate_inputs(twice) == {"folds": 0, "recognised": True, "second_look": True}
    assert "gate_second_look" not in once.to_dict()
    assert Scale.from_dict(twice.to_dict()) == twice
    assert Scale.from_dict(once.to_dict()) == once
