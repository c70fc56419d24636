"""The default generator as a bundle: the same pictures as torch's, or a refusal."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from blemish.bundle.card import write_card
from blemish.bundle.generator import GeneratorBundle
from blemish.bundle.generator_card import read_generator_card
from blemish.cli.gan_export import export
from blemish.core.errors import BundleError, InputError, ParityError
from blemish.core.labels import LabelMap
from blemish.data.dataset import Dataset
from blemish.gan.export import export_run, seeded_scenes
from blemish.gan.model import load_generator
from blemish.gan.networks import PaperGenerator
from blemish.gan.presets import preset
from blemish.gan.training import TrainingPlan, train
from blemish.train.checkpoint import save_weights

WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "accelerate", "safetensors"):
            raise ModuleNotFoundError(f"blocked: {name}")

sys.meta_path.insert(0, NoTorch())
from blemish.cli.main import run
run()
"""
app = typer.Typer()
app.command()(export)


def trained(dataset: Dataset, folder: Path, **settings) -> Path:
    chosen = preset("default", **{"width": 4, "size_px": 32, "batch": 2, "steps": 5, **settings})
    plan = TrainingPlan(settings=chosen, steps=chosen.steps, seed=3, precision="fp32", sample_steps=5)
    train(dataset, folder, plan)
    return folder


@pytest.fixture(scope="module")
def run(small_set, tmp_path_factory) -> Path:
    return trained(small_set, tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "generator"
    export_run(run, out=folder)
    return folder


def two_dots(side: int = 48) -> LabelMap:
    defect = np.zeros((side, side), np.uint8)
    defect[6:9, 8:20], defect[32:37, 14:19] = 1, 2
    return LabelMap(defect, np.zeros_like(defect))


def test_the_bundle_paints_what_torch_paints_to_one_grey_level(run, bundle):
    by_torch, painter = load_generator(run), GeneratorBundle.open(bundle).painter()
    for seed, side in enumerate((48, 61, 96)):
        one, other = (each.paint([two_dots(side)], [seed])[0].astype(int) for each in (by_torch, painter))
        assert np.abs(one - other).max() <= 1
        assert (one != other).mean() < 0.01


def test_the_card_says_what_was_exported_and_how_near_it_is(run, bundle):
    card, by_torch = read_generator_card(bundle), load_generator(run)
    assert (card.preset, card.weights_hash, card.precision) == ("default", by_torch.hash, "f32")
    assert card.classes.keys() == {"A", "B"}
    assert all((ours == theirs).all() for ours, theirs in zip(card.palette.codes, by_torch.palette.codes, strict=True))
    assert (card.palette.lights == by_torch.palette.lights).all()
    assert card.options == by_torch.options
    assert card.parity.max_levels <= 1 == card.parity.tolerance_levels
    assert 0 <= card.parity.differing_frac < 0.01


def test_one_defect_is_drawn_again_through_the_bundle_while_the_rest_stays(bundle):
    painter, label = GeneratorBundle.open(bundle).painter(), two_dots()
    clean = np.full((48, 48, 1), 120, np.uint8)
    seeds = painter.defect_seeds(label, 1)
    first = painter.paint_defects(label, seeds, clean)
    again = painter.paint_defects(label, [seeds[0], 999], clean)
    rows = np.flatnonzero((first != again).any(axis=(1, 2)))
    assert (len(rows) > 0, rows.min() > 20) == (True, True)


def test_a_set_is_filled_up_with_a_bundle_where_torch_cannot_be_imported(bundle, small_set, tmp_path):
    untold = Path(copytree(bundle, tmp_path / "bundle"))  # Of a generator that does not say how its classes came out.
    write_card(untold, read_generator_card(bundle).model_copy(update={"classes": {}}))
    words = ["gan", "generate", str(untold), "--dataset", str(small_set.folder), "--out", str(tmp_path / "made")]
    words += ["--tiles", "3", "--class", "dot", "--background", "real", "--no-gate", "--json"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    made = Dataset(tmp_path / "made")
    assert {record.generator for record in made.records} == {GeneratorBundle.open(untold).hash}
    assert (len(made), {record.preset for record in made.records}) == (3, {"default"})


def test_processes_draw_with_a_bundle_what_one_draws(bundle, small_set, tmp_path):
    untold = Path(copytree(bundle, tmp_path / "bundle"))
    write_card(untold, read_generator_card(bundle).model_copy(update={"classes": {}}))
    words = ["gan", "generate", str(untold), "--dataset", str(small_set.folder), "--attempts", "2"]
    words += ["--tiles", "4", "--class", "dot", "--background", "real", "--batch", "2"]
    for name, more in (("one", ()), ("two", ("--processes", "2"))):
        arguments = [sys.executable, "-m", "blemish", *words, "--out", str(tmp_path / name), *more]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
    assert Dataset(tmp_path / "one").hash == Dataset(tmp_path / "two").hash
    told = [tmp_path / f"{name}.rejects" / "rejects.json" for name in ("one", "two")]
    assert told[0].read_bytes() == told[1].read_bytes()


def test_the_same_run_gives_the_same_bundle(run, bundle, tmp_path):
    export_run(run, out=tmp_path / "again")
    assert GeneratorBundle.open(tmp_path / "again").hash == GeneratorBundle.open(bundle).hash


def test_colour_and_every_part_that_can_be_off_are_exported(colour_set, tmp_path):
    from blemish.gan.composed.settings import Parts

    parts = Parts(every_scale=False, codes=False, noise=False, composition=False)
    card = export_run(trained(colour_set, tmp_path / "run", steps=1, parts=parts), out=tmp_path / "bundle")
    assert (card.channels, card.options.codes, card.options.composition) == (3, False, False)
    assert GeneratorBundle.open(tmp_path / "bundle").painter().paint([two_dots()], [1]).shape == (1, 48, 48, 3)


def test_a_bundle_that_paints_otherwise_is_refused_and_nothing_is_left(run, tmp_path, monkeypatch):
    from blemish.gan import export as module

    whole, strange = module._network, load_generator(run)
    strange.network.defect.last.bias += 0.05

    def other(generator, card, name):
        return whole(strange, card, name)

    monkeypatch.setattr(module, "_network", other)
    with pytest.raises(ParityError, match=r"within 1 grey levels of torch's .* got \d+: nothing was written"):
        export_run(run, out=tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_bfloat16_is_exported_within_its_own_tolerance(run, tmp_path):
    card = export_run(run, out=tmp_path / "bundle", precision="bf16")
    assert (card.precision, card.parity.tolerance_levels) == ("bf16", 1.5)
    assert card.parity.mean_levels <= 1.5


def test_the_papers_generator_is_refused_in_one_line(small_set, tmp_path):
    card = {
        "kind": "gan-generator",
        "architecture": {"name": "paper", "width": 2, "channels": 1},
        "taxonomy": small_set.taxonomy.to_dict(),
        "preset": "paper",
    }
    save_weights(tmp_path / "run" / "generator", PaperGenerator(2, 1), card)
    with pytest.raises(InputError, match=r"preset paper, which has no bundle form: export one .* --preset default"):
        export_run(tmp_path / "run", out=tmp_path / "bundle")


def test_seeded_scenes_show_every_class_and_background(small_set):
    scenes = seeded_scenes(small_set.taxonomy, 1).scenes
    assert {int(v) for scene in scenes for v in np.unique(scene.label_map.defect)} == {0, 1, 2, 3}
    assert all(len(np.unique(scene.label_map.background)) == 2 for scene in scenes)


def test_the_command_compares_on_a_data_set_and_refuses_to_overwrite(run, small_set, tmp_path):
    words = [str(run), "--out", str(tmp_path / "b"), "--data", str(small_set.folder), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    assert "labels of data set" in json.loads(done.stdout)["parity"]["pictures"]
    again = CliRunner().invoke(app, words)
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1)
    with pytest.raises(BundleError, match="never changed"):
        export_run(run, out=tmp_path / "b")
