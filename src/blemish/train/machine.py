"""What a result was made with: commit, versions, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import blemish

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "torch", "accelerate", "safetensors", "openvino")


def commit() -> str:
    """The commit of the checkout that runs, `-dirty` where files differ from it; empty when there is no checkout."""
    folder = Path(blemish.__file__).parent
    if not _git(folder, "ls-files", "--error-unmatch", "__init__.py"):
        return ""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def versions() -> dict[str, str]:
    """Version of Python, of Blemish and of the packages that the numbers depend on, by name."""
    found = {"python": platform.python_version(), "blemish": blemish.__version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int]:
    """Processor, cores that this process may use, threads per library as set, operating system."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "system": platform.platform(),
    }


def cpu_model() -> str:
    """The processor's name, or its architecture where the system does not tell."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the processor, as Linux names them (`avx512_bf16`, `amx_bf16`); empty elsewhere."""
    return frozenset(_cpuinfo("flags").split())


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:  # No git: the same as no checkout.
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
