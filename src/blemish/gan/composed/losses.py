"""The losses of the default preset: pure functions; pixels of 255 enter none of them.

Pictures are float32 N C H W in [-1, 1]. A loss over a defect is a mean over its own pixels, then over defects, so that
a dot of 20 px counts as much as a stain of 20,000.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LAPLACE = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]) / 4


def region_mean(values: Tensor, region: Tensor) -> Tensor:
    """Mean of values N 1 H W over each region N R H W that is not empty, then over those: a scalar, 0 with none.

    Example:
        >>> values = torch.tensor([1.0, 1.0, 1.0, 5.0]).view(1, 1, 1, 4)
        >>> region = torch.tensor([[1.0, 1, 1, 0], [0, 0, 0, 1]]).view(1, 2, 1, 4)
        >>> region_mean(values, region).item()
        3.0
    """
    area = region.sum((2, 3))
    means = (values * region).sum((2, 3)) / area.clamp(min=1e-6)
    there = (area > 0).float()
    return (means * there).sum() / there.sum().clamp(min=1)


def pixel_mean(values: Tensor, region: Tensor) -> Tensor:
    """Mean of values N 1 H W over all pixels of all regions N R H W alike: large defects decide (an ablation)."""
    return (values * region).sum() / region.sum().clamp(min=1)


def difference(made: Tensor, real: Tensor) -> Tensor:
    """Absolute difference of each pixel, N 1 H W; 0 is best."""
    return (made - real).abs().mean(1, keepdim=True)


def fine_difference(made: Tensor, real: Tensor) -> Tensor:
    """The same of the pictures' Laplacians: edges and thin lines, which a plain difference hardly weighs."""
    return difference(_laplacian(made), _laplacian(real))


def grain_difference(made: Tensor, real: Tensor, window_px: int = 7) -> Tensor:
    """Difference of the local deviations, in windows of `window_px`: how rough it is, wherever each grain lies."""
    return (_deviation(made, window_px) - _deviation(real, window_px)).abs()


def _laplacian(picture: Tensor) -> Tensor:
    with torch.autocast(picture.device.type, enabled=False):  # Of near values: bfloat16 has no digits for it.
        picture = picture.float()
        kernel = LAPLACE.to(picture).expand(picture.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), kernel, groups=picture.shape[1])


def _deviation(picture: Tensor, window_px: int) -> Tensor:
    gray = picture.mean(1, keepdim=True)
    mean = F.avg_pool2d(gray, window_px, 1, window_px // 2, count_include_pad=False)
    square = F.avg_pool2d(gray**2, window_px, 1, window_px // 2, count_include_pad=False)
    return (square - mean**2).clamp(min=1e-5).sqrt()


def as_classes(logits: Tensor, region: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of pixels against their classes, each class a mean over its own pixels: class-balanced.

    Args:
        logits: float32 N Q h w.
        region: float32 N R h w of 0 and 1: the pixels of each group, over the whole batch one mean a group.
        wanted: int64 R, the class of each group.
    """
    # One mean a group over the batch: a class that few crops show is not drowned by their number.
    log_p = F.log_softmax(logits, 1)[:, wanted]  # N R h w
    area = region.sum((0, 2, 3))
    means = -(log_p * region).sum((0, 2, 3)) / area.clamp(min=1)
    there = (area > 0).float()
    return (means * there).sum() / there.sum().clamp(min=1)


def code_prior(mean: Tensor, log_variance: Tensor, there: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the codes from the standard normal, a mean over those that are there.

    Args:
        mean, log_variance: float32 N K 8.
        there: bool N K.
    """
    each = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(2)
    return (each * there).sum() / there.sum().clamp(min=1)
