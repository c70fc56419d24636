from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from blemish.data.dataset import Dataset

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.fixture(scope="module")
def memory():
    spec = importlib.util.spec_from_file_location("memory_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["memory_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def test_a_large_set_of_links_is_a_real_data_set(memory, tmp_path):
    memory.build(tmp_path / "many", 60)
    dataset = Dataset(tmp_path / "many")
    assert len(dataset) == 60
    assert len({record.id for record in dataset.records}) == 60
    assert dataset.sample(59).picture.shape == (512, 512)
    assert dataset.sample(1).record.classes == (1,)
    assert sum(record.is_clean for record in dataset.records) == 60 // 24 * 4 + 2
    memory.load_epoch(tmp_path / "many", batch=30, threads=2)


def test_memory_is_summed_over_a_process_and_its_children(memory):
    child = "import sys; held = bytearray(b'x') * 100_000_000; print('ready', flush=True); sys.stdin.read()"
    parent = (
        "import hashlib, sys; from subprocess import PIPE, Popen; held = bytearray(b'x') * 100_000_000;"
        f"child = Popen([sys.executable, '-c', {child!r}], stdin=PIPE, stdout=PIPE); child.stdout.readline();"
        "[hashlib.sha256(held) for _ in range(6)]"  # A moment's work, seen by several looks.
    )
    peak = memory.measure([sys.executable, "-c", parent])
    assert 200 < peak.rss_mb < 300
    assert 200 < peak.pss_mb <= peak.rss_mb
    assert peak.processes == 2


def test_a_command_that_fails_is_no_measurement(memory):
    with pytest.raises(SystemExit, match="exit code 3"):
        memory.measure([sys.executable, "-c", "raise SystemExit(3)"])
