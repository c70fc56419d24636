"""Start weights: a network learns on endless procedural surfaces what an edge, a dot, a line and a stain look like,
and from a teacher that knows photographs what else there is to see.

The finished run is an ordinary one, which `segment train --start-from` takes (docs/adr/0006). No data set is needed and
none is written: every tile is drawn when its step comes, and no tile comes twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.seeds import derive_seed, rng
from blemish.metrics.pixel import Confusion
from blemish.picture.normalise import to_channels
from blemish.picture.write import write_png
from blemish.segment.losses import LossSettings, loss_terms
from blemish.segment.model import TorchSegmenter, save_segmenter, to_input
from blemish.segment.networks import architecture, build, refuse_one_pixel
from blemish.segment.panels import below, beside, paint
from blemish.segment.pixel_network import PixelNetwork
from blemish.segment.teacher import Teacher
from blemish.segment.training import Pace, Trained
from blemish.simulate.procedural import TAXONOMY, VERSION, procedural_tile
from blemish.train.ema import MovingAverage
from blemish.train.lite0 import SHA256
from blemish.train.loader import BatchLoader
from blemish.train.loop import Loader, LoopSettings, run_loop
from blemish.train.machine import commit, versions
from blemish.train.precision import Precision, accelerator, channels_last, default_precision
from blemish.train.process_loader import ProcessLoader
from blemish.train.run_folder import RunFolder
from blemish.train.schedule import cosine, set_rate

DATA = f"procedural surfaces, version {VERSION}"
_CLASSES = len(TAXONOMY.defects)
_BALANCED_UNTIL = 0.9
_SAMPLE_TILES = 6
_JUDGED_TOGETHER = 16


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """How start weights are trained; all of it decides them, and all of it is in the card."""

    network: str = "hardnet-small"
    channels: int = 1  # Gray weights start an RGB network too.
    steps: int = 8000  # Those of the packaged weights were set by the time on a GPU (docs/adr/0006).
    batch: int = 16
    size_px: int = 96  # Many small tiles teach more than few large ones of as many pixels (docs/adr/0006).
    teacher_weight: float = 2.0  # Of the teacher's term beside the labels'; 0 = no teacher.
    easy_until: float = 0.3  # Share of the steps in which the faintest defects are left out, fewer and fewer of them.
    learning_rate: float = 0.003
    weight_decay: float = 1e-4
    warmup_frac: float = 0.02
    loss: LossSettings = field(default_factory=lambda: LossSettings(balanced_until=_BALANCED_UNTIL))
    ema_half_life_steps: int = 200
    judged_tiles: int = 128  # Of another stream, never learned from; judged at every checkpoint's step.
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "ema_half_life_steps", "judged_tiles"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")
        sound = 0 < self.learning_rate < math.inf and 0 <= self.teacher_weight < math.inf
        if self.size_px < 32 or not sound or not 0 <= self.easy_until <= 1:
            raise InputError(
                f"tiles must be 32 px or more, the learning rate above 0, easy_until 0 to 1 and the teacher's weight 0 "
                f"or more, got {self.size_px}, {self.learning_rate}, {self.easy_until} and {self.teacher_weight}"
            )

    def rate(self, step: int) -> float:
        """The learning rate of step 0, 1, ..."""
        warmup = round(self.warmup_frac * self.steps)
        return cosine(step, rate=self.learning_rate, steps=self.steps, warmup_steps=warmup)


def pretrain(
    out: Path,
    settings: PretrainSettings,
    *,
    pace: Pace | None = None,
    precision: Precision | None = None,
    resume: bool = False,
    processes: int = 0,
) -> Trained:
    """Train on procedural tiles and write the run's weights and card.

    Args:
        out: the run's folder.
        processes: that draw tiles in the place of the pace's threads, for a PC with many cores and a GPU; 0 = threads.
        precision: None = bfloat16 where the hardware has it.
        resume: go on where the run was stopped; gives what an uninterrupted run would have given.

    Raises:
        InputError: one sample a step that the network shrinks to one pixel, tiles that are no multiple of its stride
            with a teacher, or settings that differ from those that the run was begun with.
        TrainingError: a loss that is not finite.
        Interrupted: stopped by the user, with a checkpoint.
    """
    pace, precision = pace or Pace.of(settings.steps, threads=1), precision or default_precision()
    facts = {"data": DATA, "precision": precision, **asdict(settings)}
    refuse_one_pixel(settings.network, settings.batch, settings.size_px)
    stride = architecture(settings.network).stride
    if settings.teacher_weight and settings.size_px % stride:
        raise InputError(
            f"--size must be a multiple of {stride} px for {settings.network} with a teacher, got {settings.size_px}: "
            f"give {-(-settings.size_px // stride) * stride}, or --teacher 0"
        )
    torch.manual_seed(derive_seed(settings.seed, "init"))
    trainer = PretrainTrainer(build(settings.network, settings.channels, _CLASSES + 1), settings, precision, pace)
    run = RunFolder.start(out, facts, resume=resume)
    loop = LoopSettings(
        steps=settings.steps,
        seed=settings.seed,
        tick_steps=pace.tick_steps,
        checkpoint_steps=pace.checkpoint_steps,
        sample_steps=pace.sample_steps,
    )
    draw = ProceduralDraw(settings)
    loader: Loader = (
        ProcessLoader(draw, batch=settings.batch, processes=processes)
        if processes
        else BatchLoader(draw, batch=settings.batch, threads=pace.threads)
    )
    outcome = run_loop(run, trainer, loader, loop, resume=resume, title="pretrain")
    card = _card(settings, facts) | {"judged": trainer.judge()}
    return Trained(save_segmenter(out, trainer.average.module, card), outcome, card)


class ProceduralDraw:
    """`draw(step, index)` of the loader: {"picture": uint8 H W C, "label": uint8 H W}; no tile comes twice."""

    def __init__(self, settings: PretrainSettings) -> None:
        self.settings = settings

    def __call__(self, step: int, index: int) -> dict[str, NDArray[Any]]:
        settings = self.settings
        place = step * settings.batch + index
        ease = max(0.0, 1 - step / (settings.easy_until * settings.steps)) if settings.easy_until else 0.0
        picture, plane = procedural_tile(settings.seed, place, settings.size_px, ease=ease)
        picture = exposed(picture, rng(settings.seed, "exposure", place))
        return {"picture": to_channels(picture, settings.channels), "label": plane}


def exposed(picture: UInt8, generator: np.random.Generator) -> UInt8:
    """The tile as a network sees one that is normalised by its data set: mean near 0, deviation 0.4 to 1.4.

    A surface of any mean gray would first have to be told from its defects; a data set's own mean does that for free.
    """
    gain, offset = np.exp(generator.uniform(np.log(0.4), np.log(1.4))), generator.normal(0, 0.4)
    grays = (np.arange(256) - picture.mean()) / max(float(picture.std()), 2.0)
    table = 255 * (0.5 + 0.25 * (gain * grays + offset))  # The network's own mean is 0.5, its deviation 0.25.
    seen: UInt8 = np.clip(table + 0.5, 0, 255).astype(np.uint8)[picture]
    return seen


class PretrainTrainer:
    """The step of the loop: one optimiser, the moving average, judged on a stream of its own every so often.

    Args:
        network: with fresh weights.
        pace: it is judged where a sample is due.
    """

    def __init__(self, network: PixelNetwork, settings: PretrainSettings, precision: Precision, pace: Pace) -> None:
        self.settings, self.pace = settings, pace
        self.accelerator = accelerator(precision)
        self.network = channels_last(network.to(self.accelerator.device))
        self.average = MovingAverage(self.network, half_life_steps=settings.ema_half_life_steps)
        self.segmenter = TorchSegmenter(
            self.average.module, TAXONOMY, precision=precision, device=self.accelerator.device
        )
        self.teacher = Teacher(self.network).to(self.accelerator.device) if settings.teacher_weight else None
        learned = [*self.network.parameters(), *([] if self.teacher is None else self.teacher.parameters())]
        self.optimizer = AdamW(learned, settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
        self.forward = self.accelerator.prepare(self.network)  # After the copies: it changes `forward`.
        self.modules: dict[str, nn.Module] = {"network": self.network, "average": self.average.module}
        if self.teacher is not None:
            self.modules["teacher"] = self.teacher
        self.optimizers: dict[str, Optimizer] = {"network": self.optimizer}

    def step(self, step: int, batch: dict[str, Tensor]) -> Mapping[str, float | Tensor]:
        set_rate(self.optimizer, self.settings.rate(step))
        self.network.train()
        pictures = to_input(batch["picture"].to(self.accelerator.device))
        logits = self.forward(pictures)
        truth = batch["label"].to(self.accelerator.device, torch.int64)
        terms = loss_terms(logits, truth, self.settings.loss, progress=step / self.settings.steps)
        if self.teacher is not None:
            with self.accelerator.autocast():
                terms["teacher"] = self.teacher(pictures)
            terms["loss"] = terms["loss"] + self.settings.teacher_weight * terms["teacher"]
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(terms["loss"])
        self.optimizer.step()
        self.average.update(step)
        figures: dict[str, float | Tensor] = {name: term.detach() for name, term in terms.items()}
        if step + 1 == self.settings.steps or (step + 1) % self.pace.sample_steps == 0:
            figures |= {f"judged_{name}": value for name, value in self.judge().items()}
        return figures

    def judge(self) -> dict[str, float]:
        """IoU of the moving average on tiles of another stream: the mean, and by class those that they show."""
        table = Confusion(_CLASSES)
        for begin in range(0, self.settings.judged_tiles, _JUDGED_TOGETHER):
            indices = range(begin, min(begin + _JUDGED_TOGETHER, self.settings.judged_tiles))
            tiles = [self._judged_tile(index) for index in indices]
            answers = self._answers([picture for picture, _ in tiles])
            for (_, plane), answer in zip(tiles, answers, strict=True):
                table.add(plane, answer)
        named = {"iou": table.mean_iou(), **dict(zip(TAXONOMY.defect_names, table.iou().tolist(), strict=True))}
        return {name: round(value, 6) for name, value in named.items() if not np.isnan(value)}

    def sample(self, step: int, folder: Path) -> None:
        rows = []
        for index in range(_SAMPLE_TILES):
            picture, plane = self._judged_tile(index)
            shown = [paint(picture, each, TAXONOMY) for each in (plane, self._answers([picture])[0])]
            rows.append(beside([to_channels(picture, 3), *shown]))
        write_png(folder / f"step-{step:09d}.png", below(rows))

    def _judged_tile(self, index: int) -> tuple[UInt8, UInt8]:
        seed = derive_seed(self.settings.seed, "judged")
        picture, plane = procedural_tile(seed, index, self.settings.size_px)
        return exposed(picture, rng(seed, "exposure", index)), plane

    def _answers(self, pictures: Sequence[UInt8]) -> UInt8:
        """The classes of pixels, N H W, of pictures of one size."""
        batch = np.stack([to_channels(picture, self.settings.channels) for picture in pictures])
        answers: UInt8 = self.segmenter.probabilities(batch).argmax(axis=1).astype(np.uint8)
        return answers


def _card(settings: PretrainSettings, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "architecture": settings.network,
        "taxonomy": TAXONOMY.to_dict(),
        "tile_px": settings.size_px,
        "data": DATA,
        **({"teacher": {"name": "EfficientNet-Lite0", "sha256": SHA256}} if settings.teacher_weight else {}),
        "commit": commit(),
        "versions": versions(),
        "settings": facts,
    }
