"""A generator's bundle: hashes first, then two networks under the common painter, all without torch."""

import json
import os
import runpy
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from blemish.bundle.card import read_card, write_card
from blemish.bundle.generator import GeneratorBundle, is_generator_bundle, write_generator_bundle
from blemish.bundle.generator_card import read_generator_card
from blemish.bundle.painting import STRIDE, one_by_one
from blemish.core.errors import BundleError, InputError
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator
from blemish.picture.read import read_picture
from blemish.picture.write import write_png

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "fixtures" / "tiny-generator"
MAKER = runpy.run_path(str(ROOT / "scripts" / "make_tiny_generator.py"))
WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "accelerate", "safetensors"):
            raise ModuleNotFoundError(f"blocked: {name}")

sys.meta_path.insert(0, NoTorch())
from blemish.cli.main import run
run()
"""


@pytest.fixture
def copied(tmp_path):
    return Path(copytree(TINY, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def painter():
    return GeneratorBundle.open(TINY).painter(threads=1)


def two_spots(size_hw=(64, 64)):
    defect = np.zeros(size_hw, np.uint8)
    defect[8:12, 8:20], defect[44:50, 30:36] = 1, 2
    return LabelMap(defect, np.zeros_like(defect))


def surface(size_hw=(64, 64)):
    return np.random.default_rng(5).integers(100, 150, (*size_hw, 1)).astype(np.uint8)


def changed(folder, **changes):
    values = json.loads((folder / "card.json").read_text()) | changes
    (folder / "card.json").write_text(json.dumps(values))
    return folder


def test_it_is_a_generator_like_any_other(painter):
    accepted: Generator = painter
    assert (accepted.channels, accepted.taxonomy.defect_names) == (1, ("dark spot", "bright spot"))
    assert (painter.ring_px, painter.preset, painter.precision) == (2, "tiny", "f32")
    assert painter.card.stride == STRIDE
    assert painter.hash == GeneratorBundle.open(TINY).hash


def test_a_defect_is_painted_as_the_networks_say_by_hand(painter, monkeypatch):
    monkeypatch.setattr("blemish.bundle.painting.draw_code", lambda codes, seed, length: codes[0])
    clean = surface()
    picture = painter.paint([two_spots()], [1], clean[None])[0]
    apart = (picture.astype(float) - clean)[..., 0] / 127.5
    assert apart[8:12, 8:20].mean() == pytest.approx(-0.5, abs=0.03)
    assert apart[44:50, 30:36].mean() == pytest.approx(0.6, abs=0.03)


def test_beyond_the_ring_the_given_background_is_kept_bit_by_bit(painter):
    clean, label = surface(), two_spots()
    picture = painter.paint([label], [1], clean[None])[0]
    reached = np.zeros((64, 64), bool)
    for defect in one_by_one(label, painter.options):
        ys, xs = np.nonzero(defect.edge)
        reached[ys + defect.box.y, xs + defect.box.x] = True
    assert (picture == clean)[~reached].all()
    assert 0.03 < reached.mean() < 0.1


def test_one_defect_is_drawn_again_while_the_rest_stays_bit_by_bit(painter):
    label, clean = two_spots(), surface()
    seeds = painter.defect_seeds(label, 1)
    first = painter.paint_defects(label, seeds, clean)
    again = painter.paint_defects(label, [seeds[0], 999], clean)
    rows = np.flatnonzero((first != again).any(axis=(1, 2)))
    assert (rows.min() >= 42, rows.max() <= 51, len(rows) > 3) == (True, True, True)


@pytest.mark.parametrize("size_hw", [(64, 64), (50, 61), (17, 200)])
def test_backgrounds_of_any_size_are_the_drawn_lighting_with_noise(painter, size_hw):
    made = painter.backgrounds([LabelMap.clean(*size_hw)], [3])
    assert (made.shape, made.dtype) == ((1, *size_hw, 1), np.uint8)
    assert made.mean() == pytest.approx(127.5 * 1.05, abs=10)
    assert 3 < made.std() < 10


def test_any_number_of_threads_paints_the_same(painter):
    more = GeneratorBundle.open(TINY).painter(threads=3)
    assert (painter.paint([two_spots()], [1]) == more.paint([two_spots()], [1])).all()
    with pytest.raises(InputError, match="threads must be 1 or more"):
        GeneratorBundle.open(TINY).painter(threads=0)


@pytest.mark.parametrize("name", ["defect.xml", "defect.bin", "background.xml", "background.bin"])
def test_one_changed_byte_is_found_before_a_network_is_read(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).write_bytes(bytes(data))
    with pytest.raises(BundleError, match=rf"{name} was altered or damaged: its card says SHA-256"):
        GeneratorBundle.open(copied)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "inspector"}, "kind 'inspector', expected a generator"),
        ({"format": 2}, "format 2, this version reads 1"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"preset": "other"}, "was changed after it was written"),
        ({"codes": {"A": []}}, "codes must name exactly the classes"),
        ({"codes": {"A": [[1.0]], "B": []}}, "code must have 2 numbers"),
        ({"codes": {"A": [[float("nan"), 0.0]], "B": []}}, "is not JSON"),
        ({"lights": []}, "lights"),
        ({"lights": [[[0.0]]]}, "must have 1 rows of 2 numbers"),
        ({"stride": 8}, "stride"),
        ({"painting": {"ring_px": 99, "codes": True, "noise": True, "composition": True}}, r"painting\.ring_px"),
        ({"classes": {"Z": "learned"}}, "classes must be among"),
        ({"files": {"../defect.xml": "0" * 64}}, "would lead out of its folder"),
        ({"files": {}}, "lists no file"),
    ],
)
def test_what_a_card_must_not_say_is_refused(copied, changes, says):
    with pytest.raises(BundleError, match=says):
        read_generator_card(changed(copied, **changes))


def test_an_inspector_is_no_generator_and_the_other_way_round(tmp_path):
    inspector = TINY.with_name("tiny-bundle")
    assert (is_generator_bundle(TINY), is_generator_bundle(inspector), is_generator_bundle(tmp_path)) == (
        True,
        False,
        False,
    )
    with pytest.raises(BundleError, match="kind 'inspector', expected a generator"):
        GeneratorBundle.open(inspector)
    with pytest.raises(BundleError, match="kind 'generator', expected an inspector"):
        read_card(TINY)
    with pytest.raises(BundleError, match="make one with gan export"):
        GeneratorBundle.open(tmp_path)


def test_a_network_that_does_not_fit_its_card_is_refused(tmp_path):
    card = MAKER["tiny_card"]()
    other = card.model_copy(update={"noise_planes": 3})
    write_generator_bundle(tmp_path / "b", MAKER["tiny_defect"](card), MAKER["tiny_background"](card), other)
    with pytest.raises(
        BundleError, match=r"network defect takes \[1, 6, 3\] planes and gives 1, the network takes \[1, 6, 1\]"
    ):
        GeneratorBundle.open(tmp_path / "b").painter()


def test_garbage_with_a_right_hash_is_a_clear_error(copied):
    (copied / "defect.xml").write_bytes(b"<net>")
    card = read_generator_card(copied)
    files = card.files | {"defect.xml": sha256(b"<net>").hexdigest()}
    write_card(copied, card.model_copy(update={"files": files}))
    with pytest.raises(BundleError, match="OpenVINO cannot read its network"):
        GeneratorBundle.open(copied).painter()


def test_the_same_networks_give_the_same_bundle_as_the_fixture(tmp_path):
    card = MAKER["tiny_card"]()
    write_generator_bundle(tmp_path / "a", MAKER["tiny_defect"](card), MAKER["tiny_background"](card), card)
    assert GeneratorBundle.open(tmp_path / "a").card.codes == GeneratorBundle.open(TINY).card.codes
    with pytest.raises(BundleError, match="is there already"):
        write_generator_bundle(tmp_path / "a", MAKER["tiny_defect"](card), MAKER["tiny_background"](card), card)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_where_torch_cannot_be_imported_the_command_line_draws_with_a_bundle(tmp_path):
    write_png(tmp_path / "label.png", two_spots().defect)
    write_png(tmp_path / "clean.png", surface()[..., 0])
    words = ["gan", "generate", str(TINY), "--label", str(tmp_path / "label.png"), "--out", str(tmp_path / "drawn.png")]
    command = [sys.executable, "-c", WITHOUT_TORCH, *words, "--background", str(tmp_path / "clean.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    drawn = read_picture(tmp_path / "drawn.png")
    expected = GeneratorBundle.open(TINY).painter().paint([two_spots()], [0], surface()[None])[0, ..., 0]
    assert (drawn == expected).all()


@pytest.mark.parametrize(("value", "says"), [(np.nan, "with what is no number"), (np.inf, "with what is no number")])
def test_a_generator_that_answers_no_number_paints_nothing(painter, monkeypatch, value, says):
    network = painter.defect_network
    monkeypatch.setattr(painter, "defect_network", lambda *planes: network(*planes) * np.float32(value))
    with pytest.raises(InputError, match=says):
        painter.paint([two_spots()], [1], surface()[None])


def test_a_generator_that_answers_another_size_paints_nothing(painter, monkeypatch):
    network = painter.defect_network
    monkeypatch.setattr(painter, "defect_network", lambda *planes: network(*planes)[:, :, ::2])
    with pytest.raises(InputError, match="must paint"):
        painter.paint([two_spots()], [1], surface()[None])


def test_defects_are_numbered_row_by_row_from_the_top(painter):
    """OpenCV numbers by blocks of two rows: the one that begins a row lower came first where it lies to the left."""
    defect = np.zeros((64, 96), np.uint8)
    defect[21:26, 10:14] = 1
    defect[20:26, 70:74] = 2
    first, second = one_by_one(LabelMap(defect, np.zeros_like(defect)), painter.options)
    assert (first.label_map.defect.max(), second.label_map.defect.max()) == (2, 1)


def test_a_pipe_is_no_generators_bundle(tmp_path):
    os.mkfifo(tmp_path / "card.json")
    assert not is_generator_bundle(tmp_path)
