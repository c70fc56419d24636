"""What the two kinds of GAN bring to a training: their step, their samples, and what they keep at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from blemish.data.dataset import Dataset
from blemish.gan.composed.draw import CompositionDraw
from blemish.gan.composed.finish import class_outcomes, composed_card, lights_of, remember_real
from blemish.gan.composed.samples import watched_scenes
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.composed.trainer import ComposedTrainer
from blemish.gan.draw import augmented, train_tiles
from blemish.gan.presets import GanSettings, Settings
from blemish.gan.samples import watched_tiles
from blemish.gan.trainer import GanTrainer
from blemish.train.loader import Draw
from blemish.train.precision import accelerator

if TYPE_CHECKING:
    from blemish.gan.training import TrainingPlan


class Kind(Protocol):
    """One kind of GAN."""

    def trainer(self, dataset: Dataset, plan: TrainingPlan, rate: float) -> Any: ...

    def draw(self, dataset: Dataset, plan: TrainingPlan) -> Draw: ...

    def finish(self, dataset: Dataset, plan: TrainingPlan, trainer: Any) -> dict[str, Any]:
        """Last changes to the moving average, and what the card says beside what any card says."""
        ...


def kind_of(settings: Settings) -> Kind:
    """The kind that settings belong to."""
    return Composed(settings) if isinstance(settings, ComposedSettings) else Paper(settings)


class Paper:
    """The paper's network and the plain patch discriminator."""

    def __init__(self, settings: GanSettings) -> None:
        self.settings = settings

    def trainer(self, dataset: Dataset, plan: TrainingPlan, rate: float) -> GanTrainer:
        return GanTrainer(
            self.settings,
            dataset.taxonomy,
            dataset.channels,
            accelerator(plan.precision),
            learning_rate=rate,
            seed=plan.seed,
            strict=rate != self.settings.learning_rates[-1],
            watched=watched_tiles(dataset, train_tiles(dataset), self.settings.size_px),
        )

    def draw(self, dataset: Dataset, plan: TrainingPlan) -> Draw:
        records, settings = train_tiles(dataset), self.settings
        return augmented(dataset, records, size_px=settings.size_px, sampling=settings.sampling, seed=plan.seed)

    def finish(self, dataset: Dataset, plan: TrainingPlan, trainer: GanTrainer) -> dict[str, Any]:
        return {}


class Composed:
    """The default preset: composition, appearance codes, a discriminator that segments."""

    def __init__(self, settings: ComposedSettings) -> None:
        self.settings = settings

    def trainer(self, dataset: Dataset, plan: TrainingPlan, rate: float) -> ComposedTrainer:
        return ComposedTrainer(
            self.settings,
            dataset.taxonomy,
            dataset.channels,
            accelerator(plan.precision),
            learning_rate=rate,
            seed=plan.seed,
            strict=rate != self.settings.learning_rates[-1],
            watched=watched_scenes(dataset, train_tiles(dataset), self.settings),
        )

    def draw(self, dataset: Dataset, plan: TrainingPlan) -> Draw:
        return CompositionDraw(
            dataset,
            train_tiles(dataset),
            size_px=self.settings.size_px,
            ring_px=self.settings.ring_px,
            steps=plan.steps,
            whole_frac=self.settings.whole_frac,
            seed=plan.seed,
            balanced=self.settings.parts.balanced,
            other_surfaces=self.settings.parts.other_surfaces,
        )

    def finish(self, dataset: Dataset, plan: TrainingPlan, trainer: ComposedTrainer) -> dict[str, Any]:
        generator, records = trainer.average.module, train_tiles(dataset)
        remember_real(generator, dataset, records, self.settings, plan.seed)
        outcomes = class_outcomes(generator, dataset, records, self.settings)
        lights = lights_of(dataset, records, plan.seed)
        return composed_card(self.settings, dataset.taxonomy, outcomes, lights, dataset.channels)
