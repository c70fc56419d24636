"""The files of a bundle: written whole or not at all, and used only after every hash has been checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import openvino as ov

from blemish.bundle.card import CARD, C, write_card
from blemish.bundle.reading import read_plain, refuse_others
from blemish.core.errors import BundleError
from blemish.core.whole_folder import whole_folder

MOST_FILE_BYTES = 1 << 30  # The largest network of ours is under 150 MB.
SIGNATURE = "bundle.sig"  # The one file beside the card that it does not list: it signs the card too.
_NONE: Mapping[str, bytes] = MappingProxyType({})


def write_networks(out: Path, networks: Mapping[str, ov.Model], card: C, *, others: Mapping[str, bytes] = _NONE) -> C:
    """Write networks and card as a bundle; the folder appears whole or not at all.

    Args:
        networks: by the name of their files: `<name>.xml` and `<name>.bin`.
        others: other files by name.
        card: without files; the card that is written names them with their hashes, and is returned.

    Raises:
        BundleError: the folder is there already.
    """
    refuse_existing(out)
    with whole_folder(out) as work:
        for name, network in networks.items():
            _serialize(network, work / name, out)
        for name, data in others.items():
            (work / name).write_bytes(data)
        names = [f"{name}.{kind}" for name in networks for kind in ("xml", "bin")] + list(others)
        finished = card.model_copy(update={"files": {name: _digest((work / name).read_bytes()) for name in names}})
        write_card(work, finished)
    return finished


def _serialize(network: ov.Model, stem: Path, out: Path) -> None:
    try:
        ov.serialize(network, f"{stem}.xml", f"{stem}.bin")
    except RuntimeError as error:  # OpenVINO's own, whatever the reason.
        raise BundleError(f"{out} cannot be written ({first_line(error)}): is the disk full?") from error


def refuse_existing(out: Path) -> None:
    """A bundle is never changed.

    Raises:
        BundleError: the folder is there already.
    """
    if out.exists():
        raise BundleError(f"{out} is there already and a bundle is never changed: choose another --out")


def checked_files(folder: Path, digests: Mapping[str, str], *, needed: Sequence[str]) -> Mapping[str, bytes]:
    """All files that a card names, read once; what was checked is what is used.

    Args:
        digests: SHA-256 by file name.
        needed: names that must be among them.

    Raises:
        BundleError: a file missing, altered, too large, a link, or not on the card.
    """
    refuse_others(folder, {CARD, SIGNATURE, *digests})
    _refuse_too_much(folder, digests)
    files = {name: _checked_bytes(folder / name, digest) for name, digest in digests.items()}
    for name in needed:
        if name not in files:
            raise BundleError(f"{folder} has no {name} on its card: export the bundle again")
    return MappingProxyType(files)


def loaded_network(core: ov.Core, folder: Path, files: Mapping[str, bytes], name: str) -> ov.Model:
    """The network `<name>.xml` with its weights, from checked bytes.

    Raises:
        BundleError: OpenVINO cannot read it.
    """
    try:
        return core.read_model(files[f"{name}.xml"], files[f"{name}.bin"])
    except RuntimeError as error:
        raise BundleError(f"{folder}: OpenVINO cannot read its network ({first_line(error)})") from error


def plainly_named(network: ov.Model, *, inputs: Sequence[str], output: str, name: str) -> ov.Model:
    """A copy whose layers are numbered from 0, not from a counter of the process: equal networks give equal bytes."""
    copy = network.clone()
    for place, layer in enumerate(copy.get_ordered_ops()):
        layer.set_friendly_name(f"{layer.get_type_name()}-{place}")
        notes = layer.get_rt_info()
        for key in [key for key in notes if key.startswith("fused_names")]:
            del notes[key]
        for port in layer.outputs():
            port.get_tensor().set_names(set())
    for place, own in enumerate(inputs):
        copy.input(place).get_tensor().set_names({own})
    copy.output(0).get_tensor().set_names({output})
    copy.set_friendly_name(name)
    return copy


def first_line(error: Exception) -> str:
    """Of an error that is not ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _refuse_too_much(folder: Path, names: Iterable[str]) -> None:
    """All files are held in memory together: many that are each just small enough would fill it."""
    total = sum(path.stat().st_size for name in names if (path := folder / name).is_file())
    if total > MOST_FILE_BYTES:
        raise BundleError(f"{folder} holds {total:,} bytes, at most {MOST_FILE_BYTES:,} expected: not a bundle of ours")


def _checked_bytes(path: Path, digest: str) -> bytes:
    try:
        data = read_plain(path, MOST_FILE_BYTES)
    except OSError as error:
        raise BundleError(f"cannot read {path} ({error.strerror or error}): copy or export the bundle again") from error
    found = _digest(data)
    if found != digest:
        raise BundleError(
            f"{path} was altered or damaged: its card says SHA-256 {digest[:12]}..., the file has {found[:12]}...: "
            f"copy or export the bundle again"
        )
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
