import pytest
import torch

from blemish.core.errors import BundleError, InputError
from blemish.core.records import Split
from blemish.core.taxonomy import Taxonomy
from blemish.segment.model import save_segmenter
from blemish.segment.networks import build
from blemish.segment.settings import TrainSettings
from blemish.segment.start import start_from
from blemish.segment.training import train


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


def test_a_training_begins_there_and_its_card_says_so(shapes, tmp_path):
    finished(tmp_path / "source")
    settings = TrainSettings(network="hardnet-small", steps=1, batch=2, crop_px=32, learning_rate=1e-9, val_steps=1)
    done = train(shapes, tmp_path / "run", settings, precision="fp32", start=tmp_path / "source")
    assert done.card["settings"]["start"]["taken"] > 100
    assert len(shapes.select(Split.TRAIN)) == 12
