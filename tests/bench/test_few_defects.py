import json

import pytest
from typer.testing import CliRunner

from blemish.bench.few_words import words_of
from blemish.bench.views import View
from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.gan import outcomes
from blemish.gan.plan import plan_per_class


def groups_of(view, split, index):
    return {record.group for record in view.select(split) if index in record.classes}


@pytest.fixture(scope="module")
def result(tiny, gan_flags, quick_features, tmp_path_factory):
    work = tmp_path_factory.mktemp("few")
    out = work / "few-pit.json"
    words = ["bench", "few-defects", str(tiny.folder), "--class", "pit", "--groups", "2", "--tiles", "3"]
    words += ["--out", str(out), "--work", str(work / "work"), "--no-gate", *gan_flags]
    first = CliRunner().invoke(app, words)
    kept = {file: file.stat().st_mtime_ns for file in (work / "work").glob("*/*.json")}
    again = CliRunner().invoke(app, words)
    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert {file: file.stat().st_mtime_ns for file in (work / "work").glob("*/*.json")} == kept
    return json.loads(out.read_text()), out


def test_the_class_is_cut_the_others_and_the_judged_tiles_are_not(tiny):
    whole, cut = View().open(tiny), View(few_class="pit", few_groups=2).open(tiny)
    assert len(groups_of(cut, Split.TRAIN, 1)) == 2 < len(groups_of(whole, Split.TRAIN, 1))
    assert groups_of(cut, Split.TRAIN, 2) == groups_of(whole, Split.TRAIN, 2)
    assert [r.id for r in cut.select(Split.VAL)] == [r.id for r in whole.select(Split.VAL)]
    assert cut.hash != whole.hash


def test_more_groups_than_there_are_are_refused(tiny):
    with pytest.raises(InputError, match="class 'pit' has 3 training groups"):
        View(few_class="pit", few_groups=9).open(tiny)


def test_a_cut_is_in_the_inputs_and_no_cut_is_not():
    assert View().inputs() == {"folds": 3, "fold": 0}
    cut = View(few_class="pit", few_groups=5)
    assert cut.inputs()["few"] == ["pit", 5, 0]
    assert cut.name == "fold-0-few-5"
    assert View.from_dict(cut.to_dict()) == cut


def test_the_command_tells_in_words_and_pictures_what_came_of_it(result):
    values, out = result
    assert values["class"] == "pit"
    assert len(values["groups"]) == 2
    assert values["synthesis"]["written"] == 3
    assert values["words"][0].startswith("pit from 2 physical defects (2 tiles): ")
    assert any(word.startswith("3 of 3 tiles made on real backgrounds") for word in values["words"])
    assert "not tested: whether an inspector gains by its tiles (--iou)" in values["words"]
    page = out.with_suffix(".html").read_text()
    assert page.count("data:image/jpeg") == 2
    assert "http" not in page


def told(**changes):
    values = {
        "class": "Crack",
        "groups": ["a", "b", "c", "d", "e"],
        "training_tiles": 6,
        "outcome": {"state": "learned", "explained_frac": 0.46, "contrast_frac": 0.9, "diversity_frac": 0.31},
        "background": "real",
        "why_none": "",
        "synthesis": {"written": 60, "planned": 60, "near_copies": 2, "gate": None},
        "diversity": {"synthetic": 8.0, "real": 10.0},
        "memorisation": {"share": 0.017, "held_out": 23, "expected": 0.05, "most_by_chance": 0.13},
        "kid": {"kid": {"mean": 0.021, "std": 0.004}, "real": 23, "note": None},
        "real": {"kid": {"mean": 0.018, "std": 0.003}},
        "thresholds": {"classes": {"Crack": {"found": True, "iou": 0.4}}},
        "iou": None,
    }
    return words_of({**values, **changes})


def test_the_words_say_what_it_could_do():
    assert told() == [
        "Crack from 5 physical defects (6 tiles): learned (0.46 of a real defect is painted again, at 0.90 of its "
        "contrast)",
        "60 of 60 tiles made on real backgrounds, without the gate",
        "draws of one label differ by 0.31 of what a real defect changes; its defects lie 0.80 times as far apart as "
        "the real ones",
        "no closer to training defects than real ones are (1.7% are nearer to one than 99 % of 23 held-out ones "
        "are, by chance 5.0%, seldom over 13.0%); "
        "2 shapes were drawn again as near-copies",
        "KID 0.021 ± 0.004 from 23 held-out defects; the training defects in their place: 0.018",
        "not tested: whether an inspector gains by its tiles (--iou)",
    ]


def test_the_words_say_what_it_could_not_do():
    weak = {"state": "weak", "explained_frac": 0.06, "contrast_frac": 0.2, "diversity_frac": 0.0}
    gate = {"drawn": 120, "admitted": {"Crack": 61}, "rejected": {"found": {"Crack": 59}}}
    synthesis = {"written": 61, "planned": 70, "near_copies": None, "gate": gate}
    words = told(
        outcome=weak,
        synthesis=synthesis,
        memorisation={"share": 0.23, "held_out": 23, "expected": 0.05, "most_by_chance": 0.13},
        thresholds=None,
    )
    assert words[0].endswith(": leave it to copy-paste, or train longer")
    assert words[1] == ("61 of 70 tiles made on real backgrounds, 61 of 120 drawn ones admitted (rejected: found 59)")
    assert words[3].startswith("closer to training defects than real ones are: 23.0%")
    assert "not tested: whether a segmenter finds its defects (the gate has none)" in words


def test_nothing_made_is_told_and_nothing_is_measured():
    words = told(synthesis=None, why_none="none of 60 tiles was admitted", memorisation=None, kid=None, diversity=None)
    assert words[1] == "could not fill a single tile: none of 60 tiles was admitted"
    assert sum(word.startswith("not tested") for word in words) == 3


def test_an_inspector_that_has_no_tiles_to_learn_from_is_told_in_words():
    none = {"base": "balance", "without": None, "with": None, "difference": None, "why_none": "none was admitted"}
    assert any("there are none: none was admitted" in word for word in told(iou=none))


def test_a_weak_class_leaves_the_plan_and_is_counted(tiny):
    plan = plan_per_class(tiny.records, tiny.taxonomy, 8)
    pits = [item for item in plan.items if item.classes == (1,)]
    weak = {"pit": {"state": "weak", "explained_frac": 0.06, "diversity_frac": 0.3}, "scratch": {"state": "learned"}}
    left, counts = outcomes.without_weak(plan, weak)
    sentence = "pit came out weak (0.06 of a real defect is painted again): leave it to copy-paste, or train longer"
    assert counts == {sentence: len(pits)}
    assert len(left.items) + len(pits) == len(plan.items)
    assert {item.classes for item in left.items} == {(2,)}
    with pytest.raises(InputError, match=r"nothing to generate: pit came out weak .*--weak"):
        outcomes.without_weak(left_only(plan, 1), weak)


def left_only(plan, index):
    return type(plan)(plan.classes, tuple(item for item in plan.items if item.classes == (index,)))
