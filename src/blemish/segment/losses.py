"""Losses of segmentation: pure functions of logits and label planes; pixels of 255 enter none of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from blemish.core.errors import InputError
from blemish.core.taxonomy import IGNORE


@dataclass(frozen=True)
class LossSettings:
    """The loss is the weighted sum of its terms; a term of weight 0 is not computed."""

    cross_entropy: float = 1.0
    focal: float = 0.0
    dice: float = 0.0
    lovasz: float = 0.0
    focal_gamma: float = 2.0  # 0 makes focal the cross-entropy.
    class_weights: tuple[float, ...] = ()  # Of the K + 1 classes, in cross-entropy and focal; () = all alike.
    balanced_until: float = 0.0  # Share of the steps in which classes of few pixels weigh more: `pixel_balance`.

    def __post_init__(self) -> None:
        terms = (self.cross_entropy, self.focal, self.dice, self.lovasz)
        if min(terms) < 0 or sum(terms) <= 0 or self.focal_gamma < 0:
            raise InputError(f"loss weights must be 0 or more, one above 0, and gamma 0 or more: got {self}")
        usable = all(0 <= weight < math.inf for weight in self.class_weights)
        if self.class_weights and not (usable and sum(self.class_weights) > 0):
            raise InputError(f"class weights must be 0 or more, one above 0, got {list(self.class_weights)}")
        if not 0 <= self.balanced_until <= 1 or (self.balanced_until and self.class_weights):
            raise InputError(
                f"balanced_until must be 0 to 1, and 0 beside class weights, got {self.balanced_until}: use one of both"
            )


LOSSES: Mapping[str, LossSettings] = MappingProxyType(
    {
        "ce": LossSettings(),
        "focal+dice": LossSettings(cross_entropy=0.0, focal=1.0, dice=1.0),
        "ce+dice": LossSettings(dice=1.0),
        "ce+lovasz": LossSettings(lovasz=1.0),
    }
)


def loss_named(name: str, class_weights: Sequence[float] = (), balanced_until: float = 0.0) -> LossSettings:
    """The settings of a loss by its name on the command line.

    Example:
        >>> loss_named("focal+dice").focal
        1.0
    """
    if name not in LOSSES:
        raise InputError(f"no loss '{name}': there are {', '.join(LOSSES)}")
    return replace(LOSSES[name], class_weights=tuple(class_weights), balanced_until=balanced_until)


def refuse_other_weights(settings: LossSettings, classes: int) -> None:
    """Raise where there are class weights, but not one for no defect and one for each defect class.

    Args:
        classes: K + 1.

    Raises:
        InputError: another number of them.
    """
    if settings.class_weights and len(settings.class_weights) != classes:
        raise InputError(
            f"class weights must be {classes} (no defect, then the classes), got {len(settings.class_weights)}"
        )


def cross_entropy(logits: Tensor, truth: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean over the pixels that are not 255 of -log p(true class); with weights, their weighted mean.

    Args:
        logits: float32 N C H W.
        truth: int64 N H W of 0..C-1 or 255.
        class_weights: float32 C; None = all alike.

    Returns:
        A scalar >= 0, 0 is best; 0 where every pixel is 255.
    """
    return focal(logits, truth, gamma=0.0, class_weights=class_weights)


def focal(logits: Tensor, truth: Tensor, *, gamma: float = 2.0, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy in which a pixel counts by (1 - p(true class))^gamma (Lin et al., ICCV 2017, Eq. 4).

    Arguments and result as `cross_entropy`; the weighted mean is over the class weights alone, as there.
    """
    return _focal(_Scores.of(logits, truth), gamma, class_weights)


def dice(logits: Tensor, truth: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - soft Dice, mean over the defect classes that the batch shows (Milletari et al., 3DV 2016, without squares).

    A class's pixels are summed over the whole batch: single pictures with a few pixels of a class would make it noisy.
    No-defect is left out, and so is a class that the batch never shows: cross-entropy and focal teach its absence.

    Args:
        logits: float32 N C H W.
        truth: int64 N H W of 0..C-1 or 255.
        smooth: pixels added above and below the line.

    Returns:
        A scalar in [0, 1], 0 is best; 0 (with zero gradient) where no defect is shown.
    """
    return _dice(_Scores.of(logits, truth), smooth)


def lovasz(logits: Tensor, truth: Tensor) -> Tensor:
    """The Lovász-Softmax: 1 - IoU made continuous, mean over the defect classes that the batch shows.

    Source: M. Berman, A. Rannen Triki, M. B. Blaschko, CVPR 2018, Eq. 8 to 11 and algorithm 1. A class's pixels are
    sorted by how wrong they are; each counts by how much the IoU falls when it is counted wrong with all before it.
    No-defect is left out, as in `dice`.

    Args:
        logits: float32 N C H W.
        truth: int64 N H W of 0..C-1 or 255.

    Returns:
        A scalar in [0, 1], 0 is best; 0 (with zero gradient) where no defect is shown.
    """
    return _lovasz(_Scores.of(logits, truth))


def pixel_balance(truth: Tensor, classes: int, strength: float) -> Tensor:
    """Class weights for one batch: (share of the pixels)^-strength; 1 = every class alike, 0 = every pixel alike.

    A defect covers a per cent of a crop. With every pixel alike a network first learns to say "none" everywhere and may
    stay there; with every class alike it finds defects, and too many. So strength falls from 1 to 0 while it trains.

    Args:
        truth: int64 N H W of 0..C-1 or 255.

    Returns:
        float32 C; 0 for a class that the batch does not show.

    Example:
        >>> pixel_balance(torch.tensor([[[0, 0, 0, 1]]]), 3, 1.0).round(decimals=2).tolist()
        [1.3300000429153442, 4.0, 0.0]
    """
    counts = _pixels(truth, classes).float()
    shares = counts / counts.sum().clamp(min=1)
    return torch.where(counts > 0, shares.clamp(min=1e-9) ** -strength, 0.0)


def loss_terms(logits: Tensor, truth: Tensor, settings: LossSettings, *, progress: float = 1.0) -> dict[str, Tensor]:
    """The terms of a loss by name, and their weighted sum as `loss`; computed in float32 whatever the logits are.

    Args:
        progress: share of the training that is done, 0 to 1; for `balanced_until`.

    Raises:
        InputError: the number of class weights differs from the number of classes.
    """
    weights = _class_weights(logits, settings)
    if progress < settings.balanced_until:
        weights = pixel_balance(truth, logits.shape[1], 1 - progress / settings.balanced_until)
    scores = _Scores.of(logits.float(), truth)
    terms: dict[str, Tensor] = {}
    if settings.cross_entropy > 0:
        terms["cross_entropy"] = _focal(scores, 0.0, weights)
    if settings.focal > 0:
        terms["focal"] = _focal(scores, settings.focal_gamma, weights)
    if settings.dice > 0:
        terms["dice"] = _dice(scores, smooth=1.0)
    if settings.lovasz > 0:
        terms["lovasz"] = _lovasz(scores)
    weighted = [getattr(settings, name) * term for name, term in terms.items()]
    return {"loss": torch.stack(weighted).sum(), **terms}


@dataclass(frozen=True)
class _Scores:
    """What the terms share, computed once: a plane of classes is large beside the network's own work."""

    log_p: Tensor  # N C H W.
    log_p_true: Tensor  # N H W: of the true class; of none where the pixel is 255.
    classes: Tensor  # int64 N H W: 0..C-1, 0 where the pixel is 255.
    valid: Tensor  # N H W of 0 and 1: not 255.
    pixels: Tensor  # int64 C.

    @classmethod
    def of(cls, logits: Tensor, truth: Tensor) -> _Scores:
        valid = truth != IGNORE
        classes = torch.where(valid, truth, 0)
        log_p = F.log_softmax(logits.contiguous(), dim=1)
        log_p_true = log_p.gather(1, classes[:, None])[:, 0]
        return cls(log_p, log_p_true, classes, valid.to(log_p.dtype), _pixels(truth, logits.shape[1]))


def _focal(scores: _Scores, gamma: float, class_weights: Tensor | None) -> Tensor:
    log_p = scores.log_p_true
    weight = scores.valid if class_weights is None else class_weights[scores.classes] * scores.valid
    if gamma > 0:
        log_p = (1 - log_p.exp()).clamp(min=0) ** gamma * log_p
    return -(weight * log_p).sum() / weight.sum().clamp(min=1e-6)


def _dice(scores: _Scores, smooth: float) -> Tensor:
    p_true = scores.log_p_true.exp() * scores.valid
    both = torch.stack([(p_true * (scores.classes == index)).sum() for index in range(1, len(scores.pixels))])
    p = (scores.log_p.exp() * scores.valid[:, None]).sum((0, 2, 3))[1:]
    pixels = scores.pixels[1:]
    overlap = (2 * both + smooth) / (p + pixels + smooth)
    shown = pixels > 0
    return ((1 - overlap) * shown).sum() / shown.sum().clamp(min=1)


def _lovasz(scores: _Scores) -> Tensor:
    valid = scores.valid > 0
    shown = [index for index in range(1, len(scores.pixels)) if scores.pixels[index] > 0]
    falls = [_lovasz_of_class(scores.log_p[:, i].exp()[valid], (scores.classes == i)[valid].float()) for i in shown]
    return torch.stack(falls).mean() if falls else scores.log_p.sum() * 0


def _lovasz_of_class(p: Tensor, is_class: Tensor) -> Tensor:
    """Of one class: p and is_class float32 of all pixels that count."""
    errors, order = (is_class - p).abs().sort(descending=True)
    found = is_class[order]
    both = found.sum() - found.cumsum(0)  # Pixels of the class that are still right,
    either = found.sum() + (1 - found).cumsum(0)  # and those that are of the class or called so.
    lost = 1 - both / either
    weights = torch.cat([lost[:1], lost[1:] - lost[:-1]])
    return (errors * weights).sum()


def _pixels(truth: Tensor, classes: int) -> Tensor:
    """Pixels of each class: int64 C."""
    return torch.bincount(truth.flatten(), minlength=IGNORE + 1)[:classes]


def _class_weights(logits: Tensor, settings: LossSettings) -> Tensor | None:
    if not settings.class_weights:
        return None
    refuse_other_weights(settings, logits.shape[1])
    return torch.tensor(settings.class_weights, dtype=torch.float32, device=logits.device)
