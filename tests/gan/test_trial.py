"""A class whose drawn tiles a network does not find, though it finds real ones, is left out, and told."""

import json

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.gan.bank import build_bank
from blemish.gan.gate import Gate
from blemish.gan.gate_reference import measure_real
from blemish.gan.plan import Plan, PlanItem, plan_per_class
from blemish.gan.synthesis import Job, Provenance, RealPictures, synthesise
from blemish.gan.trial import TRIAL_TILES, try_classes, why_untried, without_unfound
from blemish.metrics.tile_iou import ClassFound, GateThresholds


class Paints:
    """Grooves far brighter than their surface, dots a little darker; on the background given."""

    channels, ring_px = 1, 2

    def __init__(self, taxonomy):
        self.taxonomy = taxonomy

    def paint(self, label_maps, seeds, backgrounds):
        pictures = backgrounds.copy()
        for picture, label_map, seed in zip(pictures, label_maps, seeds, strict=True):
            noise = np.random.default_rng(seed).integers(0, 30, picture.shape, np.uint8)
            for index, added in ((1, 60), (2, -60)):
                mask = label_map.defect == index
                picture[mask] = np.clip(picture[mask].astype(int) + added + np.sign(added) * noise[mask], 0, 255)
        return pictures


class SeesBright:
    """Calls all that is bright a groove, or a dot where it lies in the lower half: dark dots it misses."""

    channels = 1

    def __init__(self, taxonomy):
        self.taxonomy = taxonomy

    def probabilities(self, pictures):
        bright = pictures[..., 0] > 165
        lower = np.zeros_like(bright)
        lower[:, bright.shape[1] // 2 :] = True
        planes = [~bright, bright & ~lower, bright & lower, np.zeros_like(bright)]
        return np.stack(planes, axis=1).astype(np.float32)


def found(count: int | None, tiles: int = 40) -> ClassFound:
    return ClassFound(tiles, 0.5, 0.0, True, count)


def gate_of(dataset, groove, dot, **more) -> Gate:
    limits = GateThresholds({"groove": groove, "dot": dot})
    real = measure_real(dataset, [1, 2])
    return Gate(dataset.taxonomy, real, ring_px=2, segmenter=SeesBright(dataset.taxonomy), thresholds=limits, **more)


@pytest.fixture
def job(small_set):
    bank = build_bank(small_set, [1, 2], real_backgrounds=True)
    return Job(Paints(small_set.taxonomy), bank, Provenance("0" * 16, "default", 5), RealPictures.of(small_set))


@pytest.fixture
def plan(small_set) -> Plan:
    return plan_per_class(small_set.records, small_set.taxonomy, 30)


def test_the_class_that_is_not_found_is_left_out_and_the_other_kept(small_set, job, plan):
    trials = try_classes(job, gate_of(small_set, found(36), found(36)), plan)
    assert [(t.name, t.fails) for t in trials] == [("groove", False), ("dot", True)]
    assert [(t.found.count, t.found.total) for t in trials] == [(TRIAL_TILES, TRIAL_TILES), (0, TRIAL_TILES)]
    kept, left_out = without_unfound(plan, trials)
    words = "left out after a trial: a network finds 0 of 24 drawn tiles, and 36 of 40 real ones"
    assert left_out == {f"dot {words}": plan.classes[1].planned}
    assert {item.classes for item in kept.items} == {(1,)}
    assert len(kept.items) + sum(left_out.values()) == len(plan.items)
    assert kept.classes[1].note == f"dot {words}"


def test_a_class_that_is_hardly_found_on_real_tiles_has_no_trial(small_set, job, plan):
    gate = gate_of(small_set, found(36), found(10))
    assert [t.name for t in try_classes(job, gate, plan)] == ["groove"]
    assert why_untried(gate, "dot") == "a network finds 10 of 40 real tiles: too few to tell 24 drawn ones from"
    assert why_untried(gate, "groove") == ""
    # Fewer drawn tiles tell less.
    assert why_untried(gate, "groove", 3).endswith("too few to tell 3 drawn ones from")


def test_a_trial_needs_a_segmenter_and_counted_real_tiles(small_set, job, plan):
    plain = Gate(small_set.taxonomy, measure_real(small_set, [1, 2]), ring_px=2)
    assert try_classes(job, plain, plan) == []
    assert why_untried(plain, "dot").startswith("no segmenter was given")
    before = gate_of(small_set, found(36), found(None))
    assert [t.name for t in try_classes(job, before, plan)] == ["groove"]
    assert why_untried(before, "dot") == "no real tile of it was judged out of fold, or by an earlier version"


def test_the_same_trial_comes_out_the_same(small_set, job, plan):
    gate = gate_of(small_set, found(36), found(36))
    one, other = (try_classes(job, gate, plan) for _ in range(2))
    assert [t.to_dict() for t in one] == [t.to_dict() for t in other]
    for a, b in zip(one, other, strict=True):
        for (left, iou), (right, again) in zip(a.looked_at, b.looked_at, strict=True):
            np.testing.assert_array_equal(left.picture, right.picture)
            assert iou == again


def test_a_tile_of_both_classes_still_shows_the_other(small_set, job, plan):
    both = Plan(plan.classes, tuple(PlanItem(i, (1, 2)) for i in range(TRIAL_TILES)))
    trials = try_classes(job, gate_of(small_set, found(36), found(36)), both)
    kept, left_out = without_unfound(both, trials)
    assert {item.classes for item in kept.items} == {(1,)}
    assert left_out == {}


def test_where_nothing_is_left_the_remedy_is_told(small_set, job, plan):
    only_dots = Plan(plan.classes, tuple(item for item in plan.items if item.classes == (2,)))
    trials = try_classes(job, gate_of(small_set, found(36), found(36)), only_dots)
    with pytest.raises(InputError, match="train the GAN longer, or draw it all the same with --weak"):
        without_unfound(only_dots, trials)


def test_the_page_and_the_json_show_what_was_left_out(small_set, job, plan, tmp_path):
    gate = gate_of(small_set, found(36), found(36))
    trials = try_classes(job, gate, plan)
    kept, _ = without_unfound(plan, trials)
    synthesise(job, kept, small_set, tmp_path / "set", gate=gate, trials=trials)
    page = (tmp_path / "set.rejects" / "index.html").read_text(encoding="utf-8")
    section = page.partition('<section id="left-out">')[2].partition("</section>")[0]
    assert "left out after a trial: a network finds 0 of 24 drawn tiles, and 36 of 40 real ones" in section
    assert section.count("<figure>") == 8
    assert "found with an IoU of 0.00" in section
    assert "groove" not in section
    told = json.loads((tmp_path / "set.rejects" / "rejects.json").read_text())
    row = {"tiles": 24, "found": 0, "real_tiles": 40, "real_found": 36, "left_out": True}
    assert told["trials"]["dot"] == row
    assert told["trials"]["groove"] == {**row, "found": 24, "left_out": False}
