"""Appearance codes: how each real defect looks, and how new ones are drawn from among them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from blemish.bundle.painting import MIX_CHANCE, SPREAD, STRIDE
from blemish.core.arrays import Float32, UInt8, with_channels
from blemish.core.labels import LabelMap
from blemish.core.records import Box, TileRecord
from blemish.core.seeds import derive_seed, rng
from blemish.data.dataset import Dataset
from blemish.gan.composed.draw import grain_pictures, scene
from blemish.gan.composed.networks import AppearanceEncoder, ComposedGenerator
from blemish.gan.planes import to_network
from blemish.picture.compose import without_defect
from blemish.picture.tiling import cut


def draw_codes(generator: ComposedGenerator, classes_there: Tensor) -> Tensor:
    """New codes in training, from torch's random state: float32 N K 8, 0 for a class that is not there.

    Args:
        classes_there: bool N K.
    """
    n, k = classes_there.shape
    held = generator.held.clamp(1, generator.codes.shape[1]).expand(n, k)
    first, second = ((torch.rand(n, k, device=held.device) * held).long() for _ in range(2))
    which = torch.arange(k, device=held.device).expand(n, k)
    mix = torch.rand(n, k, 1, device=held.device) * (torch.rand(n, k, 1, device=held.device) < MIX_CHANCE)
    codes = torch.lerp(generator.codes[which, first], generator.codes[which, second], mix)
    codes = codes + SPREAD * _spread(generator)[which[0]] * torch.randn_like(codes)
    fresh = torch.randn_like(codes)
    known = (generator.held > 0).expand(n, k)[:, :, None]
    return torch.where(known, codes, fresh) * classes_there[:, :, None]


def _spread(generator: ComposedGenerator) -> Tensor:
    """Deviation of the codes that are held, by class, K 8; 1 where fewer than two are: as the painter draws them."""
    places = torch.arange(generator.codes.shape[1], device=generator.codes.device)
    there = (places < generator.held[:, None])[:, :, None]
    count = there.sum(1).clamp(min=1)
    mean = (generator.codes * there).sum(1, keepdim=True) / count[:, None]
    deviation = (((generator.codes - mean) ** 2 * there).sum(1) / count).sqrt()
    return torch.where(count > 1, deviation, torch.ones_like(deviation))


@torch.no_grad()
def remember(generator: ComposedGenerator, mean: Tensor, classes_there: Tensor) -> None:
    """Keep the codes that a training step read, the newest in place of the oldest."""
    held_most = generator.codes.shape[1]
    for sample, index in torch.nonzero(classes_there).tolist():
        place = int(generator.held[index]) % held_most
        generator.codes[index, place] = mean[sample, index]
        generator.held[index] += 1  # It goes on beyond the places there are, so that the oldest one is known.


@torch.inference_mode()
def read_codes(
    generator: ComposedGenerator, dataset: Dataset, records: Sequence[TileRecord], *, ring_px: int, seed: int
) -> dict[int, list[tuple[str, Float32]]]:
    """The codes of real defects as they are (no augmentation): by class, (group, float32 8), groups in turn."""
    grains = grain_pictures(dataset, records)
    most = int(generator.codes.shape[1])
    found: dict[int, list[tuple[str, Float32]]] = {}
    for index in range(1, generator.codes.shape[0] + 1):
        of_class = [record for record in records if index in record.classes]
        found[index] = [
            (record.group, _code_of(generator, dataset, record, index, grains, ring_px))
            for record in groups_in_turn(of_class, most, derive_seed(seed, "codes", index))
        ]
    return found


def set_codes(generator: ComposedGenerator, found: dict[int, list[tuple[str, Float32]]]) -> None:
    """Replace the codes of the training's last steps by those of real defects."""
    generator.codes.zero_()
    generator.held.zero_()
    for index, codes in found.items():
        for place, (_, code) in enumerate(codes):
            generator.codes[index - 1, place] = torch.from_numpy(code)
        generator.held[index - 1] = len(codes)


def groups_in_turn(records: Sequence[TileRecord], most: int, seed: int) -> list[TileRecord]:
    """Up to so many records, one of each group, then a second of each: six photographs of one defect are not six."""
    groups: dict[str, list[TileRecord]] = {}
    for record in records:
        groups.setdefault(record.group, []).append(record)
    shuffled = [[own[int(i)] for i in rng(seed, name).permutation(len(own))] for name, own in groups.items()]
    turns = max((len(own) for own in shuffled), default=0)
    return [own[turn] for turn in range(turns) for own in shuffled if turn < len(own)][:most]


def _code_of(
    generator: ComposedGenerator,
    dataset: Dataset,
    record: TileRecord,
    index: int,
    grains: Sequence[UInt8],
    ring_px: int,
) -> Float32:
    sample = dataset.sample(record)
    height, width = (-(-length // STRIDE) * STRIDE for length in sample.label_map.size_hw)
    whole = Box(0, 0, width, height)  # Reflected beyond the tile: what lies at its end is seen too.
    label_map = LabelMap(cut(sample.label_map.defect, whole), cut(sample.label_map.background, whole))
    picture = with_channels(cut(sample.picture, whole))
    grain = cut(grains[derive_seed(0, record.id) % len(grains)], whole)
    made = scene(picture, label_map, ring_px)
    surface = without_defect(picture, made.edge > 0, with_channels(grain))
    device = generator.codes.device
    region = torch.from_numpy(made.region[None, None]).to(device)
    regions = torch.cat([region == i for i in range(1, generator.codes.shape[0] + 1)], 1).float()
    encoder: AppearanceEncoder = generator.appearance
    shown, beneath = (to_network(torch.from_numpy(p[None].copy())).to(device) for p in (picture, surface))
    mean, _ = encoder(shown, beneath, regions)
    code: Float32 = mean[0, index - 1].float().cpu().numpy()
    return code
