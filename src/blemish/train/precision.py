"""Where and how exactly the arithmetic of training is done: device, bfloat16 autocast, memory layout."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from blemish.core.errors import InputError
from blemish.train.machine import cpu_flags

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
M = TypeVar("M", bound=nn.Module)

_BF16_CPU = frozenset({"avx512_bf16", "amx_bf16"})


def default_precision() -> Precision:
    """`bf16` where the hardware multiplies it directly (AMX, AVX-512 BF16, CUDA with bfloat16), else `fp32`."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_flags() & _BF16_CPU else "fp32"


def accelerator(precision: Precision | None = None, *, cpu: bool = False) -> Accelerator:
    """An Accelerator for the GPU if there is one, else the CPU; weights stay float32, `bf16` is autocast.

    One after another may be made in a process, each with its own precision; the last one holds. On CUDA convolutions
    are set to their deterministic kernels, so that a resumed run repeats.

    Args:
        precision: None = `default_precision()`.
        cpu: leave a GPU alone.
    """
    precision = default_precision() if precision is None else precision
    if precision not in PRECISIONS:
        raise InputError(f"precision must be fp32 or bf16, got '{precision}'")
    AcceleratorState._reset_state(reset_partial_state=True)  # Else it keeps the first precision of the process.
    if not cpu and torch.cuda.is_available():
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    return Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no", cpu=cpu or not torch.cuda.is_available()
    )


def channels_last(module: M) -> M:
    """The module with its convolution weights laid out `N H W C`, which bfloat16 convolutions want; returns it."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The batch on a device; four-axis floating point tensors become channels-last."""
    moved = {}
    for name, tensor in batch.items():
        planes = tensor.ndim == 4 and tensor.is_floating_point()
        layout = torch.channels_last if planes else torch.preserve_format
        moved[name] = tensor.to(device, non_blocking=True, memory_format=layout)
    return moved
