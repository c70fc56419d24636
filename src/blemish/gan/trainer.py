"""One step of the GAN: what the loop calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from blemish.core.arrays import with_channels
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample
from blemish.gan.discriminator import PatchDiscriminator, valid_share
from blemish.gan.health import WATCH_STEPS, Health, response
from blemish.gan.losses import background_mse, defect_mse, fused_mse, painted_loss, real_loss
from blemish.gan.networks import Painted, PaperGenerator
from blemish.gan.planes import LabelPlanes, label_planes, to_network
from blemish.gan.presets import GanSettings
from blemish.gan.samples import paint, write_grid
from blemish.train.ema import MovingAverage
from blemish.train.precision import channels_last, to_device


class GanTrainer:
    """Generator and discriminator, their optimizers, the moving average and the health check.

    Args:
        learning_rate: of both networks.
        strict: stop where the training exploded or died, not only where a loss is not finite (`gan.health`).
        watched: the fixed real tiles of the sample grid, and of the health check; one or more.
    """

    def __init__(
        self,
        settings: GanSettings,
        taxonomy: Taxonomy,
        channels: int,
        accelerator: Accelerator,
        *,
        learning_rate: float,
        seed: int,
        watched: list[Sample],
        strict: bool = True,
    ) -> None:
        self.settings, self.taxonomy, self.accelerator, self.watched = settings, taxonomy, accelerator, watched
        self.rate, self.last_step = learning_rate, -1
        torch.manual_seed(derive_seed(seed, "init"))
        device = accelerator.device
        generator = channels_last(PaperGenerator(settings.width, channels)).to(device)
        discriminator = channels_last(PatchDiscriminator(taxonomy.channels, settings.width, channels)).to(device)
        self.average = MovingAverage(generator, half_life_steps=settings.half_life_tiles / settings.batch)
        self.health = Health(strict=strict).to(device)
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
        self.generator, self.discriminator, self.g_adam, self.d_adam = accelerator.prepare(
            generator, discriminator, g_adam, d_adam
        )
        self.optimizers: dict[str, Optimizer] = {"generator": self.g_adam, "discriminator": self.d_adam}

    def step(self, step: int, batch: dict[str, Tensor]) -> dict[str, float]:
        """Phases: paint, d_main, g_main, average; every 50 steps the response.

        Raises:
            DivergedError: by the rule of `gan.health`.
        """
        self.last_step = step
        batch = to_device(batch, self.accelerator.device)
        picture = to_network(batch["picture"])
        planes = label_planes(batch["defect"], batch["background"], self.taxonomy)
        painted = self.generator(planes.defect_input, planes.background_input)
        losses = {
            **self._d_main(painted, picture, planes),
            **self._g_main(painted, picture, planes),
        }
        self.average.update(step)
        if (step + 1) % WATCH_STEPS == 0:
            losses["response"] = self._response()
        values = dict(
            zip(losses, torch.stack([loss.detach().float() for loss in losses.values()]).tolist(), strict=True)
        )
        self.health.check(step, values)
        return values

    def sample(self, step: int, folder: Path) -> None:
        """The fixed real labels painted by the moving average: label, defect, background, fused, real."""
        write_grid(folder / f"step-{step:08d}.png", self.average.module, self.watched, self.taxonomy)

    def _response(self) -> Tensor:
        """Does the moving average still look at its label? (`gan.health`)"""
        fused = [paint(self.average.module, tile, self.taxonomy).fused for tile in self.watched]
        real = [to_network(torch.from_numpy(with_channels(tile.picture))[None]) for tile in self.watched]
        return response(torch.cat(fused), torch.cat(real).to(fused[0].device))

    def _d_main(self, painted: Painted, picture: Tensor, planes: LabelPlanes) -> dict[str, Tensor]:
        share = valid_share(planes.is_valid)
        on_real = self.discriminator(picture * planes.is_valid, planes.latent)
        on_painted = self.discriminator(painted.fused.detach() * planes.is_valid, planes.latent)
        loss = real_loss(on_real, share) + painted_loss(on_painted, share)
        self._update(loss, self.d_adam)
        return {"d_main": loss}

    def _g_main(self, painted: Painted, picture: Tensor, planes: LabelPlanes) -> dict[str, Tensor]:
        weights = self.settings.weights
        self.discriminator.requires_grad_(False)
        logits = self.discriminator(painted.fused * planes.is_valid, planes.latent)
        losses = {
            "g_defect": defect_mse(painted, picture, planes),
            "g_background": background_mse(painted, picture, planes),
            "g_fused": fused_mse(painted, picture, planes),
            "g_adversarial": real_loss(logits, valid_share(planes.is_valid)),
        }
        total = (
            weights.defect * losses["g_defect"]
            + weights.background * losses["g_background"]
            + weights.fused * losses["g_fused"]
            + weights.adversarial * losses["g_adversarial"]
        )
        self._update(total, self.g_adam)
        self.discriminator.requires_grad_(True)
        return {"g_main": total, **losses}

    def _update(self, loss: Tensor, optimizer: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        optimizer.step()
