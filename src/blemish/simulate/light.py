"""The line's light: brightest where the bar light points, falling off along the sensor, drifting as the table moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Float32
from blemish.simulate import fields
from blemish.simulate.settings import LineSettings


@dataclass(frozen=True)
class Light:
    """Brightness as a product of two curves about 1: `along` the table, float32 W, and `across` it, float32 H."""

    along: Float32
    across: Float32


def shine(generator: np.random.Generator, settings: LineSettings) -> Light:
    """Draw the light of one scan: vignetting and a bar across, drift and lamp flicker along."""
    height, width, fall = settings.height_px, settings.width_px, settings.light_frac
    y = np.linspace(-1, 1, height, dtype=np.float32)
    centre = generator.uniform(-0.35, 0.35)
    vignette = 1 - fall * np.square(y - centre) / (1 + abs(centre)) ** 2
    bar = 0.25 * fall * np.exp(-np.square((y - generator.uniform(-0.6, 0.6)) / generator.uniform(0.15, 0.4)))
    sensor = 0.004 * fields.line(generator, height, 1.5)  # Elements differ a little: streaks along the scan.
    drift = 0.16 * fall * fields.line(generator, width, width / 4)
    flicker = 0.003 * fields.line(generator, width, 1.5)
    ramp = generator.uniform(-0.5, 0.5) * fall * np.linspace(-1, 1, width, dtype=np.float32)
    return Light((1 + drift + flicker + ramp).astype(np.float32), (vignette + bar + sensor).astype(np.float32))
