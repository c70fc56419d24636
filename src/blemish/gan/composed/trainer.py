"""One step of the default GAN: what the loop calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.gan.composed import losses as loss
from blemish.gan.composed.codes import draw_codes, remember
from blemish.gan.composed.discriminator import CELL_PX, SegmentingDiscriminator
from blemish.gan.composed.networks import BACKGROUND_NOISE, NOISE, ComposedGenerator
from blemish.gan.composed.perception import Perception
from blemish.gan.composed.samples import write_grid
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.health import DivergedError, Health
from blemish.gan.planes import LabelPlanes, label_planes, to_network
from blemish.train.ema import MovingAverage
from blemish.train.precision import channels_last, to_device

_RING_SHARE = 0.5  # How much the ring round a defect counts beside the defect.


@dataclass(frozen=True)
class Scenes:
    """A batch as the networks take it; float32 N ? H W."""

    picture: Tensor  # C: the real one.
    surface: Tensor  # C: the same without the defect.
    edge: Tensor  # 1, in [0, 1].
    region: Tensor  # K: where each class is painted.
    planes: LabelPlanes

    @property
    def classes_there(self) -> Tensor:
        """bool N K."""
        return self.region.sum((2, 3)) > 0

    @property
    def masks(self) -> Tensor:
        """K: the exact mask of each class."""
        return self.planes.latent[:, -self.region.shape[1] :]

    @property
    def ring(self) -> Tensor:
        """1: where the edge falls."""
        return ((self.edge > 0) & (self.planes.is_defect == 0)).float()

    @property
    def backgrounds(self) -> Tensor:
        """M: clean pixels of each background class."""
        return self.planes.latent[:, : -self.region.shape[1]] * self.planes.is_clean

    def shown(self, pictures: Tensor) -> Tensor:
        """What the discriminator sees: real and painted pictures alike are blank where the label is 255.

        Args:
            pictures: N C H W, or a multiple of N: the batch several times over.
        """
        times = len(pictures) // len(self.edge)
        return pictures * self.planes.is_valid.repeat(times, 1, 1, 1)


class ComposedTrainer:
    """Generator and discriminator, their optimizers, the moving average and the health check.

    Args:
        learning_rate: of both networks.
        strict: stop where the training exploded, not only where a loss is not finite.
        watched: the fixed scenes of the sample grid, one batch.
    """

    def __init__(
        self,
        settings: ComposedSettings,
        taxonomy: Taxonomy,
        channels: int,
        accelerator: Accelerator,
        *,
        learning_rate: float,
        seed: int,
        watched: dict[str, Tensor],
        strict: bool = True,
    ) -> None:
        self.settings, self.taxonomy, self.accelerator, self.watched = settings, taxonomy, accelerator, watched
        self.rate, self.last_step, self.device = learning_rate, -1, accelerator.device
        torch.manual_seed(derive_seed(seed, "init"))
        m, k = len(taxonomy.backgrounds), len(taxonomy.defects)
        generator = fresh_generator(settings, m, k, channels).to(self.device)
        discriminator = channels_last(SegmentingDiscriminator(m + k + 1, settings.width, channels)).to(self.device)
        self.average = MovingAverage(generator, half_life_steps=settings.half_life_tiles / settings.batch)
        self.perception = Perception().to_device(self.device) if settings.weights.perception else None
        self.health = Health(strict=strict).to(self.device)
        self.modules: dict[str, nn.Module] = {
            "generator": generator,
            "discriminator": discriminator,
            "average": self.average.module,
            "health": self.health,
        }
        g_adam, d_adam = (
            Adam(network.parameters(), lr=learning_rate, betas=settings.adam_betas)
            for network in (generator, discriminator)
        )
        # Branches are called one by one, so autocast is opened here and not by a prepared `forward`.
        self.generator, self.discriminator = generator, discriminator
        self.g_adam, self.d_adam = accelerator.prepare(g_adam, d_adam)
        self.optimizers: dict[str, Optimizer] = {"generator": self.g_adam, "discriminator": self.d_adam}
        self.synthetic = m + k  # The discriminator's last class.

    def step(self, step: int, batch: dict[str, Tensor]) -> dict[str, float]:
        """Phases: read codes, paint, d_main, g_main; in some steps the background branch; the average.

        Raises:
            DivergedError: a loss that is not finite, or a reconstruction that exploded.
        """
        self.last_step = step
        scenes = scenes_of(to_device(batch, self.device), self.taxonomy)
        with self.accelerator.autocast():
            losses = self._defects(scenes)
        if self.settings.background_every and step % self.settings.background_every == 0:
            with self.accelerator.autocast():  # Anew: the first keeps what the biases were before their step.
                losses |= self._backgrounds(scenes)
        self.average.update(step)
        values = dict(
            zip(losses, torch.stack([value.detach().float() for value in losses.values()]).tolist(), strict=True)
        )
        self.health.check(step, values | {"g_fused": values["g_reconstruction"]})
        return values

    def sample(self, step: int, folder: Path) -> None:
        """The fixed scenes painted by the moving average: label, surface, three draws, reconstruction, real."""
        write_grid(folder / f"step-{step:08d}.png", self.average.module, self.watched, self.settings, self.taxonomy)

    def _defects(self, scenes: Scenes) -> dict[str, Tensor]:
        there = scenes.classes_there
        mean, log_variance = self.generator.appearance(scenes.picture, scenes.surface, scenes.region)
        read = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() * there[:, :, None]
        drawn = draw_codes(self.generator, there)
        remember(self.generator, mean.detach(), there)
        codes = torch.cat([read, drawn]) * float(self.settings.parts.codes)
        made, held = compose_both(self.generator, twice(scenes), codes, self.settings)
        d_main, real_features = self._d_defects(scenes, made.detach())
        losses = {"d_main": d_main}
        n = len(scenes.edge)
        losses |= self._g_defects(scenes, made, held[:n], drawn, (mean, log_variance, there), real_features)
        return losses

    def _d_defects(self, scenes: Scenes, made: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Real crops against as many painted ones, read and drawn codes in turn; the loss, and the real features."""
        n = len(scenes.edge)
        in_turn = torch.stack([made[i + (i % 2) * n] for i in range(n)])
        logits, features = self.discriminator(scenes.shown(torch.cat([scenes.picture, in_turn])))
        real, painted = logits[:n], logits[n:]
        masks, ring, grounds = cells(scenes.masks), cells(scenes.ring), clean_cells(scenes)
        on_real = loss.as_classes(
            real, torch.cat([grounds, masks], 1), self._classes(grounds.shape[1] + masks.shape[1])
        )
        on_painted = loss.as_classes(painted, torch.cat([masks, ring], 1), self._all_synthetic(masks.shape[1] + 1))
        total = on_real + on_painted
        self._update(total, self.d_adam)
        return total, [each[:n].detach() for each in features]

    def _g_defects(
        self,
        scenes: Scenes,
        made: Tensor,
        again: Tensor,  # The reconstructions, without a gradient for `wear`: losses of single pixels do not decide it.
        drawn: Tensor,
        read: tuple[Tensor, Tensor, Tensor],
        real_features: list[Tensor],
    ) -> dict[str, Tensor]:
        weights, n = self.settings.weights, len(scenes.edge)
        self.discriminator.requires_grad_(False)
        logits, features = self.discriminator(scenes.shown(made))
        masks, ring = cells(scenes.masks), cells(scenes.ring) * clean_cells(scenes)
        wanted = torch.cat([ring, masks], 1).repeat(2, 1, 1, 1)
        said, _ = self.generator.appearance(made[n:], scenes.surface, scenes.region)
        there = read[2][:, :, None]
        losses = {
            "g_reconstruction": self._over(loss.difference(again, scenes.picture), scenes),
            "g_fine_detail": self._over(loss.fine_difference(again, scenes.picture), scenes),
            "g_grain": self._over(loss.grain_difference(made[:n], scenes.picture), scenes),
            "g_perception": made.new_zeros(())
            if self.perception is None
            else self.perception(made[:n], scenes.picture, scenes.masks),
            "g_adversarial": loss.as_classes(logits, wanted, self._classes(wanted.shape[1])),
            "g_features": feature_distance([f[:n] for f in features], real_features, scenes.edge),
            "g_code": ((said - drawn).abs() * there).sum() / (there.sum() * said.shape[2]).clamp(min=1),
            "g_code_prior": loss.code_prior(*read),
        }
        total = (
            weights.reconstruction * losses["g_reconstruction"]
            + weights.fine_detail * losses["g_fine_detail"]
            + weights.grain * losses["g_grain"]
            + weights.perception * losses["g_perception"]
            + weights.adversarial * losses["g_adversarial"]
            + weights.features * losses["g_features"]
            + weights.code * float(self.settings.parts.codes) * losses["g_code"]
            + weights.code_prior * losses["g_code_prior"]
        )
        self._update(total, self.g_adam)
        self.discriminator.requires_grad_(True)
        return {"g_main": total, **losses}

    def _over(self, values: Tensor, scenes: Scenes) -> Tensor:
        """Of values N 1 H W: the mean over each defect, then over defects, and a share of the same over the rings."""
        mean = loss.region_mean if self.settings.parts.area_weighted else loss.pixel_mean
        return mean(values, scenes.masks) + _RING_SHARE * mean(values, scenes.ring)

    def _backgrounds(self, scenes: Scenes) -> dict[str, Tensor]:
        """The background branch against real clean pixels, which have the same lighting."""
        grounds = scenes.backgrounds
        light = lighting(scenes.picture, grounds, scenes.planes.latent[:, : grounds.shape[1]])
        noise = torch.randn(len(light), BACKGROUND_NOISE, *light.shape[2:], device=self.device)
        made = self.generator.background(scenes.planes.latent[:, : grounds.shape[1]], light, noise)
        region = clean_cells(scenes)
        logits, _ = self.discriminator(scenes.shown(made.detach()))
        d_background = loss.as_classes(logits, region, self._all_synthetic(region.shape[1]))
        real, _ = self.discriminator(scenes.shown(scenes.picture))
        d_background = d_background + loss.as_classes(real, region, self._classes(region.shape[1]))
        self._update(d_background, self.d_adam)
        self.discriminator.requires_grad_(False)
        logits, _ = self.discriminator(scenes.shown(made))
        g_background = loss.as_classes(logits, region, self._classes(region.shape[1]))
        weights = self.settings.weights
        rough = sum(loss.region_mean(loss.grain_difference(made, scenes.picture, w), grounds) for w in (5, 21))
        self._update(weights.adversarial * g_background + weights.grain * rough, self.g_adam)
        self.discriminator.requires_grad_(True)
        return {"d_background": d_background, "g_background": g_background}

    def _classes(self, count: int) -> Tensor:
        """The discriminator's class of each group of pixels; without segmenting all are one: real."""
        there = torch.arange(count, device=self.device)
        return there if self.settings.parts.segmenting else torch.zeros_like(there)

    def _all_synthetic(self, count: int) -> Tensor:
        return torch.full((count,), self.synthetic, device=self.device)

    def _update(self, total: Tensor, optimizer: Any) -> None:
        if not torch.isfinite(total):
            raise DivergedError(self.last_step, f"a loss is {float(total)}")
        optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        optimizer.step()


def fresh_generator(settings: ComposedSettings, backgrounds: int, defects: int, channels: int) -> ComposedGenerator:
    """A generator as the settings want it, channels-last."""
    return channels_last(
        ComposedGenerator(
            defects,
            backgrounds,
            settings.width,
            channels,
            every_scale=settings.parts.every_scale,
            wear=settings.parts.wear,
        )
    )


def scenes_of(batch: dict[str, Tensor], taxonomy: Taxonomy) -> Scenes:
    """The loader's uint8 arrays as the networks take them."""
    k = len(taxonomy.defects)
    region = batch["region"][:, None]
    return Scenes(
        picture=to_network(batch["picture"]),
        surface=to_network(batch["surface"]),
        edge=batch["edge"][:, None].float() / 255,
        region=torch.cat([region == i for i in range(1, k + 1)], 1).float(),
        planes=label_planes(batch["defect"], batch["background"], taxonomy),
    )


def twice(scenes: Scenes) -> Scenes:
    """The batch two times over: once for the codes that were read, once for drawn ones."""

    def doubled(planes: Tensor) -> Tensor:
        return torch.cat([planes, planes])

    planes = LabelPlanes(*(doubled(getattr(scenes.planes, name)) for name in scenes.planes.__dataclass_fields__))
    return Scenes(
        doubled(scenes.picture), doubled(scenes.surface), doubled(scenes.edge), doubled(scenes.region), planes
    )


def compose(generator: ComposedGenerator, scenes: Scenes, codes: Tensor, settings: ComposedSettings) -> Tensor:
    """Paint the defects with appearance codes N K 8 and lay them on their surfaces."""
    return compose_both(generator, scenes, codes, settings)[0]


def compose_both(
    generator: ComposedGenerator, scenes: Scenes, codes: Tensor, settings: ComposedSettings
) -> tuple[Tensor, Tensor]:
    """As `compose`, and the same without a gradient for `wear` (`DefectBranch.both`)."""
    spread = torch.einsum("nkhw,nkc->nchw", scenes.region, codes.float())
    condition = torch.cat([scenes.edge, scenes.planes.latent, spread], 1)
    noise = torch.randn(len(codes), NOISE, *scenes.edge.shape[2:], device=codes.device)
    noise = noise * (scenes.edge > 0) * float(settings.parts.noise)
    painted, held = (each.float() for each in generator.defect.both(scenes.surface, condition, noise))
    if not settings.parts.composition:
        return painted, held
    surface, edge = scenes.surface, scenes.edge
    return surface + edge * (painted - surface), surface + edge * (held - surface)


def cells(masks: Tensor) -> Tensor:
    """Masks at the discriminator's size; a cell that a mask touches belongs to it, so that no dot is lost."""
    return F.max_pool2d(masks, CELL_PX)


def clean_cells(scenes: Scenes) -> Tensor:
    """Cells without any defect or ignored pixel, by background class."""
    return -F.max_pool2d(-scenes.backgrounds, CELL_PX)


def feature_distance(made: list[Tensor], real: list[Tensor], edge: Tensor) -> Tensor:
    """Mean absolute difference of features where something is painted."""
    total = edge.new_zeros(())
    for ours, theirs in zip(made, real, strict=True):
        where = F.adaptive_max_pool2d(edge, ours.shape[2:])
        total = total + loss.region_mean((ours.float() - theirs.float()).abs().mean(1, keepdim=True), where)
    return total / len(made)


def lighting(picture: Tensor, grounds: Tensor, everywhere: Tensor) -> Tensor:
    """Mean and deviation of each background class's clean pixels, spread over all its pixels: N 2C H W.

    Args:
        picture: float32 N C H W.
        grounds: N M H W of 0 and 1: the clean pixels of each class; `everywhere` all its pixels.
    """
    with torch.autocast(picture.device.type, enabled=False):  # A difference of squares: bfloat16 has no digits for it.
        picture, grounds, everywhere = picture.float(), grounds.float(), everywhere.float()
        area = grounds.sum((2, 3))[:, :, None].clamp(min=1)
        mean = torch.einsum("nchw,nmhw->nmc", picture, grounds) / area
        square = torch.einsum("nchw,nmhw->nmc", picture**2, grounds) / area
        deviation = (square - mean**2).clamp(min=1e-5).sqrt()
        spread = [torch.einsum("nmc,nmhw->nchw", value, everywhere) for value in (mean, deviation)]
        return torch.cat(spread, 1)
