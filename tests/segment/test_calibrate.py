import json
import shutil
import tomllib

import pytest
import typer
from typer.testing import CliRunner

from blemish.cli.segment_calibrate import calibrate as command
from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.data.resplit import write_with_sides
from blemish.segment import calibration_files
from blemish.segment.calibrate import Ask, Line, calibrate
from blemish.segment.calibration_files import thresholds_toml, to_text
from blemish.segment.choice import Hand, Wish, by_recall, ranks_of
from blemish.segment.choice_by_cost import Costs
from blemish.segment.export import export_run
from blemish.segment.out_of_fold import out_of_fold
from blemish.segment.settings import TrainSettings
from blemish.segment.training import Pace, train

app = typer.Typer()
app.command()(command)
TINY = TrainSettings(network="hardnet-small", steps=2, batch=2, crop_px=32, val_steps=2)


@pytest.fixture(scope="module")
def runs(shapes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds") / "runs"
    out_of_fold(shapes, folder, TINY, folds=2, precision="fp32", threads=1)
    return folder


def told(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_each_fold_is_judged_by_the_choice_of_the_others(drawn):
    candidates, wish = drawn(), Wish(0.8)
    found = calibrate(candidates, Ask(0.3, wish=wish), Line()).values["point"]
    escaped = 0
    for fold, others in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))):
        ranks = ranks_of(candidates, by_recall(candidates, others, wish, 0.3))
        escaped += int((ranks[candidates.inside([fold]) & candidates.parts.defective] == 0).sum())
    assert found["cross_fitted"]["escape"]["count"] == escaped
    chosen = ranks_of(candidates, by_recall(candidates, (0, 1, 2), wish, 0.3))
    assert found["as_chosen"]["escape"]["count"] == int((chosen[candidates.parts.defective] == 0).sum())


def test_what_is_given_by_hand_is_alike_in_both(drawn):
    hand = Hand({"A": 0.6, "B": 0.7}, {"A": 0.5, "B": 0.5}, {"A": 3})
    found = calibrate(drawn(), Ask(0.3, hand=hand), Line())
    assert found.values["point"]["cross_fitted"] == found.values["point"]["as_chosen"]
    assert found.chosen[0].to_dict() == {"pixel": 0.3, "review": 0.5, "ng": 0.6, "least_area_px": 3}


def test_the_chosen_point_lies_on_the_curve_of_the_thresholds_moved_together(drawn):
    values = calibrate(drawn(count=60), Ask(0.3, wish=Wish(0.7)), Line()).values
    point, curve = values["point"]["as_chosen"], values["curves"]["moved_together"]
    on = [place for place, margin in enumerate(curve["threshold"]) if margin is not None and margin >= 0]
    assert curve["escape"][on[-1]] == pytest.approx(point["escape"]["value"])
    assert curve["overkill"][on[-1]] == pytest.approx(point["stage_one_overkill"]["value"])


def test_costs_are_told_and_the_line_is_reckoned_with_its_own_defect_rate(drawn):
    costs, line = Costs(50, 5, 1, 0.02), Line(0.02, 5000, 12)
    values = calibrate(drawn(), Ask(0.3, costs=costs), line).values
    assert 0 < values["mean_cost"]["as_chosen"] <= values["mean_cost"]["cross_fitted"]
    by_level = {row["pixel"]: row["mean_cost"] for row in values["levels"]}
    assert list(by_level) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert by_level[values["asked"]["pixel"]] == values["mean_cost"]["cross_fitted"]
    work, point = values["workload"], values["point"]["cross_fitted"]
    flagged = 0.02 * (1 - point["escape"]["value"]) + 0.98 * point["stage_one_overkill"]["value"]
    assert work["flagged"] == pytest.approx(flagged, abs=1e-5)
    assert work["hours"] == pytest.approx(flagged * 5000 * 12 / 3600, rel=1e-3)


def test_without_good_parts_overkill_curve_and_workload_are_null(made):
    parts = [(place % 2, [1], [(1, 0.4 + place / 20, 20, True)]) for place in range(8)]
    values = calibrate(made(parts, ("A",)), Ask(0.3, wish=Wish(0.9)), Line()).values
    assert values["point"]["cross_fitted"]["overkill"]["value"] is None
    assert set(values["curves"]["moved_together"]["overkill"]) == {None}
    assert values["workload"] is None
    json.dumps(values, allow_nan=False)


def test_without_defective_parts_there_is_nothing_to_choose_by(made):
    candidates = made([(0, [1], [(1, 0.9, 9, True)]), (1, [], [])], ("A",))
    candidates.parts.shows[:] = False
    with pytest.raises(InputError, match="no part outside the test split is defective"):
        calibrate(candidates, Ask(0.3, wish=Wish(0.9)), Line())


def test_thresholds_are_tables_of_a_recipe(drawn):
    found = calibrate(drawn(), Ask(0.3, wish=Wish(0.8)), Line())
    values = tomllib.loads(thresholds_toml(found))
    assert (values["format"], values["temperature"], values["made_from"]) == (1, 1.0, {"data_hash": "0"})
    assert values["scores"] == {one.code: one.to_dict() for one in found.chosen}
    mapped = found.values["regions"]
    assert values["probability"] == {"temperature": mapped["temperature"], "offset": mapped["offset"]}
    assert all(0 < t["review"] <= t["ng"] <= 1 for t in values["scores"].values())
    assert "cross-fitted: escape" in to_text(found)


def test_the_command_leaves_its_files_and_runs_the_networks_once(shapes_folder, runs, tmp_path, monkeypatch):
    out = tmp_path / "out"
    first = told(shapes_folder, "--runs", runs, "--out", out, "--recall", "0.9", "--json")
    assert first.exit_code == 0, first.output
    values = json.loads(first.stdout)
    assert values["parts"]["judged"] == 18  # Without the six tiles of the test split.
    assert sorted(path.name for path in out.iterdir()) == [
        "calibration.html", "calibration.json", "candidates", "thresholds.toml",
    ]  # fmt: skip
    monkeypatch.setattr(calibration_files, "gather", None)
    again = told(shapes_folder, "--runs", runs, "--out", out, "--threshold", "A=0.5", "--review", "A=0.4")
    assert again.exit_code == 0, again.output
    assert tomllib.loads((out / "thresholds.toml").read_text())["scores"]["A"]["review"] == 0.4


@pytest.fixture(scope="module")
def elsewhere_run(elsewhere_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("inspector") / "run"
    train(Dataset(elsewhere_folder), out, TINY, pace=Pace.of(2, 1), precision="fp32")
    return out


class TestOneInspector:
    """Thresholds by one run or bundle, on scans of a data set that it never saw."""

    def test_a_run_judges_every_tile_outside_test_and_folds_part_the_choice(self, shapes, elsewhere_run, tmp_path):
        done = told(shapes.folder, "--inspector", elsewhere_run, "--out", tmp_path / "out", "--recall", "0.9", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["parts"]["judged"] == 18
        figures = json.loads((tmp_path / "out" / "calibration.json").read_text())
        assert set(figures["made_from"]) == {"data_hash", "fold-0", "fold-1", "fold-2"}
        assert len({figures["made_from"][f"fold-{fold}"] for fold in range(3)}) == 1

    def test_its_bundle_says_the_same(self, shapes, elsewhere_run, tmp_path):
        export_run(elsewhere_run, out=tmp_path / "bundle")
        for name, inspector in (("run", elsewhere_run), ("bundle", tmp_path / "bundle")):
            done = told(shapes.folder, "--inspector", inspector, "--out", tmp_path / name, "--threshold", "A=0.5")
            assert done.exit_code == 0, done.output
        by_run, by_bundle = (
            json.loads((tmp_path / name / "calibration.json").read_text()) for name in ("run", "bundle")
        )
        assert by_run["classes"] == by_bundle["classes"]

    def test_one_that_learned_from_these_tiles_is_refused(self, elsewhere_folder, elsewhere_run, tmp_path):
        done = told(elsewhere_folder, "--inspector", elsewhere_run, "--out", tmp_path / "out", "--recall", "0.9")
        assert done.exit_code == 2
        assert "learned from this data set" in done.stderr
        assert not (tmp_path / "out").exists()

    def test_neither_other_splits_nor_a_bundle_hide_that_it_learned_from_them(
        self, elsewhere_folder, elsewhere_run, tmp_path
    ):
        dataset = Dataset(elsewhere_folder)
        sides = {record.group: Split.VAL for record in dataset.records}
        write_with_sides(dataset, tmp_path / "other", sides)
        export_run(elsewhere_run, out=tmp_path / "bundle")
        for inspector in (elsewhere_run, tmp_path / "bundle"):
            done = told(tmp_path / "other", "--inspector", inspector, "--out", tmp_path / "out", "--recall", "0.9")
            assert done.exit_code == 2
            assert "learned from tiles that are in this data set (8 of the 8 that it names)" in done.stderr

    def test_runs_or_one_inspector(self, shapes_folder, runs, elsewhere_run, tmp_path):
        for whose in ([], ["--runs", runs, "--inspector", elsewhere_run]):
            done = told(shapes_folder, *whose, "--out", tmp_path / "out", "--recall", "0.9")
            assert done.exit_code == 2
            assert "one of both" in done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "say what to choose by"),
        (["--recall", "2"], "--recall must be a share"),
        (["--recall", "0.9", "--cost-escape", "1", "--cost-overkill", "1"], "not both"),
        (["--cost-escape", "1"], "needs --cost-escape and --cost-overkill"),
        (["--threshold", "A:0.5"], "--threshold must look like A=0.6"),
        (["--least-area", "A=nan"], "--least-area must look like A=0.6, got 'A=nan'"),
        (["--least-area", "A=inf"], "--least-area must look like A=0.6, got 'A=inf'"),
        (["--recall", "0.9", "--pixel", "0.33"], "--pixel must be one of"),
        (["--recall", "0.9", "--defect-rate", "1.5"], "--defect-rate must be"),
        (["--recall", "0.9", "--threshold", "Z=0.5"], "no class Z: there are A, B"),
    ],
)
def test_bad_flags_are_one_line_with_exit_code_2(shapes_folder, runs, tmp_path, flags, said):
    result = told(shapes_folder, "--runs", runs, "--out", tmp_path / "out", *flags)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()  # Said before any network runs.


def test_runs_that_may_have_seen_what_they_would_judge_are_refused(shapes_folder, runs, tmp_path):
    swapped = tmp_path / "runs"
    swapped.mkdir()
    shutil.copytree(runs / "fold-0", swapped / "fold-1")
    shutil.copytree(runs / "fold-1", swapped / "fold-0")
    for folder, said in ((swapped, "must have learned from"), (tmp_path, "must hold fold-0, fold-1")):
        result = told(shapes_folder, "--runs", folder, "--out", tmp_path / "out", "--recall", "0.9")
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "out").exists()
