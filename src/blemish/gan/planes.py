"""Label maps and pictures become the tensors that the networks take, and back; converted here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blemish.core.arrays import UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class LabelPlanes:
    """A batch of label maps as float32 planes N ? H W. A pixel of 255 enters every input as no defect."""

    defect_input: Tensor  # N 1 H W in [0, 1]: class index / K; what the defect branch takes.
    background_input: Tensor  # N 1 H W in [0, 1]: class index / (M-1), 0 where M = 1; for the background branch.
    latent: Tensor  # N (M+K) H W of 0 and 1: the latent matrix; for the discriminator.
    is_defect: Tensor  # N 1 H W: 1 on a defect of class 1..K.
    is_clean: Tensor  # N 1 H W: 1 where there is no defect (255 is neither).
    is_valid: Tensor  # N 1 H W: 0 on 255, which enters no loss.


def label_planes(defect: Tensor, background: Tensor, taxonomy: Taxonomy) -> LabelPlanes:
    """The planes of label maps given as uint8 N H W on any device.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> planes = label_planes(torch.full((1, 1, 1), 3), torch.zeros(1, 1, 1), cell)
        >>> planes.defect_input.item(), planes.latent[0, :, 0, 0].int().tolist()
        (0.5, [1, 0, 0, 0, 1, 0, 0, 0])
    """
    m, k = len(taxonomy.backgrounds), len(taxonomy.defects)
    defect, background = defect[:, None].float(), background[:, None].float()
    valid = defect != IGNORE
    shown = defect * valid
    latent = torch.cat([background == i for i in range(m)] + [shown == i for i in range(1, k + 1)], dim=1)
    return LabelPlanes(
        defect_input=shown / k,
        background_input=background / max(m - 1, 1),
        latent=latent.float(),
        is_defect=(shown > 0).float(),
        is_clean=(defect == 0).float(),
        is_valid=valid.float(),
    )


def stack_maps(label_maps: Sequence[LabelMap]) -> tuple[Tensor, Tensor]:
    """Label maps of one size as two uint8 tensors N H W: defect, background."""
    defect = np.stack([label_map.defect for label_map in label_maps])
    background = np.stack([label_map.background for label_map in label_maps])
    return torch.from_numpy(defect), torch.from_numpy(background)


def to_network(pictures: Tensor) -> Tensor:
    """uint8 N H W C -> float32 N C H W in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def from_network(pictures: Tensor) -> UInt8:
    """float N C H W, about [-1, 1] -> uint8 N H W C, clipped and rounded: the inverse of `to_network`.

    Example:
        >>> from_network(torch.tensor([-2.0, 0.0, 1.0]).view(1, 1, 1, 3)).ravel().tolist()
        [0, 128, 255]
    """
    levels = ((pictures.detach().float() + 1.0) * 127.5).clamp(0, 255).add(0.5).floor()
    eight: UInt8 = levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return eight
