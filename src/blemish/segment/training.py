"""Train an inspector's network: the paper's settings or ours, with the habits that both networks share."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from blemish.core.errors import DatasetError, InputError
from blemish.core.records import TileRecord
from blemish.core.seeds import derive_seed
from blemish.data.dataset import Dataset
from blemish.data.seen_before import a_few_of
from blemish.picture.normalise import to_channels
from blemish.picture.write import write_png
from blemish.segment.draw import SampleDraw, TilePool, spread, synthetic_records, train_records, val_records
from blemish.segment.evaluation import evaluate, predict
from blemish.segment.losses import loss_terms
from blemish.segment.model import TorchSegmenter, save_segmenter, to_input
from blemish.segment.networks import build
from blemish.segment.panels import below, panel
from blemish.segment.pixel_network import PixelNetwork
from blemish.segment.settings import TrainSettings
from blemish.segment.start import card_of, start_from
from blemish.segment.unfit import refuse_unfit
from blemish.train.ema import MovingAverage
from blemish.train.loader import BatchLoader
from blemish.train.loop import LoopSettings, Outcome, run_loop
from blemish.train.machine import commit, versions
from blemish.train.precision import Precision, accelerator, channels_last, default_precision
from blemish.train.run_folder import RunFolder

_NORMALISATION_TILES = 64
_SAMPLE_TILES = 6


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What does not change the weights: threads that draw, and how often what is written."""

    threads: int = 2
    tick_steps: int = 50
    checkpoint_steps: int = 500
    sample_steps: int = 500

    @classmethod
    def of(cls, steps: int, threads: int = 2) -> Pace:
        """For a number of steps: twenty rows of figures or more, ten checkpoints and samples or more."""
        often, rarely = max(1, min(50, steps // 20)), max(1, min(500, -(-steps // 10)))
        return cls(threads=threads, tick_steps=often, checkpoint_steps=rarely, sample_steps=rarely)


@dataclass(frozen=True)
class Trained:
    """A finished training: where its weights are, and how it went."""

    weights: Path
    outcome: Outcome
    card: dict[str, Any]


def refuse_training(
    dataset: Dataset,
    out: Path,
    settings: TrainSettings,
    *,
    synthetic: Sequence[Dataset] = (),
    precision: Precision | None = None,
    resume: bool = False,
    start: Path | None = None,
) -> None:
    """Raise what `train` would raise before its first step; nothing is written.

    Raises:
        DatasetError, InputError: as `train`.
    """
    _, _, facts = _prepared(dataset, synthetic, settings, precision or default_precision(), start)
    RunFolder.refuse(out, facts, resume=resume)


def train(
    dataset: Dataset,
    out: Path,
    settings: TrainSettings,
    *,
    synthetic: Sequence[Dataset] = (),
    pace: Pace | None = None,
    precision: Precision | None = None,
    resume: bool = False,
    start: Path | None = None,
) -> Trained:
    """Train on the train split of a data set (and synthetic ones), judge by its val split, write weights and card.

    Args:
        out: the run's folder.
        synthetic: sets whose tiles make up `settings.synthetic_share` of the samples drawn.
        precision: None = bfloat16 where the hardware has it.
        resume: go on where the run was stopped; gives what an uninterrupted run would have given.
        start: a finished run whose weights are begun with (`segment.start`); None = fresh weights.

    Raises:
        DatasetError: no train split, other classes, or real tiles in a synthetic set.
        InputError: settings that do not fit together or the data set, or differ from those that the run was begun
            with.
        TrainingError: a loss that is not finite.
        Interrupted: stopped by the user, with a checkpoint.
    """
    pace, precision = pace or Pace.of(settings.steps), precision or default_precision()
    draw, network, facts = _prepared(dataset, synthetic, settings, precision, start)
    trainer = SegmentTrainer(network, dataset, val_records(dataset, settings.val_tiles), settings, precision)
    run = RunFolder.start(out, facts, resume=resume)
    loop = LoopSettings(
        steps=settings.steps,
        seed=settings.seed,
        tick_steps=pace.tick_steps,
        checkpoint_steps=pace.checkpoint_steps,
        sample_steps=pace.sample_steps,
    )
    loader = BatchLoader(draw, batch=settings.batch, threads=pace.threads)
    outcome = run_loop(run, trainer, loader, loop, resume=resume, title="segment", enough=trainer.enough)
    card = _card(dataset, settings, facts, start) | trainer.kept() | {"steps_done": outcome.steps}
    return Trained(save_segmenter(out, trainer.chosen, card), outcome, card)


class SegmentTrainer:
    """The step of the loop: one optimiser, the moving average, and validation every so often.

    Args:
        network: with fresh weights.
        val: the tiles to judge by; empty = no validation.
    """

    def __init__(
        self,
        network: PixelNetwork,
        dataset: Dataset,
        val: Sequence[TileRecord],
        settings: TrainSettings,
        precision: Precision,
    ) -> None:
        self.settings, self.dataset, self.val = settings, dataset, val
        self.accelerator = accelerator(precision)
        self.network = channels_last(network.to(self.accelerator.device))
        self.average = MovingAverage(self.network, half_life_steps=settings.ema_half_life_steps)
        self.best = Best(self.network)
        self.segmenter = TorchSegmenter(
            self.average.module, dataset.taxonomy, precision=precision, device=self.accelerator.device
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.forward = self.accelerator.prepare(self.network)  # After the copies: it changes `forward`.
        self.modules: dict[str, nn.Module] = {"network": self.network, "average": self.average.module}
        if settings.keep == "best":
            self.modules["best"] = self.best
        self.optimizers: dict[str, Optimizer] = {"network": self.optimizer}

    def step(self, step: int, batch: dict[str, Tensor]) -> Mapping[str, float | Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(step)
        self.network.train()
        logits = self.forward(to_input(batch["picture"].to(self.accelerator.device)))
        truth = batch["label"].to(self.accelerator.device, torch.int64)
        terms = loss_terms(logits, truth, self.settings.loss, progress=step / self.settings.steps)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(terms["loss"])
        self.optimizer.step()
        self.average.update(step)
        figures: dict[str, float | Tensor] = {name: term.detach() for name, term in terms.items()}
        if self.val and self.settings.validates_after(step + 1):
            figures |= self.validate(step + 1)
        return figures

    def validate(self, done: int) -> dict[str, float]:
        """IoU of the moving average on the val tiles, mean and by class; classes that they do not show are left out."""
        found = evaluate(self.segmenter, self.dataset, self.val, worst=0)
        figures = {"val_iou": found.mean_iou, **{f"val_iou_{name}": value for name, value in found.iou.items()}}
        figures = {name: value for name, value in figures.items() if not np.isnan(value)}
        if "val_iou" in figures:
            self.best.offer(self.average.module, figures["val_iou"], done)
        return figures

    def sample(self, step: int, folder: Path) -> None:
        records = self.val or train_records(self.dataset)
        samples = [self.dataset.sample(record) for record in _various(records, _SAMPLE_TILES)]
        answers = predict(self.segmenter, samples)
        rows = [panel(s, answer, self.dataset.taxonomy) for s, answer in zip(samples, answers, strict=True)]
        write_png(folder / f"step-{step:09d}.png", below(rows))

    def enough(self, done: int) -> bool:
        """Whether `patience` validations have passed without a better IoU; never before anything was found."""
        if self.settings.patience is None or float(self.best.iou) <= 0:
            return False
        return done - int(self.best.step) >= self.settings.patience * self.settings.val_steps

    @property
    def chosen(self) -> PixelNetwork:
        """The weights to use: the moving average, the last or the best as the settings say."""
        return self.best.network if self.settings.keep == "best" else self.average.module

    def kept(self) -> dict[str, Any]:
        """What the card says about the choice."""
        if self.settings.keep == "best":
            return {"kept": "best", "step": int(self.best.step), "val_iou": round(float(self.best.iou), 6)}
        return {"kept": "last", "step": self.settings.steps}


class Best(nn.Module):
    """A copy of the network as it was when it did best; saved with the state, so that resuming keeps it."""

    iou: Tensor
    step: Tensor

    def __init__(self, network: PixelNetwork) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.register_buffer("iou", torch.tensor(-1.0))
        self.register_buffer("step", torch.tensor(0))

    def offer(self, network: PixelNetwork, iou: float, step: int) -> None:
        """Take over the network if it is better than all before; as long as none finds anything, the latest."""
        if np.float32(iou) > float(self.iou) or float(self.iou) <= 0:  # As it is kept: an equal one is no better.
            self.network.load_state_dict(network.state_dict())
            self.iou.fill_(iou)
            self.step.fill_(step)


def measure_normalisation(dataset: Dataset, records: Sequence[TileRecord]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel in [0, 1], over some tiles spread evenly over the records."""
    sums, squares, count = np.zeros(dataset.channels), np.zeros(dataset.channels), 0
    for record in spread(records, _NORMALISATION_TILES):
        pixels = to_channels(dataset.picture(record), dataset.channels).reshape(-1, dataset.channels) / 255.0
        sums, squares, count = sums + pixels.sum(axis=0), squares + (pixels**2).sum(axis=0), count + len(pixels)
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 1e-4))
    return [round(float(v), 6) for v in mean], [round(float(v), 6) for v in std]


def _prepared(
    dataset: Dataset,
    synthetic: Sequence[Dataset],
    settings: TrainSettings,
    precision: Precision,
    start: Path | None,
) -> tuple[SampleDraw, PixelNetwork, dict[str, Any]]:
    """What is drawn, the network as it begins, and what the run writes down of both; bad input ends here."""
    draw = _draw(dataset, synthetic, settings)
    refuse_unfit(dataset, settings)
    network = _fresh_network(dataset, settings)
    begun = None if start is None else start_from(network, start, dataset.taxonomy.defect_names).to_dict()
    return draw, network, _facts(dataset, synthetic, settings, precision) | {"start": begun}


def _fresh_network(dataset: Dataset, settings: TrainSettings) -> PixelNetwork:
    mean, std = measure_normalisation(dataset, train_records(dataset))
    torch.manual_seed(derive_seed(settings.seed, "init"))
    return build(settings.network, dataset.channels, len(dataset.taxonomy.defects) + 1, mean=mean, std=std)


def _draw(dataset: Dataset, synthetic: Sequence[Dataset], settings: TrainSettings) -> SampleDraw:
    if bool(synthetic) != (settings.synthetic_share > 0):
        raise InputError(
            f"{len(synthetic)} synthetic sets at a share of {settings.synthetic_share}: give both or neither"
        )
    for other in synthetic:
        if settings.crop_px is None and other.info.tile_px != dataset.info.tile_px:
            raise DatasetError(
                f"{other.folder} has tiles of {other.info.tile_px} px, {dataset.folder} of {dataset.info.tile_px}: "
                f"give --crop, so that the samples of a batch have one size"
            )
    real = TilePool(dataset, train_records(dataset))
    return SampleDraw(
        real, [TilePool(other, synthetic_records(other, dataset)) for other in synthetic], settings, dataset.channels
    )


def _facts(
    dataset: Dataset, synthetic: Sequence[Dataset], settings: TrainSettings, precision: Precision
) -> dict[str, Any]:
    """All that decides the weights, for run.json and the card."""
    return {
        "data_hash": dataset.hash,
        "synthetic_hashes": [other.hash for other in synthetic],
        "precision": precision,
        **settings.to_dict(),
    }


def _card(dataset: Dataset, settings: TrainSettings, facts: dict[str, Any], start: Path | None) -> dict[str, Any]:
    return {
        "architecture": settings.network,
        "taxonomy": dataset.taxonomy.to_dict(),
        "tile_px": dataset.info.tile_px,
        "value_range": dataset.info.value_range,
        "data_hash": dataset.hash,
        "learned_from": a_few_of(train_records(dataset), card_of(start).get("learned_from", ())),
        "commit": commit(),
        "versions": versions(),
        "settings": facts,
    }


def _various(records: Sequence[TileRecord], most: int) -> list[TileRecord]:
    """Records that show as many classes as possible: the first of each class in turn, then any."""
    chosen: list[TileRecord] = []
    for index in range(1, len(records[0].defect_px) + 1):
        chosen += [record for record in records if index in record.classes and record not in chosen][:1]
    rest = [record for record in spread(records, most) if record not in chosen]
    return [*chosen, *rest][:most]
