from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from blemish.core.errors import BundleError, TrainingError
from blemish.train import checkpoint
from blemish.train.checkpoint import last_state, load_state, load_weights, save_state, save_weights


def network(width=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width)).to(memory_format=torch.channels_last)


def trained(make_optimizer, steps=3, net=None, optimizer=None, first=0):
    net = net or network()
    optimizer = optimizer or make_optimizer(net.parameters())
    for step in range(first, first + steps):
        torch.manual_seed(step)
        optimizer.zero_grad()
        net(torch.randn(2, 1, 8, 8)).square().sum().backward()
        optimizer.step()
    return net, optimizer


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.99)),
    "adamw amsgrad": lambda p: torch.optim.AdamW(p, amsgrad=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_to_the_bit_after_a_reload(tmp_path, name):
    net, optimizer = trained(OPTIMIZERS[name])
    save_state(tmp_path, {"net": net}, {"net": optimizer}, 3, {"note": [1, 0.1]})
    other = network()
    fresh = OPTIMIZERS[name](other.parameters())
    assert load_state(tmp_path, {"net": other}, {"net": fresh}) == (3, {"note": [1, 0.1]})
    trained(None, net=net, optimizer=optimizer, first=3)
    trained(None, net=other, optimizer=fresh, first=3)
    for mine, theirs in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine.stride() == theirs.stride()
    assert type(fresh.param_groups[0].get("betas")) is type(optimizer.param_groups[0].get("betas"))


def test_optimizer_state_keeps_the_memory_layout_of_its_weights(tmp_path):
    net, optimizer = trained(OPTIMIZERS["adam"])
    save_state(tmp_path, {"net": net}, {"net": optimizer}, 3, {})
    other = network()
    fresh = OPTIMIZERS["adam"](other.parameters())
    load_state(tmp_path, {"net": other}, {"net": fresh})
    assert fresh.state[other[0].weight]["exp_avg"].stride() == optimizer.state[net[0].weight]["exp_avg"].stride()


def test_only_the_newest_state_is_kept(tmp_path):
    net, optimizer = trained(OPTIMIZERS["sgd"])
    for step in (9, 10, 100):
        save_state(tmp_path, {"net": net}, {"net": optimizer}, step, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000100"]
    assert last_state(tmp_path).name == "step-000000100"


def test_equal_states_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        net, optimizer = trained(OPTIMIZERS["adam"])
        save_state(tmp_path / name, {"net": net}, {"net": optimizer}, 3, {"x": 1})
    first, second = (
        {path.name: path.read_bytes() for path in last_state(tmp_path / name).iterdir()} for name in ("a", "b")
    )
    assert first == second


def test_a_weight_that_is_not_finite_is_never_saved(tmp_path):
    net, optimizer = trained(OPTIMIZERS["sgd"])
    save_state(tmp_path, {"net": net}, {"net": optimizer}, 3, {})
    net[0].weight.data[0] = float("inf")
    with pytest.raises(TrainingError, match=r"after step 4 '0\.weight' of the net is not finite"):
        save_state(tmp_path, {"net": net}, {"net": optimizer}, 4, {})
    assert last_state(tmp_path).name == "step-000000003"


def test_a_damaged_state_is_refused_and_nothing_is_loaded(tmp_path):
    net, optimizer = trained(OPTIMIZERS["adam"])
    flip_a_byte(save_state(tmp_path, {"net": net}, {"net": optimizer}, 3, {}) / "state.safetensors")
    other = network()
    before = other[0].weight.clone()
    with pytest.raises(BundleError, match=r"state\.safetensors was altered or damaged"):
        load_state(tmp_path, {"net": other}, {})
    assert torch.equal(other[0].weight, before)


def test_a_state_of_other_networks_is_refused(tmp_path):
    net, optimizer = trained(OPTIMIZERS["adam"])
    save_state(tmp_path, {"net": net}, {"net": optimizer}, 3, {})
    with pytest.raises(BundleError, match="holds net, net but this training has discriminator, net"):
        load_state(tmp_path, {"discriminator": net}, {"net": optimizer})
    wider = network(4)
    with pytest.raises(BundleError, match="weights are of another network"):
        load_state(tmp_path, {"net": wider}, {"net": OPTIMIZERS["adam"](wider.parameters())})


def test_no_state_at_all_is_refused(tmp_path):
    with pytest.raises(BundleError, match="start without --resume"):
        load_state(tmp_path / "nowhere", {}, {})


def test_weights_come_back_with_their_card(tmp_path):
    net = network()
    save_weights(tmp_path / "model", net, {"architecture": "tiny", "width": 3})
    tensors, card = load_weights(tmp_path / "model")
    assert card["architecture"] == "tiny"
    assert tensors.keys() == net.state_dict().keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in net.state_dict().items())
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["card.json", "weights.safetensors"]


def test_weights_are_replaced_whole(tmp_path):
    save_weights(tmp_path / "model", network(3), {"width": 3})
    save_weights(tmp_path / "model", network(5), {"width": 5})
    tensors, card = load_weights(tmp_path / "model")
    assert (card["width"], len(tensors["0.bias"])) == (5, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_told_as_such(tmp_path, monkeypatch):
    def on_full_disk(target):
        target.mkdir(parents=True)
        (target / checkpoint.WEIGHTS).symlink_to("/dev/full")
        return target

    monkeypatch.setattr(checkpoint, "_fresh", on_full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_weights(tmp_path / "model", network(), {})


def test_altered_weights_are_refused(tmp_path):
    save_weights(tmp_path / "model", network(), {})
    flip_a_byte(tmp_path / "model" / "weights.safetensors")
    with pytest.raises(BundleError, match=r"weights\.safetensors was altered or damaged"):
        load_weights(tmp_path / "model")


def test_missing_files_and_other_formats_are_refused(tmp_path):
    with pytest.raises(BundleError, match=r"card\.json is missing or unreadable"):
        load_weights(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(BundleError, match="not of format 1"):
        load_weights(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"format": 1, "sha256": {}}))
    with pytest.raises(BundleError, match=r"weights\.safetensors is missing"):
        load_weights(tmp_path)


@pytest.mark.parametrize("digests", [None, [], "0" * 64, 7])
def test_a_card_without_digests_is_refused(tmp_path, digests):
    save_weights(tmp_path / "model", network(), {})
    (tmp_path / "model" / "card.json").write_text(json.dumps({"format": 1, "sha256": digests}))
    with pytest.raises(BundleError, match=r"card\.json names no SHA-256"):
        load_weights(tmp_path / "model")


def test_a_file_of_weights_that_is_none_is_refused(tmp_path):
    save_weights(tmp_path / "model", network(), {})
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    (tmp_path / "model" / "card.json").write_text(json.dumps({"format": 1, "sha256": {"weights.safetensors": digest}}))
    with pytest.raises(BundleError, match="is no file of weights"):
        load_weights(tmp_path / "model")


@pytest.mark.parametrize("change", [{"step": 15}, {"extra": {"note": 2}}, {"modules": None}])
def test_an_altered_state_is_refused(tmp_path, change):
    net, optimizer = trained(OPTIMIZERS["sgd"])
    folder = save_state(tmp_path, {"net": net}, {"net": optimizer}, 20, {"note": 1})
    values = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(values | change))
    with pytest.raises(BundleError, match=r"state\.json was altered or damaged"):
        load_state(tmp_path, {"net": net}, {"net": optimizer})


def test_a_checkpoint_of_another_steps_name_and_a_copy_are_not_taken(tmp_path):
    net, optimizer = trained(OPTIMIZERS["sgd"])
    folder = save_state(tmp_path, {"net": net}, {"net": optimizer}, 20, {})
    shutil.copytree(folder, tmp_path / "step-000000020 (copy)")
    assert last_state(tmp_path) == folder
    load_state(tmp_path, {"net": net}, {"net": optimizer})
    assert (tmp_path / "step-000000020 (copy)").is_dir()
    folder.rename(tmp_path / "step-000000099")
    with pytest.raises(BundleError, match="was altered or damaged"):
        load_state(tmp_path, {"net": net}, {"net": optimizer})
