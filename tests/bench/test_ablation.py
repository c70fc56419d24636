import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from blemish.bench import gating, synthetic_sets
from blemish.bench.ablation import ROWS, AblationPlan
from blemish.bench.cells import Cell
from blemish.bench.gan_parts import RECOGNISED, TRAINED, settings_without
from blemish.bench.gating import only_learned
from blemish.bench.scale import Scale
from blemish.bench.synthetic_sets import SyntheticSet
from blemish.bench.views import View
from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.gate import Gate, Rejection
from blemish.report.ablation import table


def ablation(*words, dataset, out, work):
    arguments = ["bench", "ablation", str(dataset.folder), "--out", str(out), "--work", str(work), *words]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("ablation")


def test_rows_are_measured_and_a_second_run_makes_nothing(tiny, gan_flags, quick_features, work, tmp_path):
    out = tmp_path / "ablation-two.json"
    words = [*gan_flags, "--only", "codes,shape mix", "--seed", "0"]
    result = ablation(*words, dataset=tiny, out=out, work=work)
    assert [row["name"] for row in result["rows"]] == ["whole", "codes", "shape mix"]
    assert {row["over_whole"] is None for row in result["rows"][1:]} == {False}
    assert len(result["real"]["mean_iou"]) == 1
    assert result["rows"][0]["crops"] > 0
    assert set(result["rows"][0]["consistency"]["iou"]) == {"pit", "scratch"}
    assert len(list((work / "gans").glob("default-*"))) == 2  # Shapes are drawn for the same GAN.
    kept = {file: file.stat().st_mtime_ns for file in work.glob("*/*.json")}
    assert ablation(*words, dataset=tiny, out=out, work=work)["rows"] == result["rows"]
    assert ablation(*words, "--no-iou", dataset=tiny, out=out, work=work)["rows"] == result["rows"]
    assert {file: file.stat().st_mtime_ns for file in work.glob("*/*.json")} == kept
    assert "| codes |" in out.with_suffix(".md").read_text()
    assert out.with_suffix(".svg").read_text().startswith("<svg")
    assert "http" not in out.with_suffix(".html").read_text()


def test_a_row_of_which_nothing_is_admitted_says_why(tiny, gan_flags, quick_features, tmp_path, monkeypatch):
    our_gate, judge, rejecting = synthetic_sets.our_gate, Gate.judge, []
    rejected = Rejection("visible", 1, 0.0, 1.0, "too faint")

    def gate_of_row(learned, work, scale):
        rejecting[:] = scale.gan_off
        return our_gate(learned, work, scale)

    monkeypatch.setattr(synthetic_sets, "our_gate", gate_of_row)
    monkeypatch.setattr(
        Gate, "judge", lambda gate, asked: [rejected for _ in asked] if rejecting else judge(gate, asked)
    )
    words = [*gan_flags, "--only", "noise", "--no-iou"]
    whole, noise = ablation(*words, dataset=tiny, out=tmp_path / "a.json", work=tmp_path)["rows"]
    assert (whole["why_none"], noise["tiles"], noise["kid"]["mean"]) == ("", 0, None)
    assert noise["why_none"].startswith("none of 6 tiles was admitted")


def test_without_iou_only_tiles_are_measured(tiny, gan_flags, quick_features, tmp_path):
    words = [*gan_flags, "--gan-steps", "3", "--only", "gate,found,composition", "--no-iou"]
    result = ablation(*words, dataset=tiny, out=tmp_path / "a.json", work=tmp_path / "work")
    assert result["cells"] == []
    assert result["rows"][0]["mean_iou"] == []
    by_name = {row["name"]: row for row in result["rows"]}
    assert by_name["gate"]["gate"] is None
    composition = by_name["composition"]
    if composition["tiles"]:  # Whether a generator of three steps is admitted hangs on the machine's arithmetic.
        assert composition["tiles"] + composition["not_made"] == 6
    else:
        assert composition["why_none"].startswith("none of 6 tiles was admitted")
    assert by_name["whole"]["gate"]["admitted"] == by_name["whole"]["tiles"]
    assert "mean IoU" not in table("a", result).splitlines()[4]


def test_nothing_off_leaves_every_key_as_it_was(tiny, tiny_scale):
    assert "gan_off" not in Scale().to_dict()
    assert Scale.from_dict(Scale().to_dict()) == Scale()
    before = {"set": "gan", "data": tiny.hash, "view": {"folds": 3, "fold": 0}, "per_class": 6, "seed": 0}
    inputs = SyntheticSet("gan", View(), tiny_scale).inputs(tiny)
    assert {name: value for name, value in inputs.items() if name in before} == before
    assert set(inputs) - set(before) == {"gan", "background", "gate", "weak_explained", "precision"}
    assert inputs["gan"] == replace(ComposedSettings(), steps=2, batch=2, size_px=32).to_dict()


def test_what_is_off_changes_tiles_and_cells_and_survives_another_process(tiny, tiny_scale):
    scales = [row.scale(replace(tiny_scale, gan_gate=True)) for row in ROWS]
    keys = {Cell(rung="gan", base="real", view=View(), seed=0, scale=s).file(tiny, tiny.folder) for s in scales}
    assert len(keys) == len(ROWS)
    assert [Scale.from_dict(json.loads(json.dumps(scale.to_dict()))) for scale in scales] == scales
    simple = {Cell(rung="real", base="", view=View(), seed=0, scale=s).file(tiny, tiny.folder) for s in scales}
    assert len(simple) == 1


def test_every_part_of_the_preset_has_a_row():
    assert {name for row in ROWS for name in row.off} >= set(TRAINED)
    assert settings_without(ComposedSettings(), ["adversarial"]).weights.features == 0
    with pytest.raises(InputError, match="no part 'magic' to turn off: there are composition"):
        settings_without(ComposedSettings(), ["magic"])


def test_rows_that_change_nothing_are_left_out(tiny, tiny_scale):
    learned = only_learned(View().open(tiny))
    names = [row.name for row in AblationPlan(view=View(), scale=tiny_scale).rows(learned)]
    assert {"gate", "found"} & set(names) == set()  # The tiny scale has no gate to turn off.
    generated = AblationPlan(view=View(), scale=replace(tiny_scale, gan_background="generated"))
    assert "real backgrounds" in names
    assert "real backgrounds" not in [row.name for row in generated.rows(learned)]


def test_an_unknown_row_or_base_is_named(tiny_scale):
    with pytest.raises(InputError, match="no row 'magic': there are whole, composition"):
        AblationPlan(view=View(), scale=tiny_scale, only=("magic",))
    with pytest.raises(InputError, match="--base must be one of real, augment, balance, loss, got 'gan'"):
        AblationPlan(view=View(), scale=tiny_scale, base="gan")


def test_the_gates_trainings_are_the_same_with_and_without_its_probes(tiny, tiny_scale, tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(gating, "out_of_fold", lambda learned, folder, *rest, **more: folders.append(folder))
    scale = replace(tiny_scale, gan_gate=True)
    view = only_learned(View(fold=0).open(tiny))
    for off in ((), (RECOGNISED,)):
        gating.train_gate(view, tmp_path, replace(scale, gan_off=off))
    gating.train_gate(view, tmp_path, replace(scale, steps=3))
    assert folders[0] == folders[1] != folders[2]
