import json
import shutil

import pytest
import torch

from blemish.core.errors import BundleError, InputError
from blemish.core.records import Split
from blemish.core.taxonomy import Taxonomy
from blemish.segment.model import save_segmenter
from blemish.segment.networks import build
from blemish.segment.pixel_network import enlarge
from blemish.segment.settings import TrainSettings
from blemish.segment.start import PHOTOGRAPHS, packaged_start, start_from, start_named
from blemish.segment.training import train
from blemish.simulate.procedural import TAXONOMY
from blemish.train import lite0
from blemish.train.lite0 import load_lite0


def finished(folder, network="hardnet-small", defects=("a", "b", "c")):
    torch.manual_seed(1)
    made = build(network, 1, len(defects) + 1, mean=[0.9], std=[0.1])
    save_segmenter(folder, made, {"architecture": network, "taxonomy": Taxonomy.of_names("t", defects).to_dict()})
    return made


def test_all_but_the_last_layer_is_taken_from_a_run_of_other_classes(tmp_path):
    source = finished(tmp_path).state_dict()
    network = build("hardnet-small", 1, 3, mean=[0.4], std=[0.2])
    started = start_from(network, tmp_path)
    own = network.state_dict()
    same = [name for name in own if own[name].shape == source[name].shape and torch.equal(own[name], source[name])]
    assert len(same) == started.taken
    assert started.fresh == 2  # Weight and bias of the last layer.
    assert network.mean.item() == pytest.approx(0.4)  # Normalisation belongs to the data at hand.


def test_another_architecture_is_refused_naming_what_to_do(tmp_path):
    finished(tmp_path, "fc-hardnet-70")
    with pytest.raises(InputError, match="tensors fit; give a run of the same --network"):
        start_from(build("hardnet-small", 1, 3), tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BundleError, match="holds no trained weights"):
        start_from(build("hardnet-small", 1, 3), tmp_path)
    with pytest.raises(BundleError, match="there is no folder"):
        start_from(build("hardnet-small", 1, 3), tmp_path / "misspelt")


def test_a_training_begins_there_and_its_card_says_so(shapes, tmp_path):
    finished(tmp_path / "source")
    settings = TrainSettings(network="hardnet-small", steps=1, batch=2, crop_px=32, learning_rate=1e-9, val_steps=1)
    done = train(shapes, tmp_path / "run", settings, precision="fp32", start=tmp_path / "source")
    assert done.card["settings"]["start"]["taken"] > 100
    assert len(shapes.select(Split.TRAIN)) == 12


def test_gray_weights_start_an_rgb_network_that_answers_a_gray_picture_alike(tmp_path):
    gray = finished(tmp_path).eval()
    rgb = build("hardnet-small", 3, 4, mean=[0.9], std=[0.1]).eval()
    started = start_from(rgb, tmp_path)
    assert started.fresh == 0
    picture = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(rgb(picture.expand(1, 3, 64, 64)), gray(picture), rtol=1e-3, atol=1e-3)


def test_the_last_layer_of_procedural_weights_is_not_taken_even_where_it_fits(tmp_path):
    torch.manual_seed(1)
    source = build("hardnet-small", 1, len(TAXONOMY.defects) + 1)
    save_segmenter(tmp_path, source, {"architecture": "hardnet-small", "taxonomy": TAXONOMY.to_dict()})
    network = build("hardnet-small", 1, len(TAXONOMY.defects) + 1)
    assert start_from(network, tmp_path).fresh == 2
    assert not torch.equal(network.head.weight, source.head.weight)


def test_a_name_means_scratch_the_packaged_weights_or_a_folder(tmp_path):
    assert start_named("scratch", "hardnet-small") is None
    assert start_named("auto", "hardnet-small") == packaged_start("hardnet-small")
    assert start_named("auto", "fc-hardnet-70") == packaged_start("fc-hardnet-70")
    assert start_named("auto", "hardnet-tiny") is None
    assert start_named("procedural", "hardnet-small") == packaged_start("hardnet-small")
    assert start_named(str(tmp_path), "hardnet-small") == tmp_path
    with pytest.raises(InputError, match="no procedural start weights are packaged for hardnet-tiny: make them"):
        start_named("procedural", "hardnet-tiny")


@pytest.mark.parametrize(("network", "most_bytes"), [("hardnet-small", 3e6), ("fc-hardnet-70", 10e6)])
def test_the_packaged_weights_are_small_whole_and_fit(network, most_bytes):
    folder = packaged_start(network)
    started = start_from(build(network, 3, 4), folder)
    card = json.loads((folder / "card.json").read_text())
    assert started.fresh == 2
    assert sum(file.stat().st_size for file in folder.iterdir()) < most_bytes
    assert card["data"].startswith("procedural surfaces")
    assert {"command", "commit", "sha256"} <= card.keys()


def test_packaged_weights_with_one_byte_changed_are_refused(tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(packaged_start("hardnet-small"), folder)
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)
    with pytest.raises(BundleError, match="was altered or damaged"):
        start_from(build("hardnet-small", 1, 3), folder)


def test_photographs_are_the_start_of_lite0_unet_and_of_no_other(tmp_path):
    network = build("lite0-unet", 1, 3)
    assert start_named("auto", "lite0-unet") == start_named("photographs", "lite0-unet") == PHOTOGRAPHS
    started = start_from(network, PHOTOGRAPHS)
    learned = load_lite0().state_dict()
    assert all(torch.equal(tensor, learned[name]) for name, tensor in network.encoder.state_dict().items())
    assert started.taken == len(network.encoder.state_dict())
    assert started.sha256 == lite0.SHA256
    with pytest.raises(InputError, match="give --network lite0-unet"):
        start_from(build("hardnet-small", 1, 3), PHOTOGRAPHS)


def test_lite0_unet_sees_what_lite0_sees():
    network, photograph = build("lite0-unet", 3, 2, mean=[127 / 255], std=[64 / 255]).eval(), torch.rand(1, 3, 64, 96)
    start_from(network, PHOTOGRAPHS)
    seen = []
    network.up[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        network(photograph)
        (*_, expected) = load_lite0().stages(255 * photograph)
    assert torch.allclose(seen[0][:, :320, ::2, ::2], enlarge(expected, 2)[:, :, ::2, ::2], atol=1e-4)


def test_colour_weights_start_a_gray_network_that_answers_alike(tmp_path):
    torch.manual_seed(1)
    rgb = build("hardnet-small", 3, 4, mean=[0.4] * 3, std=[0.2] * 3).eval()
    card = {"architecture": "hardnet-small", "taxonomy": Taxonomy.of_names("t", ["a", "b", "c"]).to_dict()}
    save_segmenter(tmp_path, rgb, card)
    gray = build("hardnet-small", 1, 4, mean=[0.4], std=[0.2]).eval()
    assert start_from(gray, tmp_path).fresh == 0
    picture = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(gray(picture), rgb(picture.expand(1, 3, 64, 64)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("classes", "fresh"), [(["a", "b", "c"], 0), (["c", "b", "a"], 2), (["x", "y", "z"], 2)])
def test_the_last_layer_is_taken_only_where_the_classes_are_the_same(classes, fresh, tmp_path):
    finished(tmp_path)
    assert start_from(build("hardnet-small", 1, 4), tmp_path, classes).fresh == fresh
