"""Bundles: hashes first, then the network, which is a Segmenter like any other."""

import runpy
from pathlib import Path
from shutil import copytree

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from blemish.bundle.bundle import Bundle, openvino_core, write_bundle
from blemish.bundle.card import read_card, write_card
from blemish.core.errors import BundleError, InputError
from blemish.core.protocols import Segmenter

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "fixtures" / "tiny-bundle"
MAKER = runpy.run_path(str(ROOT / "scripts" / "make_tiny_bundle.py"))


@pytest.fixture
def copied(tmp_path):
    return Path(copytree(TINY, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def segmenter():
    return Bundle.open(TINY).segmenter(threads=2)


def expected(pictures):
    """The same network by hand."""
    gray = pictures[:, :, :, 0].astype(np.float64)
    logits = np.stack([np.zeros_like(gray), 40.0 - gray, gray - 215.0], axis=1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size_hw", [(64, 64), (8, 8), (70, 33), (1, 1), (3, 130)])
def test_probabilities_of_any_size_agree_with_the_network_by_hand(segmenter, size_hw):
    pictures = np.random.default_rng(3).integers(30, 50, (5, *size_hw, 1), dtype=np.uint8)
    got = segmenter.probabilities(pictures)
    assert (got.dtype, got.shape) == (np.float32, (5, 3, *size_hw))
    assert np.abs(got - expected(pictures)).max() < 1e-5
    assert np.abs(got.sum(axis=1) - 1).max() < 1e-5


def test_every_picture_keeps_its_place_whatever_the_threads():
    pictures = np.arange(7, dtype=np.uint8).repeat(64 * 64).reshape(7, 64, 64, 1) + 37
    one, three = (Bundle.open(TINY).segmenter(threads=n).probabilities(pictures) for n in (1, 3))
    assert np.array_equal(one, three)
    assert np.abs(one - expected(pictures)).max() < 1e-5


def test_a_bundle_is_a_segmenter(segmenter):
    accepted: Segmenter = segmenter
    assert (accepted.channels, accepted.taxonomy.defect_names) == (1, ("dark spot", "bright spot"))
    assert segmenter.precision == "f32"


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((1, 8, 8, 1), np.float32),
        np.zeros((0, 8, 8, 1), np.uint8),
    ],
    ids=["rgb", "no-batch", "float", "empty"],
)
def test_other_pictures_are_refused(segmenter, pictures):
    with pytest.raises(InputError, match="must be uint8 N H W 1"):
        segmenter.probabilities(pictures)


@pytest.mark.parametrize("name", ["network.xml", "network.bin"])
def test_one_changed_byte_is_found_before_the_network_is_read(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).write_bytes(bytes(data))
    with pytest.raises(BundleError, match=rf"{name} was altered or damaged: its card says SHA-256"):
        Bundle.open(copied)


def test_a_missing_file_is_named(copied):
    (copied / "network.bin").unlink()
    with pytest.raises(BundleError, match=r"cannot read .*network\.bin"):
        Bundle.open(copied)


def test_a_network_that_does_not_fit_its_card_is_refused(tmp_path):
    card = read_card(TINY).model_copy(update={"channels": 3})
    write_bundle(tmp_path / "b", MAKER["tiny_network"](), card)
    with pytest.raises(BundleError, match=r"the card says input \[\?,\?,\?,3\]"):
        Bundle.open(tmp_path / "b").segmenter()


def test_garbage_with_a_right_hash_is_a_clear_error(copied):
    from hashlib import sha256

    (copied / "network.xml").write_bytes(b"<net>")
    files = read_card(copied).files | {"network.xml": sha256(b"<net>").hexdigest()}
    write_card(copied, read_card(copied).model_copy(update={"files": files}))
    with pytest.raises(BundleError, match="OpenVINO cannot read its network"):
        Bundle.open(copied).segmenter()


def test_the_same_network_gives_the_same_bundle(tmp_path):
    hashes = {write_bundle(tmp_path / n, MAKER["tiny_network"](), MAKER["tiny_card"]()).hash for n in "ab"}
    assert len(hashes) == 1


def test_a_bundle_is_never_overwritten_and_nothing_is_left_half_written(tmp_path):
    write_bundle(tmp_path / "b", MAKER["tiny_network"](), MAKER["tiny_card"]())
    with pytest.raises(BundleError, match="is there already"):
        write_bundle(tmp_path / "b", MAKER["tiny_network"](), MAKER["tiny_card"]())
    with pytest.raises(AttributeError):
        write_bundle(tmp_path / "c", "no network", MAKER["tiny_card"]())
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_threads_must_be_at_least_one():
    with pytest.raises(InputError, match="threads must be 1 or more"):
        Bundle.open(TINY).segmenter(threads=0)


def test_bfloat16_is_asked_for_by_the_card_and_reported(tmp_path):
    card = read_card(TINY).model_copy(update={"precision": "bf16"})
    write_bundle(tmp_path / "b", MAKER["tiny_network"](), card)
    known = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert Bundle.open(tmp_path / "b").segmenter(threads=1).precision == ("bf16" if known else "f32")


def of_one_pixel():
    """The tiny network, its answer of every tile brought down to one pixel."""
    whole = MAKER["tiny_network"]()
    mean = ops.reduce_mean(whole.get_results()[0].input_value(0), np.array([2, 3]), True)
    return ov.Model([mean], whole.get_parameters(), "tiny")


def test_a_network_that_answers_another_size_is_refused(tmp_path):
    write_bundle(tmp_path / "b", of_one_pixel(), MAKER["tiny_card"]())
    with pytest.raises(BundleError, match="the network must answer"):
        Bundle.open(tmp_path / "b").segmenter()


def test_a_disk_that_is_full_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr("blemish.bundle.files.ov.serialize", full)
    with pytest.raises(BundleError, match=r"cannot be written .*: is the disk full"):
        write_bundle(tmp_path / "b", MAKER["tiny_network"](), MAKER["tiny_card"]())
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_too_much_together_are_refused(copied, monkeypatch):
    monkeypatch.setattr("blemish.bundle.files.MOST_FILE_BYTES", 3000)
    with pytest.raises(BundleError, match="at most 3,000 expected"):
        Bundle.open(copied)
