"""What the camera adds: noise that grows with the signal, and 8 bits."""

from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.simulate import fields

# 256 equally likely levels of a normal distribution: one random byte becomes one noise value.
_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)], np.float32)


def expose(generator: np.random.Generator, signal: Float32, noise_gray: float) -> UInt8:
    """8-bit picture of a signal in gray levels: noise of the given deviation added, rounded, clipped to 0..255."""
    noise = cv2.LUT(fields.bytes_like(generator, *signal.shape), _NORMAL * np.float32(noise_gray))
    return cv2.add(signal, noise, dtype=cv2.CV_8U)  # type: ignore[return-value]
