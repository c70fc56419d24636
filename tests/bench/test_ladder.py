import json
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from blemish.bench import synthetic_sets
from blemish.bench.cells import Cell, sets_to_make
from blemish.bench.figures import of_rung
from blemish.bench.ladder import LadderPlan, climb, table
from blemish.bench.ladder_file import _without_tiles, selection_half
from blemish.bench.rungs import training_of
from blemish.bench.synthetic_sets import SyntheticSet, gan_run, our_settings
from blemish.bench.views import View
from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.segment.training import Pace, train
from blemish.train.precision import PRECISIONS, default_precision

TINY_FLAGS = [
    *("--crop", "32", "--batch", "2", "--steps", "2", "--per-class", "6", "--no-gate"),
    *("--gan-size", "32", "--gan-batch", "2", "--gan-steps", "2"),
    *("--paper-width", "2", "--paper-size", "32", "--paper-batch", "2", "--paper-steps", "2"),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("ladder")


def ladder(*words: str, dataset, out, work):
    arguments = ["bench", "ladder", str(dataset.folder), "--out", str(out), "--work", str(work), *words]
    done = CliRunner().invoke(app, arguments)
    return done, json.loads(out.read_text()) if out.exists() else {}


def modified(work):
    return {file: file.stat().st_mtime_ns for file in (work / "cells").glob("*.json")}


def plan_of(scale, *rungs: str) -> LadderPlan:
    return LadderPlan(rungs=rungs, views=(View(fold=0),), scale=scale)


def test_a_second_climb_computes_nothing(tiny, tiny_scale, work):
    plan = plan_of(tiny_scale, "gan_paper", "real", "balance", "copy_paste")
    first = climb(tiny, plan, work)
    kept = modified(work)
    again = climb(tiny, plan, work)
    assert [cell["rung"] for cell in first.cells] == ["real", "balance", "copy_paste", "gan_paper"]
    assert (first.made, again.made) == (4, 0)
    assert modified(work) == kept
    assert again.cells == first.cells
    assert first.cells[3]["sets"]["gan_paper"]["gan_seconds"] > 0
    assert table(first.cells, ["pit", "scratch"]).count("\n") == 4


def test_simple_cells_do_not_change_with_how_synthetic_tiles_are_made(tiny, tiny_scale):
    def key(rung: str, **changes: object) -> str:
        scale = replace(tiny_scale, **changes)
        return Cell(rung=rung, base="real", view=View(), seed=0, scale=scale).file(tiny, tiny.folder).name

    assert key("real") == key("real", paper_steps=9, synthetic_share=0.1, synthetic_until=0.5, per_class=9)
    assert key("copy_paste") == key("copy_paste", paper_steps=9, gan_gate=True)
    assert key("copy_paste") != key("copy_paste", synthetic_share=0.1)
    assert key("copy_paste") != key("copy_paste", synthetic_until=0.5)
    assert key("gan_paper") != key("gan_paper", paper_steps=9)
    assert key("real") != key("real", steps=9)


def test_cells_of_another_precision_count_only_where_asked_and_are_told_apart(
    tiny, tiny_scale, work, tmp_path, monkeypatch
):
    plan = plan_of(tiny_scale, "real", "balance")
    climb(tiny, plan, work)
    shutil.copytree(work / "cells", tmp_path / "cells")
    own = default_precision()
    other = next(each for each in PRECISIONS if each != own)
    monkeypatch.setattr("blemish.bench.cells.default_precision", lambda: other)
    cell = plan.cells(["real"], "")[0]
    assert not cell.is_there(tiny, tmp_path)
    there = replace(cell, any_precision=True)
    assert there.is_there(tiny, tmp_path)
    assert Cell.from_dict(there.to_dict()) == there
    taken = climb(tiny, replace(plan, any_precision=True), tmp_path)
    assert taken.made == 0
    mixed = [*taken.cells, {**taken.cells[0], "seed": 1, "inputs": {**taken.cells[0]["inputs"], "precision": other}}]
    assert of_rung("real", mixed, ["pit", "scratch"])["precision"] == sorted([own, other])


@pytest.mark.parametrize("rung", ["gan", "gan_copy_paste"])
def test_gated_cells_of_another_precision_are_found_and_their_sets_are_not_made(
    tiny, tiny_scale, rung, tmp_path, monkeypatch
):
    """The gate's trainings have a precision of their own, which stands in the key of the tiles."""
    scale, own = replace(tiny_scale, gan_gate=True), default_precision()
    cell = Cell(rung=rung, base="balance", view=View(), seed=0, scale=scale, any_precision=True)
    file = cell.file(tiny, tmp_path)
    file.parent.mkdir()
    file.write_text("{}")
    other = next(each for each in PRECISIONS if each != own)
    for module in ("cells", "gating"):
        monkeypatch.setattr(f"blemish.bench.{module}.default_precision", lambda: other)
    assert cell.file(tiny, tmp_path) == file
    assert sets_to_make([cell], tiny, tmp_path) == []
    assert len(sets_to_make([replace(cell, any_precision=False), cell], tiny, tmp_path)) == len(cell.sets)


def test_this_machines_precision_gives_the_key_that_no_precision_gives(tiny, tiny_scale):
    cell = Cell(rung="gan", base="real", view=View(), seed=0, scale=replace(tiny_scale, gan_gate=True))
    assert cell.inputs(tiny) == cell.inputs(tiny, default_precision())


def test_a_cell_that_was_judged_otherwise_is_judged_again_by_its_weights(tiny, tiny_scale, work, tmp_path):
    plan = plan_of(tiny_scale, "real")
    now = climb(tiny, plan, work).cells[0]
    shutil.copytree(work, tmp_path / "work")
    file = plan.cells(["real"], "")[0].file(tiny, tmp_path / "work")
    before = {name: value for name, value in now.items() if name != "judging"} | {"accuracy": 0.123}
    file.write_text(json.dumps(before))
    again = climb(tiny, plan, tmp_path / "work")
    assert again.made == 1
    assert {name: again.cells[0][name] for name in now} == now
    file.write_text(json.dumps(before))
    shutil.rmtree(tmp_path / "work" / "runs")  # Without weights it stands as it was, and its figures are left out.
    kept = climb(tiny, plan, tmp_path / "work")
    assert (kept.made, kept.cells[0]["accuracy"]) == (0, 0.123)
    half = selection_half(tiny, plan, kept, [])
    assert half["rungs"][0]["accuracy"] == [None]
    assert "of real are left out" in half["cautions"][-1]


def test_a_stopped_ladder_goes_on_and_computes_no_cell_twice(tiny, tiny_scale, tmp_path, monkeypatch):
    plan, made = plan_of(tiny_scale, "real", "augment"), []
    compute = Cell._compute

    def stopped(cell, *arguments):
        if made:
            raise KeyboardInterrupt
        made.append(cell.rung)
        return compute(cell, *arguments)

    monkeypatch.setattr(Cell, "_compute", stopped)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        climb(tiny, plan, tmp_path)
    monkeypatch.setattr(Cell, "_compute", lambda cell, *rest: made.append(cell.rung) or compute(cell, *rest))
    assert climb(tiny, plan, tmp_path).made == 1
    assert made == ["real", "augment"]


def test_the_command_line_selects_and_publishes_into_two_halves(tiny, work, tmp_path):
    out = tmp_path / "ladder-two.json"
    flags = [*TINY_FLAGS, "--rungs", "real,balance,copy_paste", "--fold", "0"]
    done, selected = ladder(*flags, dataset=tiny, out=out, work=work)
    assert done.exit_code == 0, done.output
    assert set(selected) & {"selection", "published"} == {"selection"}
    assert selected["selection"]["base"] in ("real", "balance")
    for runs, seeds in ((1, ["--seed", "0"]), (1, ["--seed", "0"]), (2, ["--seed", "1"])):
        done, told = ladder("--published", *seeds, dataset=tiny, out=out, work=work)
        assert done.exit_code == 0, done.output
        assert told["published"]["runs"] == runs
        assert told["selection"] == selected["selection"]
    rungs = {rung["name"]: rung for rung in told["published"]["rungs"]}
    assert set(rungs) == {"real", "balance", "copy_paste"}
    assert rungs["real"]["seeds"] == [0, 1]
    assert set(rungs["real"]) == {
        "name",
        "seeds",
        "mean_iou",
        "iou",
        "accuracy",
        "escape",
        "overkill",
        "separation",
        "recall",
        "false_per_scan",
        "precision",
    }
    assert told["published"]["classes"] == ["pit", "scratch"]


def test_cells_of_an_earlier_go_stay_unless_the_scale_changed(tiny, work, tmp_path):
    out = tmp_path / "ladder-two.json"
    ladder(*TINY_FLAGS, "--rungs", "real,balance", "--fold", "0", dataset=tiny, out=out, work=work)
    _, more = ladder(*TINY_FLAGS, "--rungs", "augment", "--fold", "0", dataset=tiny, out=out, work=work)
    assert [rung["name"] for rung in more["selection"]["rungs"]] == ["real", "augment", "balance"]
    flags = [*TINY_FLAGS, "--rungs", "augment", "--fold", "0", "--steps", "3"]
    _, other = ladder(*flags, dataset=tiny, out=out, work=work)
    assert [rung["name"] for rung in other["selection"]["rungs"]] == ["augment"]


def test_a_later_go_stands_on_the_training_rungs_of_an_earlier_one(tiny, work, tmp_path):
    out = tmp_path / "ladder-two.json"
    ladder(*TINY_FLAGS, "--rungs", "real,balance", "--fold", "0", dataset=tiny, out=out, work=work)
    done, more = ladder(*TINY_FLAGS, "--rungs", "copy_paste", "--fold", "0", dataset=tiny, out=out, work=work)
    assert done.exit_code == 0, done.output
    assert [rung["name"] for rung in more["selection"]["rungs"]] == ["real", "balance", "copy_paste"]


def test_goes_without_a_fold_in_common_are_written_and_told(tiny, work, tmp_path):
    out = tmp_path / "ladder-two.json"
    ladder(*TINY_FLAGS, "--rungs", "real,balance", "--fold", "0", dataset=tiny, out=out, work=work)
    done, more = ladder(*TINY_FLAGS, "--rungs", "augment,gan", "--fold", "1", dataset=tiny, out=out, work=work)
    assert done.exit_code == 0, done.output
    assert (more["selection"]["gain"]["of"], more["selection"]["gain"]["over"]) == ("gan", "augment")
    assert all(entry["over"] in ("augment", more["selection"]["base"]) for entry in more["selection"]["verdicts"])


def test_a_repeated_fold_or_seed_counts_once(tiny, work, tmp_path):
    out = tmp_path / "ladder-two.json"
    flags = [*TINY_FLAGS, "--rungs", "real", "--fold", "0", "--fold", "0", "--seed", "0", "--seed", "0"]
    done, told = ladder(*flags, dataset=tiny, out=out, work=work)
    assert done.exit_code == 0, done.output
    assert len(told["selection"]["cells"]) == 1


def test_a_share_of_no_synthetic_rung_is_refused(tiny, work, tmp_path):
    done, _ = ladder("--share", "0.25,gna=0.5", dataset=tiny, out=tmp_path / "none.json", work=work)
    assert done.exit_code == 2
    assert "no rung with synthetic tiles: 'gna'; there are copy_paste, gan_paper" in done.stderr


def test_what_is_no_ladder_is_not_written_over(tiny, work, tmp_path):
    out = tmp_path / "precious.json"
    out.write_text('{"precious": 1}')
    done, kept = ladder(*TINY_FLAGS, "--rungs", "real", "--fold", "0", dataset=tiny, out=out, work=work)
    assert done.exit_code == 2
    assert "is not the result of a ladder" in done.stderr
    assert kept == {"precious": 1}


def test_the_ladder_of_another_set_is_not_written_over(tiny, work, tmp_path):
    out = tmp_path / "other.json"
    ladder(*TINY_FLAGS, "--rungs", "real", "--fold", "0", dataset=tiny, out=out, work=work)
    told = json.loads(out.read_text())
    told["selection"]["data"]["hash"] = "0" * 64
    out.write_text(json.dumps(told))
    done, kept = ladder(*TINY_FLAGS, "--rungs", "real", "--fold", "0", dataset=tiny, out=out, work=work)
    assert done.exit_code == 2
    assert "is the ladder of data set 000000000000" in done.stderr
    assert kept == told


def test_long_names_of_classes_stay_whole():
    names = ["Kratzer lang oben", "Kratzer lang unten"]
    head = table([], names).splitlines()[0]
    assert all(name in head for name in names)


def test_a_trial_stands_on_base_and_is_told_in_words(tiny, work, tmp_path):
    out = tmp_path / "trials.json"
    flags = [*TINY_FLAGS, "--rungs", "real,clean_half", "--fold", "0"]
    done, told = ladder(*flags, dataset=tiny, out=out, work=work)
    assert done.exit_code == 0, done.output
    half = told["selection"]
    assert half["base"] == "real"
    assert half["trials"] == {"clean_half": "half of the samples are clean tiles"}
    assert [entry["of"] for entry in half["over_base"]] == ["clean_half"]
    assert half["gain"] is None
    assert "clean_half: half of the samples are clean tiles, on real." in out.with_suffix(".html").read_text()


def test_publishing_without_a_selection_is_refused(tiny, work, tmp_path):
    done, _ = ladder("--published", dataset=tiny, out=tmp_path / "none.json", work=work)
    assert done.exit_code == 2
    assert "run bench ladder without --published first" in done.stderr


def test_rungs_that_stand_on_nothing_are_refused(tiny, tiny_scale, tmp_path):
    with pytest.raises(InputError, match="no rung 'magic': there are real, augment"):
        plan_of(tiny_scale, "magic")
    with pytest.raises(InputError, match="start from the best of them"):
        climb(tiny, plan_of(tiny_scale, "gan_paper"), tmp_path)
    with pytest.raises(InputError, match="go together"):
        plan_of(tiny_scale, "real", "more_real")


def test_a_rung_without_tiles_is_told_and_the_others_are_run(tiny, tiny_scale, tmp_path):
    """The tiles are smaller than the crops of the paper's network, and every class has its tiles already."""
    plan = plan_of(replace(tiny_scale, paper_size_px=512, per_class=1), "real", "copy_paste", "gan_paper")
    climbed = climb(tiny, plan, tmp_path)
    assert [cell["rung"] for cell in climbed.cells] == ["real"]
    assert len(climbed.not_run) == 2
    assert "nothing to paste: every class has 1 real train tiles" in climbed.not_run[0]
    assert "give a size of" in climbed.not_run[1]
    assert selection_half(tiny, plan, climbed, ())["cautions"][:2] == list(climbed.not_run)
    assert climb(tiny, plan, tmp_path).not_run == climbed.not_run


def test_a_set_lies_by_the_version_of_what_draws_it(tiny, tiny_scale, tmp_path, monkeypatch):
    made = SyntheticSet("copy_paste", View(fold=0), tiny_scale)
    before = made.folder(tiny, tmp_path)
    raised = {name: replace(maker, version=9) for name, maker in synthetic_sets._MAKERS.items()}
    monkeypatch.setattr(synthetic_sets, "_MAKERS", raised)
    assert made.folder(tiny, tmp_path) != before


def test_gans_of_two_precisions_are_two_runs(tiny, tiny_scale, tmp_path, monkeypatch):
    runs = set()
    for precision in PRECISIONS:
        monkeypatch.setattr(synthetic_sets, "default_precision", lambda name=precision: name)
        runs.add(gan_run(tiny, tmp_path, our_settings(tiny_scale)))
    assert len(runs) == len(PRECISIONS)


def test_classes_of_which_a_gan_made_hardly_a_tile_are_named():
    def told(rung: str, **made: int) -> dict[str, object]:
        rows = [{"name": name, "planned": 18} for name in ("hole", "cut")]
        return {"rung": rung, "sets": {"gan": {"plan": {"classes": rows}, "synthesis": {"per_class": made}}}}

    cells = [told("gan", hole=1, cut=18), told("gan", cut=9), {"rung": "real", "sets": {}}]
    assert _without_tiles(cells) == ["gan made 1 of 36 planned tiles of hole: it says next to nothing of them"]


def test_start_weights_that_learned_from_what_is_judged_are_refused(tiny, tiny_scale, tmp_path):
    train(tiny, tmp_path / "run", training_of("real", "", tiny_scale, 0), pace=Pace.of(2, threads=1))
    plan = plan_of(replace(tiny_scale, start=str(tmp_path / "run")), "real")
    with pytest.raises(InputError, match="learned from tiles of"):
        climb(tiny, plan, tmp_path / "work")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"synthetic_share": 2.0}, "synthetic_share must be 0 to 1"),
        ({"gan_size_px": 30}, "size"),
        ({"gan_gate": True, "gate_folds": 1}, "--gate-folds must be 0"),
    ],
)
def test_what_only_later_rungs_ask_for_is_refused_before_the_first_is_trained(
    tiny, tiny_scale, tmp_path, changes, says
):
    plan = plan_of(replace(tiny_scale, **changes), "real", "copy_paste", "gan")
    with pytest.raises(InputError, match=says):
        climb(tiny, plan, tmp_path / "work")
    assert not (tmp_path / "work" / "runs").exists()


@pytest.mark.parametrize("more", [["--shares", "1.5"], ["--shares", "0.5", "--share-of", "gna"], ["--more-real", "no"]])
def test_a_curve_or_a_ceiling_that_cannot_be_is_refused_at_once(tiny, tmp_path, more):
    words = ["--rungs", "real,more_real" if "--more-real" in more else "real", *TINY_FLAGS, *more]
    done, values = ladder(*words, dataset=tiny, out=tmp_path / "l.json", work=tmp_path / "work")
    assert (done.exit_code, values) == (2, {})
    assert not (tmp_path / "work" / "runs").exists()


def test_files_of_the_results_name_that_are_no_ladders_are_left_alone(tiny, tmp_path):
    (tmp_path / "plan.md").write_text("mine")
    done, values = ladder("--rungs", "real", *TINY_FLAGS, dataset=tiny, out=tmp_path / "plan.json", work=tmp_path / "w")
    assert (done.exit_code, values) == (2, {})
    assert "plan.md is there already and not of a ladder" in done.stderr
    assert (tmp_path / "plan.md").read_text() == "mine"


def test_a_class_that_the_gan_left_out_altogether_is_told():
    row = {"name": "groove", "real": 72, "wanted": 300, "synthetic": 0, "planned": 0, "note": "came out weak"}
    told = {"plan": {"classes": [row]}, "synthesis": {"per_class": {}}}
    assert _without_tiles([{"rung": "gan", "sets": {"gan": told}}]) == [
        "gan made 0 of 228 planned tiles of groove: it says next to nothing of them"
    ]
