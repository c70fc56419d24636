"""What every network of `blemish segment` has in common: a picture in, a logit of each class for each pixel out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blemish.core.errors import InputError


class PixelNetwork(nn.Module):
    """Logits of each class for each pixel, at the input's size; `logits` is what networks differ in.

    Args:
        channels: of the picture: 1 gray, 3 RGB.
        outputs: K + 1: no defect, then the K classes.
        stride: sizes are padded to multiples of this.
        mean: subtracted from the picture in [0, 1], one value or one per channel.
        std: what it is then divided by.
    """

    mean: Tensor  # 1 C 1 1
    std: Tensor
    head: nn.Conv2d  # The last layer.

    def __init__(
        self, channels: int, outputs: int, stride: int, mean: Sequence[float] = (0.5,), std: Sequence[float] = (0.25,)
    ) -> None:
        super().__init__()
        self.channels, self.outputs, self.stride = channels, outputs, stride
        self.register_buffer("mean", _per_channel(mean, channels, "mean"))
        self.register_buffer("std", _per_channel(std, channels, "std"))

    def forward(self, picture: Tensor) -> Tensor:
        """Logits float N outputs H W for a picture float N channels H W in [0, 1], any H and W.

        Raises:
            InputError: another number of dimensions or channels.
        """
        check_picture(picture, self.channels)
        height, width = picture.shape[2:]
        return self.logits(pad_to_stride((picture - self.mean) / self.std, self.stride))[:, :, :height, :width]

    def logits(self, picture: Tensor) -> Tensor:
        """As `forward`, of a picture that is normalised, its sides multiples of the stride."""
        raise NotImplementedError


class ConvNormReLU(nn.Sequential):
    """Convolution without bias, batch norm, ReLU; the size stays, or is halved with stride 2."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


def last_layer(channels: int, outputs: int) -> nn.Conv2d:
    """A head that starts as Kaiming normal: near zero it needs hundreds of Adam steps to grow."""
    layer = nn.Conv2d(channels, outputs, 1)
    nn.init.kaiming_normal_(layer.weight)
    return layer


def side_by_side(features: Sequence[Tensor]) -> Tensor:
    """Feature maps of one size as one, channel after channel."""
    return features[0] if len(features) == 1 else torch.cat(list(features), dim=1)


def enlarge(features: Tensor, factor: int) -> Tensor:
    """Bilinear, pixel areas aligned."""
    return F.interpolate(features, scale_factor=float(factor), mode="bilinear", align_corners=False)


def pad_to_stride(picture: Tensor, stride: int) -> Tensor:
    """Grow to the right and below to multiples of the stride, by reflection; by the edge value where too small."""
    height, width = picture.shape[2:]
    right, below = -width % stride, -height % stride
    if right == 0 and below == 0:
        return picture
    fits = right < width and below < height
    return F.pad(picture, (0, right, 0, below), mode="reflect" if fits else "replicate")


def check_picture(picture: Tensor, channels: int) -> None:
    """Refuse what is not N C H W with the channels that the network was built for.

    Raises:
        InputError: names what was expected and found.
    """
    if picture.ndim != 4 or picture.shape[1] != channels:
        raise InputError(
            f"this network takes pictures as N {channels} H W, got {' '.join(map(str, picture.shape))}: "
            f"convert the pictures to {'gray' if channels == 1 else 'RGB'}, or build it with --channels"
        )


def _per_channel(values: Sequence[float], channels: int, what: str) -> Tensor:
    if len(values) not in (1, channels) or (what == "std" and min(values) <= 0):
        raise InputError(
            f"{what} must be 1 or {channels} values, a std above 0; got {list(values)}: correct the normalisation"
        )
    return torch.tensor([float(v) for v in values]).expand(channels).reshape(1, channels, 1, 1).clone()
