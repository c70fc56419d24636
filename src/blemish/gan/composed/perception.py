"""What a painted defect looks like to a network that has seen photographs, beside the real one.

Pixel by pixel, a defect of texture is best explained by gray: its grain lies elsewhere each time. What stays is how its
texture is made: the mean and the deviation of EfficientNet-Lite0's features over the defect (Gatys et al., CVPR 2016;
Li et al., IJCAI 2017, for mean and deviation in place of Gram matrices).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blemish.train.lite0 import Lite0, load_lite0

_STAGES = 2  # At 1/4 and 1/8 of the crop: what is coarser is a whole crop of 64 px.
_LEAST_SHARE = 1e-3


class Perception(nn.Module):
    """How unlike the features of two pictures are over each region, in deviations of the real ones; 0 is best.

    Raises:
        BundleError: EfficientNet-Lite0 is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lite0: tuple[Lite0] = (load_lite0(),)  # In a tuple: its weights belong to no checkpoint.

    def to_device(self, device: torch.device) -> Perception:
        self._lite0[0].to(device)
        return self

    def forward(self, made: Tensor, real: Tensor, regions: Tensor) -> Tensor:
        """A scalar, with gradients for `made`.

        Args:
            made, real: float32 N C H W in [-1, 1].
            regions: float32 N R H W of 0 and 1; empty ones do not count.
        """
        with torch.no_grad():
            wanted = self._features(real)
        found = self._features(made)
        apart = [_unlike(ours, theirs, regions) for ours, theirs in zip(found, wanted, strict=True)]
        return torch.stack(apart).mean()

    def _features(self, picture: Tensor) -> list[Tensor]:
        levels = 127.5 * (picture.clamp(-1, 1) + 1)
        shown = levels.expand(-1, 3, -1, -1) if picture.shape[1] == 1 else levels
        return [stage.float() for stage in self._lite0[0].stages(shown, most=_STAGES)]


def _unlike(made: Tensor, real: Tensor, regions: Tensor) -> Tensor:
    share = F.adaptive_avg_pool2d(regions, (made.shape[2], made.shape[3]))
    area = share.sum((2, 3))
    there = (area > _LEAST_SHARE).float()
    scale = real.std((0, 2, 3)).clamp(min=1e-3)
    apart = [(ours - theirs).abs() for ours, theirs in zip(_moments(made, share), _moments(real, share), strict=True)]
    of_region = (sum(apart) / scale).mean(2)  # N R
    return (of_region * there).sum() / there.sum().clamp(min=1)


def _moments(features: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of features N D h w over regions N R h w: N R D each."""
    area = share.sum((2, 3)).clamp(min=_LEAST_SHARE)[:, :, None]
    mean = torch.einsum("ndhw,nrhw->nrd", features, share) / area
    square = torch.einsum("ndhw,nrhw->nrd", features**2, share) / area
    return mean, (square - mean**2).clamp(min=1e-4).sqrt()
