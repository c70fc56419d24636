"""A bundle answers like the network it was made from, or is not written."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer import Typer
from typer.testing import CliRunner

from blemish.bundle.bundle import Bundle
from blemish.cli.segment_export import export
from blemish.core.errors import BundleError, ParityError
from blemish.core.taxonomy import Taxonomy
from blemish.segment import export as room
from blemish.segment.export import export_module, export_run
from blemish.segment.export_networks import Frozen
from blemish.segment.export_parity import Eager, Tiles
from blemish.segment.model import TorchSegmenter, save_segmenter
from blemish.segment.networks import build
from blemish.segment.quantise import Calibration

THREE = Taxonomy.of_names("three", ["a", "b", "c"])
APP = Typer()
APP.command()(export)


class Small(nn.Module):
    """Two convolutions with a stride, so that sizes matter; sharp answers, so that precision matters."""

    def __init__(self, channels=1):
        super().__init__()
        torch.manual_seed(1)
        self.narrow = nn.Conv2d(channels, 8, 3, 2, 1)
        self.head = nn.ConvTranspose2d(8, 4, 2, 2)

    def forward(self, picture):
        return 20 * self.head(torch.relu(self.narrow(picture)))


def exported(out, network=None, **changes):
    settings = {"architecture": "small", "taxonomy": THREE, "channels": 1, "tile_px": 32, "stride": 8}
    return export_module(network or Small(), out=out, **(settings | changes))


def pictures(count=4, size=32, channels=1):
    return np.random.default_rng(8).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def eager(network, batch):
    with torch.inference_mode():
        scaled = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
        return network.eval()(scaled).softmax(dim=1).numpy()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_bundle_answers_like_pytorch(tmp_path, channels):
    network = Small(channels)
    card = exported(tmp_path / "b", network, channels=channels)
    got = Bundle.open(tmp_path / "b").segmenter(threads=2).probabilities(pictures(channels=channels))
    assert np.abs(got - eager(network, pictures(channels=channels))).max() < 1e-4
    assert card.parity.max_abs_diff < 1e-4
    assert (card.parity.argmax_agreement, card.parity.computed_in) == (1.0, "f32")


@pytest.mark.parametrize("name", ["hardnet-small", "lite0-unet"])
def test_a_network_is_exported_with_other_sizes_than_its_tiles(name, tmp_path):
    torch.manual_seed(2)
    network = build(name, 1, 4)
    nn.init.normal_(network.head.weight, std=1.0)
    exported(tmp_path / "b", network, stride=network.stride)
    segmenter, torch_segmenter = Bundle.open(tmp_path / "b").segmenter(), TorchSegmenter(network, THREE)
    for size in (32, 45, 96):
        batch = pictures(2, size)
        assert np.abs(segmenter.probabilities(batch) - torch_segmenter.probabilities(batch)).max() < 1e-3


def test_bfloat16_is_measured_and_stays_within_its_tolerance(tmp_path):
    card = exported(tmp_path / "b", precision="bf16")
    assert card.precision == "bf16"
    assert card.parity.mean_abs_diff <= card.parity.tolerance == 0.01
    if card.parity.computed_in == "bf16":
        assert card.parity.max_abs_diff > 1e-4  # Not float32 by another name.


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_difference_beyond_the_tolerance_writes_nothing(tmp_path, precision):
    with pytest.raises(ParityError, match=r"must be within 1e-12 of PyTorch's.*nothing was written"):
        exported(tmp_path / "b", precision=precision, tolerance=1e-12)
    assert list(tmp_path.iterdir()) == []


FORMS = [("f32", "openvino"), ("bf16", "openvino"), ("int8", "openvino"), ("f32", "onnx"), ("int8", "onnx")]
MEAN_APART = {"f32": 1e-5, "bf16": 1e-2, "int8": 2e-2}


@pytest.fixture(scope="module", params=FORMS, ids="-".join)
def form(request, tmp_path_factory):
    """A bundle of each form."""
    precision, backend = request.param
    out = tmp_path_factory.mktemp("form") / "b"
    ranges = Calibration([picture[None] for picture in pictures(6)], "6 tiles")
    exported(out, precision=precision, backends=[backend], calibration=ranges, tiles=Tiles(pictures(), "4 tiles"))
    return precision, backend, out


@pytest.mark.parametrize("size_hw", [(32, 32), (8, 8), (45, 21), (1, 70)])
def test_every_form_answers_like_pytorch_at_any_size(form, size_hw):
    precision, backend, out = form
    segmenter = Bundle.open(out).segmenter(threads=1)
    batch = np.random.default_rng(5).integers(0, 256, (3, *size_hw, 1), dtype=np.uint8)
    got = segmenter.probabilities(batch)
    apart = np.abs(got - Eager(Frozen(Small()).eval(), THREE, 1, 8).probabilities(batch))
    assert (got.shape, got.dtype, segmenter.backend) == ((3, 4, *size_hw), np.float32, backend)
    assert apart.mean() < MEAN_APART[precision]
    if segmenter.precision != "f32":
        assert apart.max() > 1e-5  # Not float32 by another name.


def test_every_form_gives_the_same_answer_after_reloading(form):
    _, _, out = form
    one, two = (Bundle.open(out).segmenter(threads=n).probabilities(pictures()) for n in (1, 2))
    assert np.abs(one - two).max() < 1e-6


def test_every_form_says_what_it_is(form):
    precision, backend, out = form
    card = Bundle.open(out).card
    assert (card.precision, card.calibration) == (precision, "6 tiles" if precision == "int8" else None)
    assert (card.onnx_opset, "network.onnx" in card.files) == ((18, True) if backend == "onnx" else (None, False))
    assert card.parity.computed_in == Bundle.open(out).segmenter(threads=1).precision
    if precision == "int8":
        assert card.parity.computed_in == "int8"


def test_an_onnx_file_does_not_name_the_machine_that_made_it(form):
    _, _, out = form
    for data in Bundle.open(out).files.values():
        assert str(Path(room.__file__).parents[2]).encode() not in data
        assert b"blemish" not in data


def test_the_same_network_gives_the_same_onnx_bundle(tmp_path):
    ranges = Calibration([picture[None] for picture in pictures(2)], "2 tiles")
    hashes = {
        exported(
            tmp_path / name, precision="int8", backends=["openvino", "onnx"], calibration=ranges, tolerance=1.0
        ).hash
        for name in "ab"
    }
    assert len(hashes) == 1


def test_a_network_that_a_trace_cannot_hold_is_refused(tmp_path):
    class Frozen(Small):
        """Adds something that depends on the size in Python: the trace keeps that of its example."""

        def forward(self, picture):
            return super().forward(picture) + torch.arange(4.0).reshape(1, 4, 1, 1) * (int(picture.shape[3]) / 24)

    with pytest.raises(ParityError, match="nothing was written"):
        exported(tmp_path / "b", Frozen())


def test_a_network_that_answers_nan_is_refused(tmp_path):
    network = Small()
    network.head.bias.data[0] = float("nan")
    with pytest.raises(ParityError):
        exported(tmp_path / "b", network)


def test_another_class_on_decided_pixels_is_refused_even_within_the_mean(tmp_path, monkeypatch):
    real = room.BundleSegmenter.probabilities
    monkeypatch.setattr(room.BundleSegmenter, "probabilities", lambda self, p: real(self, p)[:, ::-1])
    with pytest.raises(ParityError, match="same class as PyTorch on 99% of the decided pixels"):
        exported(tmp_path / "b", tolerance=1.0)


def test_real_tiles_are_compared_and_named(tmp_path):
    card = exported(tmp_path / "b", tiles=Tiles(pictures(), "4 tiles of set abc"))
    assert card.parity.pictures.startswith("4 tiles of set abc")


def test_the_card_holds_what_the_line_needs(tmp_path):
    card = exported(tmp_path / "b", value_range=(10, 4000), data_hash="d" * 64, metrics={"val_iou": 0.5}, commit="abc")
    assert Bundle.open(tmp_path / "b").card == card
    assert (card.overlap_px, card.range_16_bit, card.thresholds["B"]) == (8, (10, 4000), 0.5)
    assert (card.data_hash, card.metrics, card.versions["commit"]) == ("d" * 64, {"val_iou": 0.5}, "abc")


def test_the_same_network_gives_the_same_bundle(tmp_path):
    assert exported(tmp_path / "a").hash == exported(tmp_path / "b").hash


def test_a_bundle_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(BundleError, match="is there already"):
        exported(tmp_path / "b")


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(3)
    card = {"architecture": "hardnet-small", "taxonomy": THREE.to_dict(), "tile_px": 40, "data_hash": "e" * 64}
    save_segmenter(tmp_path / "run", build("hardnet-small", 1, 4), card | {"value_range": [0, 4095], "step": 7})
    return tmp_path / "run"


def test_a_run_is_exported_with_tiles_of_whole_strides(run, tmp_path):
    card = export_run(run, out=tmp_path / "b")
    assert (card.tile_px, card.stride, card.architecture) == (64, 32, "hardnet-small")
    assert (card.range_16_bit, card.data_hash, card.metrics) == ((0, 4095), "e" * 64, {"step": 7})


def test_the_command_exports_and_says_how_near_it_is(run, tmp_path):
    ended = CliRunner().invoke(APP, [str(run), "--out", str(tmp_path / "b"), "--json"])
    assert ended.exit_code == 0, ended.stderr
    values = json.loads(ended.stdout)
    assert values["hash"] == Bundle.open(tmp_path / "b").hash
    assert values["parity"]["max_abs_diff"] <= values["parity"]["tolerance"] == 0.001


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--precision", "int4"], "--precision must be f32, bf16 or int8"),
        (["--precision", "int8"], "int8 takes its ranges from real tiles: give --dataset"),
        (["--precision", "bf16", "--format", "both"], "bf16 needs OpenVINO"),
        (["--format", "tflite"], "--format must be openvino, onnx or both"),
        (["--sign", "no-key.pem"], "no-key.pem must be a private elliptic-curve key"),
        (["--tolerance", "0"], "--tolerance must be a number above 0"),
        (["--tolerance", "inf"], "--tolerance must be a number above 0"),
        (["--allow-drop", "inf"], "--allow-drop must be a number from 0 on"),
        (["--tile", "9000"], "no bundle can be made: tile_px"),
        (["--tolerance", "1e-15"], "nothing was written"),
        (["--overlap", "64"], "overlap must be 0 to 32 px"),
    ],
)
def test_a_wrong_flag_or_parity_ends_with_2_and_nothing_written(run, tmp_path, more, says):
    ended = CliRunner().invoke(APP, [str(run), "--out", str(tmp_path / "b"), *more])
    assert (ended.exit_code, (tmp_path / "b").exists()) == (2, False)
    assert says in ended.stderr


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    ended = CliRunner().invoke(APP, [str(tmp_path), "--out", str(tmp_path / "b")])
    assert (ended.exit_code, "holds no trained weights" in ended.stderr) == (2, True)


def test_the_committed_fixture_is_what_its_script_makes(tmp_path):
    root = Path(__file__).parents[2]
    maker = runpy.run_path(str(root / "scripts" / "make_tiny_bundle.py"))
    committed = Bundle.open(root / "tests" / "fixtures" / "tiny-bundle")
    assert committed.card.model_copy(update={"files": {}}) == maker["tiny_card"]()
