"""What `bench speed` inspects and by what: a simulated scan, a network with a handful of findings, its bundles.

Time does not depend on weights but for what is found. So the network has fresh weights; batch norm takes its statistics
from simulated scans, and the last layer alone is fitted to their labels, seconds of work. Such a network sees plain
spots and misses fine lines: no inspector, but one that finds and measures about as many regions as a real one would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from blemish.bundle.bundle import openvino_core, write_bundle
from blemish.bundle.card import default_thresholds
from blemish.bundle.openvino_runner import NETWORK
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import InputError
from blemish.core.seeds import derive_seed, rng
from blemish.core.taxonomy import Taxonomy
from blemish.picture.tiling import cut, plan_tiles
from blemish.picture.write import write_png
from blemish.segment.export import export_module
from blemish.segment.model import TorchSegmenter, to_input
from blemish.segment.networks import build
from blemish.segment.pixel_network import PixelNetwork
from blemish.segment.quantise import quantised
from blemish.simulate.line import LineSettings, SimulatedScan, simulate_cell

SEED = 1
FITTED_STEPS = 200
SETTLED_TILES = 6  # Batch norm's statistics are the mean over about so many.
JITTER = 0.5  # Noise on what the last layer sees, in deviations of each channel: it must not hang on small differences.
CLEAN_A_TILE = 400  # Coarse values without a defect that the last layer is fitted to, of each tile.
CLEAN_WEIGHT = 4.0  # Of all values without a defect against all with one: rather miss than invent.
PASSING_FRAC = 2e-5  # Of clean pixels, each class's threshold lets at most this share pass on scans it was fitted to.


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    architecture: str = "fc-hardnet-70"
    width_px: int = 5400
    height_px: int = 2000
    tile_px: int = 512
    overlap_px: int = 64
    fitted_scans: int = 2  # Others than the one that is timed.
    fitted_tiles: int = 24
    equal_work_tiles: int = 8
    more_scans: int = 20  # Of the fastest way, for its percentiles.


FULL = Scale()
QUICK = Scale("hardnet-small", 640, 384, 128, 32, fitted_scans=1, fitted_tiles=4, equal_work_tiles=2, more_scans=2)


@dataclass(frozen=True)
class Scene:
    """Everything that is timed."""

    scale: Scale
    scan: SimulatedScan
    scan_path: Path
    network: PixelNetwork  # As PyTorch runs it.
    architecture: str
    weights: str  # Where they come from, in words.
    taxonomy: Taxonomy
    thresholds: Mapping[str, float]
    bundles: Mapping[str, Path]  # Folders by precision.

    def tiles(self, count: int) -> UInt8:
        """uint8 N H W 1, spread over the scan."""
        scale, picture = self.scale, self.scan.picture[:, :, None]
        boxes = plan_tiles(*picture.shape[:2], tile_px=scale.tile_px, stride=scale.tile_px)
        places = np.linspace(0, len(boxes) - 1, count).round().astype(int)
        return np.stack([cut(picture, boxes[place]) for place in places])


def make_scene(folder: Path, scale: Scale, precisions: Sequence[str], run: Path | None = None) -> Scene:
    """Scan, network and one bundle for each precision ("f32", "bf16", "int8") in a folder.

    Args:
        run: of a trained gray inspector; None = fresh weights, fitted in seconds.

    Raises:
        InputError: the run's inspector takes RGB.
    """
    settings = LineSettings.small(scale.width_px, scale.height_px)
    scans = [simulate_cell(SEED, index, settings=settings) for index in _defective(settings, scale.fitted_scans + 1)]
    path = folder / f"{scans[0].serial}.png"
    write_png(path, scans[0].picture)
    pictures, labels = _tiles_with_defects(scans[1:], scale)
    scene = _of_run(run, scale, scans[0], path) if run else _fitted(pictures, labels, scale, scans[0], path)
    return replace(scene, bundles=_write_bundles(folder, scene, precisions, pictures))


def _fitted(pictures: UInt8, labels: UInt8, scale: Scale, scan: SimulatedScan, path: Path) -> Scene:
    taxonomy = Taxonomy.preset("pouch-cell")
    torch.manual_seed(derive_seed(SEED, "speed"))
    network = build(scale.architecture, 1, len(taxonomy.defects) + 1).eval()
    thresholds = fit(network, pictures, labels, taxonomy)
    weights = "fresh; batch norm and the last layer fitted to labelled simulated scans, the rest untrained"
    return Scene(scale, scan, path, network, scale.architecture, weights, taxonomy, thresholds, {})


def _of_run(run: Path, scale: Scale, scan: SimulatedScan, path: Path) -> Scene:
    trained = TorchSegmenter.load(run)
    if trained.channels != 1:
        raise InputError(f"{run} inspects RGB pictures, but the scan is gray: give a run of a gray inspector")
    network = trained.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    card, taxonomy = trained.card, trained.taxonomy
    weights = f"trained: {card['architecture']} of data set {str(card.get('data_hash', ''))[:12]}"
    return Scene(scale, scan, path, network, card["architecture"], weights, taxonomy, default_thresholds(taxonomy), {})


def fit(network: PixelNetwork, pictures: UInt8, labels: UInt8, taxonomy: Taxonomy) -> dict[str, float]:
    """Batch norm's statistics and the last layer from labelled tiles; returns each class's threshold by code.

    Args:
        pictures: uint8 N H W 1.
        labels: uint8 N H W, 0 none, 1..K.
    """
    for picture in pictures[:: max(1, len(pictures) // SETTLED_TILES)]:
        _features(network, picture[None], settle=True)
    features = [_features(network, picture[None]) for picture in pictures]
    step = pictures.shape[1] // features[0].shape[2]
    coarse = [torch.from_numpy(label[step // 2 :: step, step // 2 :: step].astype(np.int64)) for label in labels]
    chosen, classes = _chosen(features, coarse)
    _fit_last(network.head, chosen, classes)
    scores = np.stack([network.head(one).softmax(1)[0].detach().numpy() for one in features])
    return _thresholds(scores, np.stack([label.numpy() for label in coarse]), taxonomy)


def _features(network: PixelNetwork, picture: UInt8, *, settle: bool = False) -> Tensor:
    """What the last layer sees of one tile; with `settle`, batch norm takes its statistics from it."""
    seen: list[Tensor] = []
    hook = network.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None if settle else 0.1
        norm.train(settle)
    with torch.no_grad():
        network(to_input(torch.from_numpy(picture)))
    hook.remove()
    network.eval()
    return seen[0]


def _chosen(features: Sequence[Tensor], coarse: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """All values that show a defect, and some that show none: N C, and their classes N."""
    values, classes = [], []
    for number, (one, label) in enumerate(zip(features, coarse, strict=True)):
        flat, kind = one[0].flatten(1).T, label.flatten()
        clean = torch.nonzero(kind == 0)[:, 0]
        some = rng(SEED, "speed-clean", number).permutation(len(clean))[:CLEAN_A_TILE]
        kept = torch.cat([torch.nonzero(kind > 0)[:, 0], clean[torch.from_numpy(some)]])
        values.append(flat[kept])
        classes.append(kind[kept])
    return torch.cat(values), torch.cat(classes)


def _fit_last(head: nn.Conv2d, values: Tensor, classes: Tensor) -> None:
    """Multinomial logistic regression, every class weighing alike and "none" as all others together and more."""
    counts = torch.bincount(classes, minlength=head.out_channels).clamp(min=1)
    weights = len(classes) / counts.float()
    weights[0] *= CLEAN_WEIGHT * (head.out_channels - 1)
    centre, spread = values.mean(0), values.std(0) + 1e-3
    noise = torch.Generator().manual_seed(derive_seed(SEED, "speed-jitter"))
    layer = nn.Linear(values.shape[1], head.out_channels)
    optimiser = torch.optim.Adam(layer.parameters(), 0.05, weight_decay=1e-4)
    for _ in range(FITTED_STEPS):
        seen = (values - centre) / spread
        seen += JITTER * torch.randn(seen.shape, generator=noise)
        loss = nn.functional.cross_entropy(layer(seen), classes, weights)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        head.weight.copy_((layer.weight / spread)[:, :, None, None])
        assert head.bias is not None
        head.bias.copy_(layer.bias - (layer.weight / spread) @ centre)


def _thresholds(scores: Float32, labels: UInt8, taxonomy: Taxonomy) -> dict[str, float]:
    clean = labels == 0
    quantiles = [float(np.quantile(scores[:, index][clean], 1 - PASSING_FRAC)) for index in range(1, scores.shape[1])]
    return {code: min(max(value, 0.5), 0.999) for code, value in zip(taxonomy.codes, quantiles, strict=True)}


def _write_bundles(folder: Path, scene: Scene, precisions: Sequence[str], tiles: UInt8) -> dict[str, Path]:
    """The float32 bundle as exported, checked against PyTorch; the others are made from its network."""
    folders = {name: folder / f"bundle-{name}" for name in ("f32", *precisions)}
    scale = scene.scale
    card = export_module(
        scene.network,
        out=folders["f32"],
        architecture=scene.architecture,
        taxonomy=scene.taxonomy,
        channels=1,
        tile_px=scale.tile_px,
        stride=scene.network.stride,
        overlap_px=scale.overlap_px,
        thresholds=scene.thresholds,
    )
    network = openvino_core().read_model(folders["f32"] / NETWORK)
    for name in set(precisions) - {"f32"}:
        other = quantised(network, [tile[None] for tile in tiles]) if name == "int8" else network.clone()
        computed_in = "bf16" if name == "bf16" else "f32"  # Of an int8 bundle: whatever is not in int8.
        write_bundle(folders[name], other, card.model_copy(update={"precision": computed_in, "parity": None}))
    return {name: folders[name] for name in precisions}


def _defective(settings: LineSettings, count: int) -> list[int]:
    """The numbers of the first cells of the line that have a defect."""
    found: list[int] = []
    index = 0
    while len(found) < count:
        if simulate_cell(SEED, index, settings=settings).defects:
            found.append(index)
        index += 1
    return found


def _tiles_with_defects(scans: Sequence[SimulatedScan], scale: Scale) -> tuple[UInt8, UInt8]:
    """Pictures and labels of the tiles that show most of a defect, then others, uint8 N H W 1 and N H W."""
    pictures, labels = [], []
    for scan in scans:
        for box in plan_tiles(*scan.picture.shape, tile_px=scale.tile_px, stride=scale.tile_px):
            pictures.append(cut(scan.picture[:, :, None], box))
            labels.append(cut(scan.label_map.defect, box))
    order = np.argsort([-int((label > 0).sum()) for label in labels], kind="stable")[: scale.fitted_tiles]
    return np.stack([pictures[i] for i in order]), np.stack([labels[i] for i in order])
