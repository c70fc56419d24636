import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from blemish.cli.gan_generate import generate
from blemish.core.errors import DatasetError, InputError
from blemish.core.taxonomy import Taxonomy
from blemish.data.check import check_dataset
from blemish.data.dataset import Dataset, unfinished_work
from blemish.gan import any_size
from blemish.gan.bank import build_bank
from blemish.gan.made_with import FILE as MADE_WITH
from blemish.gan.model import TorchGenerator
from blemish.gan.networks import STRIDE
from blemish.gan.plan import PlanItem, plan_per_class, plan_tiles
from blemish.gan.synthesis import Job, Provenance, RealPictures, draw_batch, paint_batch, synthesise

app = typer.Typer()
app.command()(generate)
MADE_BY = Provenance("0123456789abcdef", "paper", 5)
# Runs the command once for every moment, each time ended by SIGKILL before the n-th file gets its name.
KILLED = """
import os, pathlib, signal, sys, typer
import blemish.gan.model, blemish.gan.synthesis  # Once, not in every child.
from blemish.cli.gan_generate import generate

def run_and_die(moment):
    whole, left = pathlib.Path.replace, iter(range(moment - 1, -1, -1))
    def replace(self, target):
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(self, target)
    pathlib.Path.replace = replace
    typer.run(generate)

for moment in sys.argv.pop(1).split(","):
    child = os.fork()
    if child == 0:
        run_and_die(int(moment))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


class Painter:
    """A generator in numpy: bright defects on a level drawn from the seed, or on the background given."""

    channels = 1

    def __init__(self, taxonomy):
        self.taxonomy = taxonomy
        self.painted = 0

    def paint(self, label_maps, seeds, backgrounds=None):
        self.painted += len(label_maps)
        assert all(side % 16 == 0 for side in label_maps[0].size_hw)
        levels = [np.full(m.size_hw, seed % 100, np.uint8) for m, seed in zip(label_maps, seeds, strict=True)]
        beneath = np.stack(levels)[..., None] if backgrounds is None else backgrounds
        defects = np.stack([m.defect for m in label_maps])[..., None]
        return np.where((defects > 0) & (defects < 255), 200 + defects, beneath).astype(np.uint8)


def job_on(dataset, *, real=False):
    bank = build_bank(dataset, [1, 2], real_backgrounds=real)
    return Job(Painter(dataset.taxonomy), bank, MADE_BY, RealPictures.of(dataset) if real else None)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def tiles_of(folder: Path) -> dict[str, bytes]:
    """All but what the set was made with."""
    return {name: data for name, data in files(folder).items() if name != MADE_WITH}


def test_every_class_has_the_tiles_that_were_wanted(small_set, tmp_path):
    plan = plan_per_class(small_set.records, small_set.taxonomy, 9)
    made = synthesise(job_on(small_set), plan, small_set, tmp_path / "set", batch=4)
    assert (made.planned, made.written, made.kept, made.failed) == (9, 9, 0, {})
    assert made.per_class == {"groove": 3, "dot": 6}
    assert made.hash == Dataset(tmp_path / "set").hash


def test_a_tile_says_where_it_comes_from(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 2, 3)
    synthesise(job_on(small_set), plan, small_set, tmp_path / "set")
    sample = Dataset(tmp_path / "set").sample(2)
    row = sample.record
    assert row.id == row.group == "synthetic-01234567-s5/dot/000002"
    assert (row.origin, row.split, row.part, row.generator, row.seed, row.preset) == (
        "synthetic", "train", "", "0123456789abcdef", 5, "paper",
    )  # fmt: skip
    assert row.source in {record.id for record in small_set.records}
    assert row.defect_px == (0, int((sample.label_map.defect == 2).sum()), 0)
    assert (sample.picture[sample.label_map.defect == 2] == 202).all()


def test_tiles_do_not_depend_on_batch_or_neighbours(small_set, tmp_path):
    job = job_on(small_set)
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 5)
    synthesise(job, plan, small_set, tmp_path / "a", batch=2)
    synthesise(job, plan, small_set, tmp_path / "b", batch=5)
    assert tiles_of(tmp_path / "a") == tiles_of(tmp_path / "b")
    tasks, _ = draw_batch(job, [PlanItem(3, (1,))])
    assert (paint_batch(job, tasks)[0].picture == Dataset(tmp_path / "a").sample(3).picture).all()


@pytest.mark.usefixtures("enough_clean")
def test_a_real_background_is_the_clean_picture_with_its_classes(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 4)
    synthesise(job_on(small_set, real=True), plan, small_set, tmp_path / "set")
    rows = {record.id: record for record in small_set.records}
    for sample in Dataset(tmp_path / "set").samples():
        clean = small_set.sample(rows[sample.record.source])
        free = sample.label_map.defect == 0
        assert clean.record.is_clean
        assert (sample.picture[free] == clean.picture[free]).all()
        assert (sample.label_map.background == clean.label_map.background).all()


def test_tiles_that_are_no_multiple_of_the_stride_are_painted(set_of_50_px, tmp_path):
    plan = plan_tiles(set_of_50_px.records, set_of_50_px.taxonomy, 2, 2)
    synthesise(job_on(set_of_50_px), plan, set_of_50_px, tmp_path / "set")
    assert Dataset(tmp_path / "set").sample(0).picture.shape == (50, 50)
    assert any_size.MULTIPLE == STRIDE


def test_what_could_not_be_drawn_is_counted_with_its_reason(small_set, tmp_path, monkeypatch):
    job = job_on(small_set)
    plan = plan_per_class(small_set.records, small_set.taxonomy, 8)
    monkeypatch.setitem(
        job.bank.classes, 1, job.bank.classes[1].__class__(job.bank.classes[1].shapes, (1,), (False,) * 2)
    )
    made = synthesise(job, plan, small_set, tmp_path / "set", batch=3)
    assert made.planned == made.written + sum(made.failed.values())
    assert made.failed == {"no place for groove: a background where this class never occurs": 2}
    assert made.per_class == {"dot": 5}
    again = synthesise(job, plan, small_set, tmp_path / "set", batch=3, resume=True)
    assert (again.kept, again.failed, again.per_class) == (5, made.failed, made.per_class)


def test_a_stopped_run_goes_on_without_painting_again(small_set, tmp_path, monkeypatch):
    job = job_on(small_set)
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 9)
    synthesise(job, plan, small_set, tmp_path / "whole", batch=3)
    with monkeypatch.context() as patch:
        patch.setattr(job.generator, "paint", stop_at(job.generator, 3))
        with pytest.raises(KeyboardInterrupt):
            synthesise(job, plan, small_set, tmp_path / "set", batch=3)
    with pytest.raises(DatasetError, match="go on with --resume, or delete it"):
        synthesise(job, plan, small_set, tmp_path / "set", batch=3)
    with pytest.raises(DatasetError, match="begun with other settings"):
        synthesise(job, plan, small_set, tmp_path / "set", batch=4, resume=True)
    job.generator.painted = 0
    made = synthesise(job, plan, small_set, tmp_path / "set", batch=3, resume=True)
    assert (made.kept, made.written, job.generator.painted) == (6, 9, 3)
    assert files(tmp_path / "set") == files(tmp_path / "whole")
    assert synthesise(job, plan, small_set, tmp_path / "set", batch=3, resume=True).kept == 9


@pytest.mark.parametrize("is_old", [False, True])
def test_a_finished_set_is_not_taken_for_a_larger_one(small_set, tmp_path, is_old):
    job = job_on(small_set)
    four, ten = (plan_tiles(small_set.records, small_set.taxonomy, 1, tiles) for tiles in (4, 10))
    synthesise(job, four, small_set, tmp_path / "set")
    assert check_dataset(Dataset(tmp_path / "set")).note_counts["stray file"] == 0
    if is_old:  # Made before sets said what they were made with.
        (tmp_path / "set" / MADE_WITH).unlink()
    assert synthesise(job, four, small_set, tmp_path / "set", resume=True).kept == 4
    with pytest.raises(DatasetError, match="is not what these settings make"):
        synthesise(job, ten, small_set, tmp_path / "set", resume=True)


def stop_at(generator, call):
    paint, calls = generator.paint, iter(range(1, 100))

    def stopping(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return paint(*arguments)

    return stopping


def test_another_error_leaves_nothing(small_set, tmp_path, monkeypatch):
    job = job_on(small_set)
    monkeypatch.setattr(job.generator, "paint", lambda *_: np.zeros((1, 2, 2, 1), np.uint8))
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 2)
    with pytest.raises(InputError, match="must give uint8"):
        synthesise(job, plan, small_set, tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_other_classes_or_channels_are_refused(small_set, tmp_path):
    job = job_on(small_set)
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 2)
    job.generator.taxonomy = Taxonomy.of_names("other", ["groove", "spot"])
    with pytest.raises(InputError, match="defect classes groove, dot, ghost, but the generator learned groove, spot"):
        synthesise(job, plan, small_set, tmp_path / "set")
    job.generator.taxonomy, job.generator.channels = small_set.taxonomy, 3
    with pytest.raises(InputError, match=r"1 channel\(s\), but the generator paints 3"):
        synthesise(job, plan, small_set, tmp_path / "set")


def command(run, dataset, out, *more):
    return [str(run), "--dataset", str(dataset.folder), "--out", str(out), *more]


@pytest.mark.parametrize("gate", ["--no-gate", "--gate"])
def test_killed_at_random_moments_and_resumed_gives_the_same_files(run, small_set, tmp_path, gate):
    more = ["--per-class", "9", "--batch", "4", "--device", "cpu", "--resume", gate]
    assert CliRunner().invoke(app, command(run, small_set, tmp_path / "whole", *more)).exit_code == 0
    moments = ",".join(str(n) for n in np.random.default_rng(11).integers(2, 10, 4))
    words = [sys.executable, "-c", KILLED, moments, *command(run, small_set, tmp_path / "set", *more)]
    killed = subprocess.run(words, capture_output=True, check=False, text=True)
    assert killed.returncode == 0, killed.stderr
    assert len(unfinished_work(tmp_path / "set")) == 1
    done = CliRunner().invoke(app, [*command(run, small_set, tmp_path / "set", *more), "--json"])
    assert json.loads(done.stdout)["kept"] > 0
    assert files(tmp_path / "set") == files(tmp_path / "whole")
    told = [tmp_path / f"{name}.rejects" / "rejects.json" for name in ("set", "whole")]
    assert [path.is_file() for path in told] == [gate == "--gate"] * 2
    assert gate == "--no-gate" or told[0].read_bytes() == told[1].read_bytes()


def test_several_processes_give_the_same_files_and_rejects(run, small_set, tmp_path):
    more = ["--per-class", "12", "--batch", "1", "--device", "cpu"]
    for name, beside in (("whole", []), ("set", ["--processes", "2"])):
        done = CliRunner().invoke(app, command(run, small_set, tmp_path / name, *more, *beside))
        assert done.exit_code == 0, done.output
    assert files(tmp_path / "set") == files(tmp_path / "whole")
    told = [tmp_path / f"{name}.rejects" / "rejects.json" for name in ("set", "whole")]
    assert told[0].read_bytes() == told[1].read_bytes()
    assert len(list((tmp_path / "set.rejects").rglob("*.png"))) > 0


def test_several_processes_that_were_stopped_go_on(run, small_set, tmp_path):
    more = [
        "--tiles",
        "300",
        "--class",
        "dot",
        "--batch",
        "1",
        "--device",
        "cpu",
    ]  # Of a class that is mostly admitted.
    assert CliRunner().invoke(app, command(run, small_set, tmp_path / "whole", *more)).exit_code == 0
    words = ["gan", "generate", *command(run, small_set, tmp_path / "set", *more, "--processes", "2")]
    stopped = subprocess.Popen(
        [sys.executable, "-m", "blemish", *words],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # In the background a shell has it ignored.
    )
    until = time.monotonic() + 100
    while not any(tmp_path.glob(".set.resumable-*/backgrounds/*/*/*.png")) and time.monotonic() < until:
        time.sleep(0.01)
    stopped.send_signal(signal.SIGINT)
    assert (stopped.wait(60), "the finished tiles are kept in" in stopped.stderr.read()) == (130, True)
    done = subprocess.run(
        [sys.executable, "-m", "blemish", *words, "--resume", "--json"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert 0 < values["kept"] < values["written"]
    assert files(tmp_path / "set") == files(tmp_path / "whole")


def test_ctrl_c_says_where_the_finished_tiles_are(run, small_set, tmp_path, monkeypatch):
    paint, calls = TorchGenerator.paint, iter(range(9))

    def stopping(*arguments):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return paint(*arguments)

    monkeypatch.setattr(TorchGenerator, "paint", stopping)
    more = ["--per-class", "9", "--batch", "4", "--no-gate"]
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more))
    (folder,) = unfinished_work(tmp_path / "set")
    assert done.exit_code == 130
    assert f"the finished tiles are kept in {folder}" in done.stderr
    assert "--resume" in done.stderr.splitlines()[-1]
    assert len(list(folder.glob("images/*/*/*.png"))) == 4


def test_a_dry_run_prints_the_plan_and_writes_nothing(run, small_set, tmp_path):
    words = command(run, small_set, tmp_path / "set", "--per-class", "9", "--dry-run")
    table = CliRunner().invoke(app, words)
    assert "A groove     6                0       9        3      9" in table.stdout
    values = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert values["tiles"] == sum(row["planned"] for row in values["classes"]) == 9
    assert list(tmp_path.iterdir()) == []


def test_real_backgrounds_without_clean_tiles_are_said(run, set_without_clean, tmp_path):
    more = ["--tiles", "2", "--class", "B", "--background", "real", "--no-gate"]
    done = CliRunner().invoke(app, command(run, set_without_clean, tmp_path / "set", *more))
    assert done.exit_code == 0, done.stderr
    assert "no clean training tiles, so 8 defect-free areas" in done.stderr
    assert "2 planned = 2 written + 0 not made" in done.stdout


def test_a_class_that_is_left_out_gets_no_tile_and_the_plan_says_so(run, small_set, tmp_path):
    more = ["--per-class", "9", "--leave-out", "groove", "--dry-run", "--json"]
    values = json.loads(CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more)).stdout)
    rows = {row["name"]: row for row in values["classes"]}
    assert (rows["groove"]["planned"], rows["groove"]["note"]) == (0, "left out (--leave-out)")
    assert rows["dot"]["planned"] > 0


def test_few_physical_defects_and_surroundings_without_real_backgrounds_are_said(run, small_set, tmp_path):
    known = build_bank(small_set, [2]).few_defects()
    assert set(known) == {"dot"}
    assert 1 <= known["dot"] < 5
    more = ["--tiles", "2", "--class", "dot"]
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more))
    assert done.exit_code == 0, done.stderr
    assert f"dot is drawn from {known['dot']} physical defect" in done.stderr
    refused = command(run, small_set, tmp_path / "other", *more, "--surroundings", "--background", "generated")
    done = CliRunner().invoke(app, refused)
    assert done.exit_code == 2
    assert "--surroundings looks at real backgrounds, and none are used" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "give --per-class N, or --tiles N with --class NAME"),
        (["--per-class", "1"], "nothing to generate"),
        (["--tiles", "2", "--class", "spot"], "has no defect 'spot'"),
        (["--per-class", "9", "--leave-out", "groove,dot"], "nothing to generate: left out (--leave-out)"),
        (["--per-class", "9", "--leave-out", "spot"], "has no defect 'spot'"),
        (["--tiles", "2", "--class", "dot", "--leave-out", "groove"], "--leave-out goes with --per-class"),
        (["--per-class", "9", "--background", "blue"], "--background must be auto, real or generated"),
        (["--per-class", "9", "--label", "a.png"], "--label paints one picture"),
        (["--per-class", "9", "--batch", "0"], "--batch must be 1 or more"),
        (["--per-class", "9", "--attempts", "0"], "--attempts must be 1 or more"),
        (["--per-class", "9", "--no-gate", "--segmenter", "x"], "--no-gate goes without --segmenter"),
        (["--per-class", "9", "--no-gate", "--second-look"], "--no-gate goes without --segmenter"),
        (["--per-class", "9", "--no-gate", "--processes", "2"], "--no-gate goes without --segmenter"),
        (["--per-class", "9", "--thresholds", "none.json"], "none.json is not readable JSON"),
    ],
)
def test_wrong_flags_end_in_one_line(run, small_set, tmp_path, more, message):
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more))
    assert done.exit_code == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
