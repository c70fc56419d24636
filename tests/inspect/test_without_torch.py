"""`blemish inspect` needs neither torch nor pyarrow: here with both made impossible to import."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import DatasetInfo, DatasetWriter, Sample
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
BLOCKED = (
    "torch",
    "accelerate",
    "monai",
    "safetensors",
    "torchmetrics",
    "tensorboard",
    "onnx",
    "onnxscript",
    "pyarrow",
)
PROGRAM = f"""
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(name + " is blocked", name=name)

sys.meta_path.insert(0, Blocked())
from blemish.cli.main import run
run()
"""


def blocked(*arguments):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


def test_inspect_runs_where_torch_cannot_be_imported(tmp_path):
    picture = np.random.default_rng(7).integers(110, 141, (90, 90), dtype=np.uint8)
    write_png(tmp_path / "good.png", picture)
    picture[20:26, 20:80] = 0
    write_png(tmp_path / "bad.png", picture)
    ended = blocked("inspect", TINY, tmp_path / "good.png", tmp_path / "bad.png", "--out", tmp_path / "out", "--json")
    assert ended.returncode == 1, ended.stderr
    assert {p["serial"]: p["verdict"] for p in json.loads(ended.stdout)["parts"]} == {"good": "OK", "bad": "NG"}
    assert (tmp_path / "out" / "overlays" / "bad.jpg").is_file()


def test_the_block_works_so_that_the_test_above_means_something():
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.split("from blemish")[0] + "import torch"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "torch is blocked" in ended.stderr


def said(package, extra):
    return f"error: this needs {package}, which the base install leaves out: pip install 'blemish[{extra}]'\n"


def test_what_the_base_install_leaves_out_is_said_in_one_line(tmp_path):
    with DatasetWriter(tmp_path / "set", DatasetInfo(Taxonomy.of_names("one", ["x"]), 32, 1)) as writer:
        record = TileRecord("t", "p", "", "t", Box(0, 0, 32, 32), "g", Split.NONE, Origin.REAL, (), ())
        writer.add(Sample(np.zeros((32, 32), np.uint8), LabelMap.clean(32, 32), record))
    for command, package, extra in (
        (("segment", "describe"), "torch", "train"),
        (("data", "check", tmp_path / "set"), "pyarrow", "data"),
    ):
        ended = blocked(*command)
        assert (ended.returncode, ended.stderr) == (2, said(package, extra))
