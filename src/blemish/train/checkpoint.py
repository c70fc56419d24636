"""Weights and training state on disk: safetensors + JSON, hashes checked before loading, never pickle.

What is written appears whole or not at all: a new folder is filled, flushed to disk and renamed, and only then is the
one before it removed. So a process killed at any moment leaves a good checkpoint, if there ever was one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from blemish.core.errors import BundleError, TrainingError

FORMAT = 1
WEIGHTS, CARD = "weights.safetensors", "card.json"
TENSORS, STATE = "state.safetensors", "state.json"
_STEP = re.compile(r"step-\d{9}(\.(unfinished|old))?")


def save_weights(folder: Path, module: nn.Module, card: Mapping[str, Any]) -> None:
    """A model for use: `weights.safetensors` and `card.json`, which gets the weights' SHA-256 under `sha256`.

    Replaces a folder that is there.

    Args:
        card: plain JSON values: architecture, sizes, taxonomy, normalisation, data hash, commit.
    """
    work = _fresh(folder)
    _write_tensors(work / WEIGHTS, dict(module.state_dict()))
    _write_json(work / CARD, {**card, "format": FORMAT, "sha256": {WEIGHTS: _sha256(work / WEIGHTS)}})
    _swap_in(work, folder)


def load_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the card of `save_weights`.

    Raises:
        BundleError: a file is missing, or the weights are not those that the card was written for.
    """
    card = _read_json(folder / CARD)
    _check_sha256(folder / WEIGHTS, _digests(card, folder / CARD).get(WEIGHTS))
    return _tensors(folder / WEIGHTS), card


def save_state(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, Optimizer],
    step: int,
    extra: Mapping[str, Any],
) -> Path:
    """Everything that training needs to go on after `step` steps, in `folder/step-<step>`; older ones are removed.

    Args:
        extra: plain JSON values of the caller's own.

    Returns:
        The folder that was written.

    Raises:
        TrainingError: a weight that is not finite; what is on disk stays.
    """
    tensors, values = {}, {}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            tensors[f"module/{name}/{key}"] = _finite(tensor, f"'{key}' of the {name}", step)
    for name, optimizer in optimizers.items():
        values[name] = _flatten(optimizer, f"optimizer/{name}", tensors)
    target = folder / f"step-{step:09d}"
    work = _fresh(target)
    _write_tensors(work / TENSORS, tensors)
    state = {"format": FORMAT, "step": step, "extra": dict(extra), "modules": sorted(modules), "optimizers": values}
    state = {**state, "sha256": {TENSORS: _sha256(work / TENSORS)}}
    state["hash"] = _hash_of(state)
    _write_json(work / STATE, state, in_order=False)  # A row of figures that is begun goes on in its own order.
    _swap_in(work, target)
    _keep_only(target)
    return target


def last_state(folder: Path) -> Path | None:
    """The newest checkpoint in a folder of them; None where there is none."""
    return max((path for path in folder.glob("step-*") if _STEP.fullmatch(path.name)), default=None)


def load_state(
    folder: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
) -> tuple[int, dict[str, Any]]:
    """Bring modules and optimizers to where the newest checkpoint of the folder left them.

    Returns:
        The number of steps done, and the caller's `extra`.

    Raises:
        BundleError: no checkpoint, a damaged or altered one, or one of other networks.
    """
    source = last_state(folder)
    if source is None:
        raise BundleError(f"there is no checkpoint in {folder}: start without --resume")
    _keep_only(source)  # A process killed while saving may have left more.
    state = _read_json(source / STATE)
    _refuse_altered_state(state, source)
    _check_sha256(source / TENSORS, _digests(state, source / STATE).get(TENSORS))
    if state["modules"] != sorted(modules) or sorted(state["optimizers"]) != sorted(optimizers):
        raise BundleError(
            f"{source} holds {', '.join([*state['modules'], *sorted(state['optimizers'])])} but this training has "
            f"{', '.join([*sorted(modules), *sorted(optimizers)])}: resume with the command that started the run"
        )
    tensors = _tensors(source / TENSORS)
    for name, module in modules.items():
        _load_module(module, _below(tensors, f"module/{name}/"), f"{source}, {name}")
    for name, optimizer in optimizers.items():
        _restore(optimizer, state["optimizers"][name], _below(tensors, f"optimizer/{name}/"), f"{source}, {name}")
    return int(state["step"]), dict(state["extra"])


def _load_module(module: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{where}: the weights are of another network ({reason}): give its settings") from error


def _flatten(optimizer: Optimizer, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Put the optimizer's tensors beside the others and return the rest, as JSON values."""
    state = optimizer.state_dict()
    plain: dict[str, dict[str, Any]] = {}
    for place, entries in state["state"].items():
        plain[str(place)] = {}
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}/{place}/{key}"] = value
            else:
                plain[str(place)][key] = value
    return {"state": plain, "param_groups": state["param_groups"]}


def _restore(optimizer: Optimizer, values: dict[str, Any], tensors: dict[str, Tensor], where: str) -> None:
    groups = [
        {key: tuple(value) if isinstance(value, list) and key != "params" else value for key, value in group.items()}
        for group in values["param_groups"]
    ]
    state: dict[int, dict[str, Any]] = {int(place): dict(entries) for place, entries in values["state"].items()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, tensor in tensors.items():
        place, _, name = key.partition("/")
        state[int(place)][name] = _laid_out_like(tensor, parameters[int(place)])
    try:
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except ValueError as error:
        raise BundleError(f"{where}: the optimizer is of another network ({error}): give its settings") from error


def _laid_out_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    # The same memory layout as before the stop: another one takes other kernels, which round differently.
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if tensor.shape == parameter.shape else tensor


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _finite(tensor: Tensor, what: str, step: int) -> Tensor:
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise TrainingError(
            f"after step {step} {what} is not finite, so nothing was saved: the checkpoint before it is the last good "
            f"one; lower the learning rate"
        )
    return tensor


def _fresh(target: Path) -> Path:
    work = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return work


def _swap_in(work: Path, target: Path) -> None:
    _sync(work)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    work.replace(target)
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _keep_only(target: Path) -> None:
    for other in target.parent.iterdir():
        if other != target and _STEP.fullmatch(other.name.lstrip(".")):
            shutil.rmtree(other)


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    # Its own `save_file` says that a disk is full with an error of its own, which is no OSError.
    path.write_bytes(save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}))
    _sync(path)


def _write_json(path: Path, values: Mapping[str, Any], *, in_order: bool = True) -> None:
    path.write_text(json.dumps(values, indent=1, sort_keys=in_order, allow_nan=False) + "\n", encoding="utf-8")
    _sync(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is missing or unreadable ({error}): take the whole folder again") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BundleError(f"{path} is not of format {FORMAT}, which this version reads: make it again")
    return values


def _hash_of(state: Mapping[str, Any]) -> str:
    """Of all that a state says, but this hash."""
    plain = {key: value for key, value in state.items() if key != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _refuse_altered_state(state: Mapping[str, Any], source: Path) -> None:
    """Its step and its optimizers decide how it goes on; checkpoints of before this hash have none."""
    keys = {"step", "extra", "modules", "optimizers"}
    known = "hash" not in state or state["hash"] == _hash_of(state)
    if not known or not keys <= state.keys() or source.name != f"step-{state['step']:09d}":
        raise BundleError(f"{source / STATE} was altered or damaged: take the whole folder again")


def _digests(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    digests = values.get("sha256")
    if not isinstance(digests, dict):
        raise BundleError(f"{path} names no SHA-256 of the weights beside it: take the whole folder again")
    return digests


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BundleError(f"{path} is no file of weights ({error}): take the whole folder again") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_sha256(path: Path, expected: object) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is missing: take the whole folder again")
    found = _sha256(path)
    if found != expected:
        raise BundleError(
            f"{path} was altered or damaged: its SHA-256 should be {str(expected)[:12]}..., found {found[:12]}..."
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
