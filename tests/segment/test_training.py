"""Training through the command line: it learns, it resumes exactly, and what it writes can be used."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from blemish.cli import segment as commands
from blemish.cli.segment_evaluate import evaluate
from blemish.core.errors import BundleError, DatasetError, InputError
from blemish.core.records import Split
from blemish.data.augment import Augmentation
from blemish.data.dataset import Dataset
from blemish.picture.normalise import to_channels
from blemish.segment.draw import SampleDraw, TilePool, synthetic_records, train_records
from blemish.segment.model import TorchSegmenter, save_segmenter
from blemish.segment.networks import build
from blemish.segment.settings import TrainSettings, settings_of
from blemish.segment.training import Pace, SegmentTrainer, measure_normalisation, train
from blemish.train.sampling import UniformSampler


@pytest.fixture
def run_command():
    app = typer.Typer()
    for command in (commands.describe, commands.train, evaluate):
        app.command(command.__name__)(command)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def train_shortly(folder, out, *, steps=6, resume=False, stop_after=None, monkeypatch=None):
    settings = TrainSettings(network="hardnet-small", steps=steps, batch=4, crop_px=32, val_steps=3, keep="best")
    pace = Pace(threads=2, tick_steps=2, checkpoint_steps=2, sample_steps=6)
    if stop_after is not None:
        step = SegmentTrainer.step

        def stopping(self, number, batch):
            if number == stop_after:
                raise KeyboardInterrupt
            return step(self, number, batch)

        monkeypatch.setattr(SegmentTrainer, "step", stopping)
    return train(Dataset(folder), out, settings, pace=pace, precision="fp32", resume=resume)


def test_one_batch_is_learnt_by_heart(shapes):
    torch.set_num_threads(1)
    settings = TrainSettings(network="hardnet-small", steps=80, learning_rate=0.01, val_steps=80)
    records = [record for record in shapes.select(Split.TRAIN) if record.classes][:4]
    torch.manual_seed(0)
    network = build("hardnet-small", 1, 3, mean=[0.5], std=[0.1])
    trainer = SegmentTrainer(network, shapes, records, settings, "fp32")
    samples = [shapes.sample(record) for record in records]
    batch = {
        "picture": torch.from_numpy(np.stack([to_channels(s.picture, 1) for s in samples])),
        "label": torch.from_numpy(np.stack([s.label_map.defect for s in samples])),
    }
    for step in range(settings.steps):
        figures = trainer.step(step, batch)
    assert figures["val_iou"] > 0.9


class TestPatience:
    """Training ends where validation has not become better for long enough, and the best is what is kept."""

    def trained(self, shapes_folder, out, monkeypatch, ious):
        told = iter(ious)

        def validate(self, done):
            iou = next(told)
            self.best.offer(self.average.module, iou, done)
            return {"val_iou": iou}

        monkeypatch.setattr(SegmentTrainer, "validate", validate)
        settings = TrainSettings(
            network="hardnet-small", steps=20, batch=2, val_steps=2, keep="best", patience=2, crop_px=48
        )
        return train(Dataset(shapes_folder), out, settings, pace=Pace.of(20, 1))

    def test_it_ends_after_two_validations_without_a_better_iou(self, shapes_folder, tmp_path, monkeypatch):
        done = self.trained(shapes_folder, tmp_path / "run", monkeypatch, [0.1, 0.4, 0.3, 0.2, 0.9])
        assert done.outcome.steps == 8
        assert (done.card["kept"], done.card["step"], done.card["steps_done"]) == ("best", 4, 8)
        assert done.card["val_iou"] == pytest.approx(0.4)

    def test_it_does_not_end_before_anything_was_found(self, shapes_folder, tmp_path, monkeypatch):
        done = self.trained(shapes_folder, tmp_path / "run", monkeypatch, [0.0] * 10)
        assert done.outcome.steps == 20
        assert done.card["step"] == 20  # Of networks that all find nothing, the one that learned longest.

    def test_it_goes_with_the_best_only(self):
        with pytest.raises(InputError, match="goes with keep best"):
            TrainSettings(patience=3)


def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(shapes_folder, tmp_path, monkeypatch):
    train_shortly(shapes_folder, tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        train_shortly(shapes_folder, tmp_path / "stopped", stop_after=5, monkeypatch=patched)
    train_shortly(shapes_folder, tmp_path / "stopped", resume=True)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert len((whole / "figures.jsonl").read_text().splitlines()) == 3
    for name in ("figures.jsonl", "weights/weights.safetensors", "samples/step-000000006.png"):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes(), name


def test_the_command_trains_and_what_it_wrote_is_judged(run_command, shapes_folder, synthetic_folder, tmp_path):
    run = tmp_path / "run"
    options = ["--network", "hardnet-small", "--batch", 4, "--steps", 3, "--val-every", 2, "--crop", 48]
    mixed = ["--synthetic", synthetic_folder, "--synthetic-share", 0.25, "--loss", "focal+dice", "--json"]
    done = run_command("train", shapes_folder, "--out", run, *options, *mixed)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["step"] == 3
    judged = run_command("evaluate", run, shapes_folder, "--report", tmp_path / "report", "--json")
    assert judged.exit_code == 0, judged.output
    figures = json.loads(judged.stdout)
    assert (figures["split"], figures["tiles"], set(figures["iou"])) == ("test", 6, {"square", "disc"})
    assert len(list((tmp_path / "report" / "worst").glob("*.png"))) == 6
    assert "IoU while training" in (tmp_path / "report" / "index.html").read_text()
    card = json.loads((run / "weights" / "card.json").read_text())
    assert card["settings"]["synthetic_share"] == 0.25
    assert card["data_hash"] == Dataset(shapes_folder).hash
    assert card["settings"]["synthetic_hashes"] == [Dataset(synthetic_folder).hash]


def test_a_dry_run_writes_nothing(run_command, shapes_folder, tmp_path):
    done = run_command("train", shapes_folder, "--out", tmp_path / "run", "--preset", "paper", "--dry-run", "--json")
    settings = json.loads(done.stdout)
    # 12 tiles, 1,000 epochs, batch 16.
    assert (settings["steps"], settings["learning_rate"], settings["schedule"]) == (750, 0.001, "constant")
    told = {
        name: value
        for name, value in vars(Augmentation.paper_segment()).items()
        if name not in ("optics", "spoilt", "spoilt_frac")
    }
    assert settings["augmentation"] == json.loads(json.dumps(told))  # Of what is off nothing is said.
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "crop_px"), [((), 256), (("--crop", 0), None), (("--crop", 64), 64), (("--preset", "paper"), None)]
)
def test_large_tiles_are_learned_from_in_crops_unless_told_otherwise(
    run_command, shapes, tmp_path, monkeypatch, options, crop_px
):
    monkeypatch.setattr("blemish.data.dataset._read_info", lambda _: replace(shapes.info, tile_px=512))
    done = run_command("train", shapes.folder, "--out", tmp_path / "run", "--dry-run", "--json", *options)
    assert json.loads(done.stdout)["crop_px"] == crop_px


def test_the_last_steps_may_draw_every_tile_equally_often(run_command, shapes_folder, tmp_path):
    plan = ["train", shapes_folder, "--out", tmp_path / "run", "--dry-run", "--json"]
    assert json.loads(run_command(*plan, "--uniform-from", 0.7).stdout)["uniform_from"] == 0.7
    assert "uniform_from" not in json.loads(run_command(*plan).stdout)  # Never: nothing is said of it.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "unet"], "there are fc-hardnet-70"),
        (["--steps", "2", "--epochs", "2"], "not both"),
        (["--loss", "mse"], "no loss 'mse'"),
        (["--precision", "fp8"], "must be fp32 or bf16"),
        (["--sampling", "random"], "uniform or balanced"),
        (["--preset", "best"], "there are default, paper"),
        (["--class-weights", "1,5"], "class weights must be 3 (no defect, then the classes), got 2"),
        (["--crop", "32", "--batch", "1"], "cannot learn from one sample of 32 px a step"),
        (["--batch", "1", "--network", "fc-hardnet-70"], "cannot learn from one sample of 64 px a step"),
        (["--synthetic-share", "0.5"], "give --synthetic DIR too"),
        (["--synthetic-until", "0.5"], "give --synthetic DIR too"),
        (["--uniform-from", "1.5"], "uniform_from must be 0 to 1"),
    ],
)
def test_a_wrong_option_ends_in_one_line(run_command, shapes_folder, tmp_path, options, message):
    done = run_command("train", shapes_folder, "--out", tmp_path / "run", *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [["--network", "unet"], ["--class-weights", "1,5"], ["--batch", "1", "--crop", 16]])
def test_a_dry_run_refuses_what_the_training_would(run_command, shapes_folder, tmp_path, options):
    assert run_command("train", shapes_folder, "--out", tmp_path / "run", "--dry-run", *options).exit_code == 2


def test_describe_prints_the_figures_of_fc_hardnet_70(run_command):
    found = json.loads(run_command("describe", "--size", 512, "--json").stdout)
    assert found["name"] == "fc-hardnet-70"
    assert 4.05e6 < found["parameters"] < 4.2e6
    assert 4.3 < found["gmac"] < 4.5
    assert len(found["layers"]) == found["convolutions"] == 70


def mixed_draw(real: Dataset, made: Dataset, settings: TrainSettings) -> SampleDraw:
    pools = [TilePool(made, synthetic_records(made, real))]
    return SampleDraw(TilePool(real, train_records(real)), pools, settings, 1)


def origins(draw: SampleDraw, steps: range) -> list[bool]:
    return [draw._pick(step, index).made for step in steps for index in range(8)]


class TestSegmenter:
    def test_probabilities_sum_to_one_and_have_the_pictures_size(self, shapes):
        segmenter = TorchSegmenter(build("hardnet-small", 1, 3), shapes.taxonomy)
        found = segmenter.probabilities(np.random.default_rng(0).integers(0, 256, (2, 37, 50, 1), np.uint8))
        assert found.shape == (2, 3, 37, 50)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)

    def test_reloaded_from_a_run_it_gives_the_same_answer(self, shapes, tmp_path):
        network = build("hardnet-small", 1, 3, mean=[0.4], std=[0.2])
        before = TorchSegmenter(network, shapes.taxonomy)
        save_segmenter(tmp_path, network, {"architecture": "hardnet-small", "taxonomy": shapes.taxonomy.to_dict()})
        pictures = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 1), np.uint8)
        after = TorchSegmenter.load(tmp_path)
        assert np.array_equal(before.probabilities(pictures), after.probabilities(pictures))
        assert after.taxonomy == shapes.taxonomy
        assert after.card["mean"] == pytest.approx([0.4])

    def test_altered_weights_are_refused(self, shapes, tmp_path):
        card = {"architecture": "hardnet-small", "taxonomy": shapes.taxonomy.to_dict()}
        weights = save_segmenter(tmp_path, build("hardnet-small", 1, 3), card) / "weights.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        with pytest.raises(BundleError, match="altered or damaged"):
            TorchSegmenter.load(tmp_path)

    def test_float_pictures_are_refused(self, shapes):
        with pytest.raises(InputError, match="must be uint8 N H W 1, got float32"):
            TorchSegmenter(build("hardnet-small", 1, 3), shapes.taxonomy).probabilities(
                np.zeros((1, 8, 8, 1), np.float32)
            )


class TestDraw:
    def test_a_draw_is_a_pure_function_of_step_and_index(self, shapes):
        settings = TrainSettings(crop_px=32, seed=3)
        draws = [SampleDraw(TilePool(shapes, train_records(shapes), 0), [], settings, 1) for _ in range(2)]
        again = [draw(5, 2) for draw in (draws[0], draws[1], draws[0])]
        assert all(np.array_equal(again[0]["picture"], other["picture"]) for other in again[1:])
        assert not np.array_equal(again[0]["picture"], draws[0](5, 3)["picture"])

    def test_kept_tiles_change_nothing(self, shapes):
        records, settings = train_records(shapes), TrainSettings(crop_px=32)
        kept = SampleDraw(TilePool(shapes, records), [], settings, 1)
        fresh = SampleDraw(TilePool(shapes, records, cache_bytes=0), [], settings, 1)
        for index in range(24):
            assert np.array_equal(kept(0, index)["label"], fresh(0, index)["label"])

    def test_crops_on_a_defect_hold_one(self, shapes):
        records = [record for record in train_records(shapes) if record.classes]
        settings = TrainSettings(crop_px=16, crop_on_defect_frac=1.0)
        draw = SampleDraw(TilePool(shapes, records), [], settings, 1)
        assert all(draw(0, index)["label"].any() for index in range(40))

    def test_the_share_of_synthetic_samples_is_kept(self, shapes, synthetic_folder):
        settings = TrainSettings(synthetic_share=0.25, sampling="uniform")
        draw = mixed_draw(shapes, Dataset(synthetic_folder), settings)
        assert np.mean(origins(draw, range(50))) == pytest.approx(0.25, abs=0.06)

    def test_the_last_steps_see_real_tiles_only(self, shapes, synthetic_folder):
        settings = TrainSettings(synthetic_share=1.0, steps=10, synthetic_until=0.6)
        draw = mixed_draw(shapes, Dataset(synthetic_folder), settings)
        assert any(origins(draw, range(6)))
        assert not any(origins(draw, range(6, 10)))

    def test_the_end_draws_every_real_tile_equally_often(self, shapes, synthetic_folder):
        settings = TrainSettings(synthetic_share=1.0, steps=10, uniform_from=0.6)
        draw = mixed_draw(shapes, Dataset(synthetic_folder), settings)
        assert any(origins(draw, range(6)))
        assert not any(origins(draw, range(6, 10)))
        records = train_records(shapes)
        even = UniformSampler(len(records), settings.seed)
        assert draw._pick(7, 3) == even.pick(7, 3)

    def test_real_tiles_may_not_enter_as_synthetic(self, shapes):
        with pytest.raises(DatasetError, match="is real, not synthetic"):
            synthetic_records(shapes, shapes)

    def test_gray_tiles_feed_an_rgb_network(self, shapes):
        draw = SampleDraw(TilePool(shapes, train_records(shapes)), [], TrainSettings(), 3)
        assert draw(0, 0)["picture"].shape == (64, 64, 3)


def test_normalisation_is_measured_on_the_tiles(shapes):
    mean, std = measure_normalisation(shapes, train_records(shapes))
    pixels = np.stack([shapes.picture(record) for record in train_records(shapes)]) / 255
    assert mean == pytest.approx([pixels.mean()], abs=1e-6)
    assert std == pytest.approx([pixels.std()], abs=1e-6)


def test_keeping_the_best_needs_a_val_split(shapes, tmp_path):
    shapes_without_val = Dataset(shapes.folder)
    shapes_without_val.records = shapes.select(Split.TRAIN)
    with pytest.raises(InputError, match="no val split"):
        train(shapes_without_val, tmp_path / "run", TrainSettings(network="hardnet-small", keep="best"))


def test_keeping_the_best_needs_a_labelled_defect_to_judge_by(shapes, tmp_path):
    clean_val = Dataset(shapes.folder)
    clean_val.records = [record for record in shapes.records if record.split == Split.TRAIN or not record.classes]
    with pytest.raises(InputError, match=r"none of the 2 val tiles .* shows a labelled defect .* use --keep last"):
        train(clean_val, tmp_path / "run", TrainSettings(network="hardnet-small", steps=1, batch=2, keep="best"))
    assert not (tmp_path / "run").exists()


def test_uniform_sampling_does_not_balance_through_its_crops():
    assert settings_of("default", {"sampling": "uniform"}).crop_on_defect_frac == 0
    assert settings_of("default", {"sampling": "uniform", "crop_on_defect_frac": 0.3}).crop_on_defect_frac == 0.3
    assert settings_of("default", {}).crop_on_defect_frac == 0.8


def test_the_learning_rate_rises_and_falls_to_nothing():
    settings = TrainSettings(steps=100, warmup_frac=0.1, learning_rate=0.001)
    rates = [settings.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.0001)
    assert max(rates) == rates[10] == pytest.approx(0.001)
    assert rates[-1] < 1e-6
    assert {settings_of("paper", {}).rate(step) for step in (0, 1000)} == {0.001}


def test_the_robust_augmentation_is_in_the_settings_with_its_optics(run_command, shapes_folder, tmp_path):
    words = ("train", shapes_folder, "--out", tmp_path / "run", "--dry-run", "--json", "--augmentation")
    told = json.loads(run_command(*words, "robust").stdout)["augmentation"]
    assert (told["rotation_deg"], told["spoilt_frac"]) == (15, 0.5)
    assert (told["spoilt"]["rotation_deg"], told["spoilt"]["optics"]["jpeg_quality"]) == (30, 25)
    assert run_command(*words, "strong").exit_code == 2
    assert run_command(*words, "robust", "--no-augment").exit_code == 2


def test_a_dry_run_refuses_what_the_run_would_and_writes_nothing(shapes, run_command, tmp_path):
    flags = ("--network", "hardnet-small", "--steps", 2, "--batch", 2, "--crop", 32)
    real = run_command(
        "train", shapes.folder, "--out", tmp_path / "a", *flags, "--synthetic", shapes.folder, "--dry-run"
    )
    assert real.exit_code == 2
    assert "only synthetic tiles may be added with --synthetic" in real.stderr
    (tmp_path / "there").mkdir()
    there = run_command("train", shapes.folder, "--out", tmp_path / "there", *flags, "--dry-run")
    assert there.exit_code == 2
    assert "is there already" in there.stderr
    nowhere = ("--start-from", tmp_path / "none")
    assert run_command("train", shapes.folder, "--out", tmp_path / "a", *flags, *nowhere, "--dry-run").exit_code == 2
    fine = run_command("train", shapes.folder, "--out", tmp_path / "a", *flags, "--dry-run")
    assert fine.exit_code == 0, fine.output
    assert "would train hardnet-small for 2 steps of 2 samples" in fine.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("by", ["group", "source"])
def test_synthetic_tiles_made_on_what_is_judged_now_are_refused(shapes, synthetic_folder, by):
    judge, made = shapes.select(Split.TEST)[0], Dataset(synthetic_folder)
    beneath = {"group": {"group": judge.group}, "source": {"source": judge.id}}[by]
    made.records = [replace(made.records[0], **beneath), *made.records[1:]]
    with pytest.raises(DatasetError, match="in val or test"):
        synthetic_records(made, shapes)


@pytest.mark.parametrize(
    "words", [("--learning-rate", "nan"), ("--learning-rate", "inf"), ("--class-weights", "nan,1,1")]
)
def test_what_is_no_number_is_one_line(run_command, shapes_folder, tmp_path, words):
    done = run_command("train", shapes_folder, "--out", tmp_path / "run", "--steps", 1, "--batch", 2, *words)
    assert done.exit_code == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_start_weights_that_saw_what_is_val_or_test_now_are_told(
    run_command, shapes, shapes_folder, elsewhere_folder, tmp_path
):
    train_shortly(elsewhere_folder, tmp_path / "saw", steps=1)
    card = json.loads((tmp_path / "saw" / "weights" / "card.json").read_text())
    judged = [record.sha256[:16] for record in shapes.select(Split.VAL)]
    told = []
    for learned_from in (card["learned_from"], sorted(card["learned_from"] + judged)):
        (tmp_path / "saw" / "weights" / "card.json").write_text(json.dumps({**card, "learned_from": learned_from}))
        words = ("--crop", 32, "--start-from", tmp_path / "saw", "--dry-run")
        done = run_command("train", shapes_folder, "--out", tmp_path / "run", "--network", "hardnet-small", *words)
        assert done.exit_code == 0, done.stderr
        told.append(f"learned from {len(judged)} tiles or more that are in val or test now" in done.stderr)
    assert told == [False, True]
