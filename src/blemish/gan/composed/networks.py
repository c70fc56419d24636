"""The default generator: a defect branch paints on a surface, a background branch makes one where there is no picture.

Both take the latent matrix at every scale and noise planes, and are fully convolutional: any size that is a multiple
of 8 px. Pictures are float32 in [-1, 1], linear, clipped when written. How they are joined is in `picture.compose`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blemish.gan.networks import check_shape

STRIDE = 8  # Of the defect branch.
BACKGROUND_STRIDE = 16
CODE = 8  # Numbers that say how one defect looks: its appearance code.
NOISE = 2  # Noise planes of the defect branch.
WEAR_GAIN = 8.0  # So much faster than other weights does it learn how much of a texture a class takes.
BACKGROUND_NOISE = 4


class ComposedGenerator(nn.Module):
    """Defect branch, background branch, and the encoder that reads a real defect's appearance code in training.

    `codes` holds appearance codes of real training defects by class: new ones are drawn from among them.

    Example:
        >>> generator = ComposedGenerator(defects=2, backgrounds=1, width=4)
        >>> surface, noise = torch.zeros(1, 1, 32, 48), torch.zeros(1, NOISE, 32, 48)
        >>> generator.defect(surface, torch.zeros(1, 1 + 3 + CODE, 32, 48), noise).shape
        torch.Size([1, 1, 32, 48])
    """

    codes: Tensor
    held: Tensor

    def __init__(
        self,
        defects: int,  # K
        backgrounds: int,  # M
        width: int = 16,  # Channels at full size; 2, 4 and 6 times this at half, quarter and eighth.
        channels: int = 1,  # 1 gray, 3 RGB.
        codes_held: int = 64,  # Appearance codes kept of each class.
        *,
        every_scale: bool = True,  # False = the condition enters the defect branch at full size only.
        wear: bool = True,  # False = the surface's texture stays, unless the depth of the branch paints over it.
    ) -> None:
        super().__init__()
        condition = 1 + backgrounds + defects + CODE  # Edge, latent matrix, code.
        self.channels = channels
        self.defect = DefectBranch(condition, width, channels, every_scale=every_scale, wear=wear)
        self.background = BackgroundBranch(backgrounds, width, channels)
        self.appearance = AppearanceEncoder(defects, width, channels)
        self.register_buffer("codes", torch.zeros(defects, codes_held, CODE))
        self.register_buffer("held", torch.zeros(defects, dtype=torch.int64))


class DefectBranch(nn.Module):
    """A U-Net that adds to a surface what a label asks for (all it adds beyond the soft edge is composed away).

    Example:
        >>> branch = DefectBranch(condition=12, width=4)
        >>> branch(torch.zeros(1, 1, 32, 32), torch.zeros(1, 12, 32, 32), torch.zeros(1, NOISE, 32, 32)).shape
        torch.Size([1, 1, 32, 32])
    """

    def __init__(
        self,
        condition: int,  # Planes that are fed at every scale: edge, latent matrix, code.
        width: int = 16,
        channels: int = 1,
        *,
        every_scale: bool = True,
        wear: bool = True,
    ) -> None:
        super().__init__()
        w, extra = width, (condition + NOISE if every_scale else 0)
        self.channels, self.every_scale = channels, every_scale
        self.enter = conv(channels + condition + NOISE, w)
        self.down = nn.ModuleList(
            [conv(w, 2 * w, stride=2), conv(2 * w, 4 * w, stride=2), conv(4 * w, 6 * w, stride=2)]
        )
        self.middle = nn.ModuleList([Residual(6 * w, extra), Residual(6 * w, extra)])
        self.up = nn.ModuleList([conv(10 * w + extra, 4 * w), conv(6 * w + extra, 2 * w), conv(3 * w + extra, w)])
        self.tint = nn.Conv2d(condition, channels, 1)  # How much lighter or darker a class is needs no depth.
        nn.init.zeros_(self.tint.weight)
        self.wear = nn.Conv2d(condition, 1, 1, bias=False) if wear else None  # Nor how much of the texture it takes.
        if self.wear is not None:
            nn.init.zeros_(self.wear.weight)
        self.last = nn.Conv2d(w, channels, 3, padding=1)
        nn.init.normal_(self.last.weight, std=0.02)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, surface: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        """Paint.

        Args:
            surface: float32 N C H W in [-1, 1], the picture without the defect.
            condition: float32 N P H W.
            noise: float32 N 2 H W, standard normal where a defect is painted.
        """
        return self.both(surface, condition, noise)[0]

    def both(self, surface: Tensor, condition: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` paints, and the same picture through which no gradient reaches `wear`.

        Pixel by pixel, a texture that lies elsewhere than the real one is best taken away altogether; how rough the
        real defect is must decide, and not that.
        """
        check_shape(surface, channels=self.channels, divisible_by=STRIDE)
        fed = pyramid(condition, noise, 4)
        features = [self.enter(torch.cat([surface, fed[0]], 1))]  # w H W
        for down in self.down:
            features.append(down(features[-1]))  # 2w H/2, 4w H/4, 6w H/8
        deep = features[-1]
        for block in self.middle:
            deep = block(deep, fed[3] if self.every_scale else None)
        for level, up in zip((2, 1, 0), self.up, strict=True):
            wide = F.interpolate(deep, scale_factor=2.0, mode="nearest")
            parts = [wide, features[level], *([fed[level]] if self.every_scale else [])]
            deep = up(torch.cat(parts, 1))
        painted: Tensor = surface + self.tint(condition) + self.last(deep)
        if self.wear is None:
            return painted, painted
        wear, texture = WEAR_GAIN * self.wear(condition), surface - smooth(surface)
        return painted - wear * texture, painted - wear.detach() * texture


def smooth(surface: Tensor) -> Tensor:
    """The surface without its texture: twice the mean of 9 x 9 px, along one axis and then the other, N C H W."""
    for window, padding in 2 * (((9, 1), (4, 0)), ((1, 9), (0, 4))):
        surface = F.avg_pool2d(surface, window, stride=1, padding=padding, count_include_pad=False)
    return surface


class BackgroundBranch(nn.Module):
    """Noise becomes a surface whose lighting is given: for sets that have no clean picture.

    Example:
        >>> light, noise = torch.zeros(1, 2, 32, 32), torch.zeros(1, BACKGROUND_NOISE, 32, 32)
        >>> BackgroundBranch(1, width=4)(torch.ones(1, 1, 32, 32), light, noise).shape
        torch.Size([1, 1, 32, 32])
    """

    def __init__(self, backgrounds: int, width: int = 16, channels: int = 1) -> None:
        super().__init__()
        w, fed = width, backgrounds + 2 * channels + BACKGROUND_NOISE
        self.channels = channels
        self.enter = conv(fed, 4 * w)  # H/16
        self.up = nn.ModuleList(
            [conv(4 * w + fed, 4 * w), conv(4 * w + fed, 3 * w), conv(3 * w + fed, 2 * w), conv(2 * w + fed, w)]
        )
        self.last = nn.Conv2d(w, channels, 3, padding=1)

    def forward(self, background: Tensor, light: Tensor, noise: Tensor) -> Tensor:
        """Make a surface.

        Args:
            background: float32 N M H W of 0 and 1, one-hot.
            light: float32 N 2C H W: the mean and the deviation that the picture shall have at each pixel, in [-1, 1].
            noise: float32 N 4 H W, standard normal.
        """
        check_shape(noise, channels=BACKGROUND_NOISE, divisible_by=BACKGROUND_STRIDE)
        fed = pyramid(torch.cat([background, light], 1), noise, 5)
        deep = self.enter(fed[4])
        for level, up in zip((3, 2, 1, 0), self.up, strict=True):
            deep = up(torch.cat([F.interpolate(deep, scale_factor=2.0, mode="nearest"), fed[level]], 1))
        mean, deviation = light[:, : self.channels], light[:, self.channels :]
        made: Tensor = mean + deviation * self.last(deep)
        return made


class AppearanceEncoder(nn.Module):
    """What a real defect looks like, as a code: mean and log-variance of each class that a crop shows.

    Example:
        >>> encoder, picture = AppearanceEncoder(defects=2, width=4), torch.zeros(3, 1, 32, 32)
        >>> mean, log_variance = encoder(picture, picture, torch.zeros(3, 2, 32, 32))
        >>> mean.shape
        torch.Size([3, 2, 8])
    """

    def __init__(self, defects: int, width: int = 16, channels: int = 1) -> None:
        super().__init__()
        w = width
        self.see = nn.Sequential(
            conv(2 * channels + defects, w, stride=2), conv(w, 2 * w, stride=2), conv(2 * w, 4 * w), conv(4 * w, 4 * w)
        )
        self.say = nn.Linear(4 * w + 4 * channels, 2 * CODE)

    def forward(self, picture: Tensor, surface: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
        """Two float32 N K 8: mean and log-variance, 0 for a class that is not there.

        Args:
            picture: float32 N C H W in [-1, 1], with the defect; `surface` without it.
            region: float32 N K H W of 0 and 1: where each class is painted.
        """
        change = picture - surface
        seen = self.see(torch.cat([change, surface, region], 1))  # 4w H/4 W/4
        where = F.avg_pool2d(region, 4)
        pooled = [masked_mean(seen, where)]  # N K 4w
        # First and second moments of the change and of the surface, exactly: contrast must not be guessed.
        pooled += [masked_mean(plane, region) for plane in (change, change.abs(), change**2, surface)]
        said: Tensor = self.say(torch.cat(pooled, 2)) * (region.sum((2, 3)) > 0)[:, :, None]
        mean, log_variance = said.float().chunk(2, dim=2)
        return mean, log_variance.clamp(-6, 2)


class Residual(nn.Module):
    """Two convolutions whose result is added; the condition enters beside the features."""

    def __init__(self, width: int, extra: int) -> None:
        super().__init__()
        self.first, self.second = conv(width + extra, width), conv(width, width)

    def forward(self, features: Tensor, fed: Tensor | None) -> Tensor:
        seen = features if fed is None else torch.cat([features, fed], 1)
        added: Tensor = self.second(self.first(seen))
        return features + added


class PixelNorm(nn.Module):
    """Features of each pixel brought to length sqrt(channels): no statistics over pixels, so any crop paints alike."""

    def forward(self, features: Tensor) -> Tensor:
        return features * torch.rsqrt(features.square().mean(1, keepdim=True) + 1e-4)


def conv(channels_in: int, channels_out: int, *, stride: int = 1) -> nn.Sequential:
    """conv 3x3, PixelNorm, LeakyReLU 0.2."""
    layer = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=0.2)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(layer, PixelNorm(), nn.LeakyReLU(0.2))


def pyramid(condition: Tensor, noise: Tensor, levels: int) -> list[Tensor]:
    """Condition and noise at full, half, quarter ... size; averaged noise is brought back to deviation 1.

    Laid out as the convolutions' weights are: planes of two layouts joined would be laid out anew by every convolution.
    """
    condition, noise = (planes.contiguous(memory_format=torch.channels_last) for planes in (condition, noise))
    fed = [torch.cat([condition, noise], 1)]
    for _ in range(levels - 1):
        condition, noise = F.avg_pool2d(condition, 2), F.avg_pool2d(noise, 2) * 2
        fed.append(torch.cat([condition, noise], 1))
    return fed


def masked_mean(planes: Tensor, region: Tensor) -> Tensor:
    """Mean of planes N F h w over each of K regions N K h w: N K F, 0 where a region is empty."""
    with torch.autocast(planes.device.type, enabled=False):
        sums = torch.einsum("nfhw,nkhw->nkf", planes.float(), region.float())
    return sums / region.float().sum((2, 3))[:, :, None].clamp(min=1)
