"""Both training commands, ended by SIGKILL at random moments and resumed, give what an uninterrupted run gives."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import DatasetInfo, DatasetWriter, Sample

# Runs the command once for every moment; each child kills itself just before its n-th file gets its name.
KILLED = """
import os, pathlib, signal, sys
import blemish.gan.training, blemish.segment.training  # Once, not in every child.
from blemish.cli.main import app

def run_and_die(moment):
    whole, left = pathlib.Path.replace, iter(range(moment - 1, -1, -1))
    def replace(self, target):
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(self, target)
    pathlib.Path.replace = replace
    app(sys.argv[1:])

for moment in [*map(int, sys.argv.pop(1).split(",")), 0]:
    child = os.fork()
    if child == 0:
        run_and_die(moment) if moment else app(sys.argv[1:])
    status = os.waitpid(child, 0)[1]
    assert status == (signal.SIGKILL if moment else 0), (moment, status)
"""
COMMANDS = {
    "segment train": ["--network", "hardnet-small", "--steps", "6", "--batch", "2", "--crop", "32", "--val-every", "3"],
    "gan train": ["--width", "2", "--size", "32", "--steps", "6", "--batch", "2", "--learning-rate", "0.0002"],
}


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill") / "set"
    with DatasetWriter(folder, DatasetInfo(Taxonomy.of_names("one", ["pit"]), tile_px=32, channels=1)) as writer:
        for place in range(6):
            defect = np.zeros((32, 32), np.uint8)
            defect[8:20, 8 + place : 20 + place] = 1
            picture = np.where(defect == 1, 200, rng(1, place).integers(90, 110, (32, 32))).astype(np.uint8)
            split = Split.VAL if place == 5 else Split.TRAIN
            record = TileRecord(f"t{place}", "", "", "", Box(0, 0, 32, 32), f"g{place}", split, Origin.REAL, (), ())
            writer.add(Sample(picture, LabelMap(defect, np.zeros_like(defect)), record))
    return folder


def kept_files(run: Path) -> dict[str, bytes]:
    """What must be the same: figures, weights, cards, samples; not times, and not the files of TensorBoard."""
    kept = ("figures.jsonl", ".safetensors", "card.json", ".png")
    return {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("*")) if p.name.endswith(kept)}


def trained(name: str, data: Path, run: Path, moments: str) -> dict[str, bytes]:
    words = [*name.split(), str(data), "--out", str(run), "--resume", "--seed", "4", "--precision", "fp32"]
    code = KILLED if moments else KILLED.replace('[*map(int, sys.argv.pop(1).split(",")), 0]', "[0]")
    arguments = [moments] if moments else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, *words, *COMMANDS[name]],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return kept_files(run)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments_and_resumed_gives_the_same_run(name, small_set, tmp_path):
    whole = trained(name, small_set, tmp_path / "whole", "")
    moments = ",".join(str(n) for n in np.random.default_rng(len(name)).integers(2, 9, 3))
    assert trained(name, small_set, tmp_path / "killed", moments) == whole
    assert any(file.endswith("weights.safetensors") for file in whole)
