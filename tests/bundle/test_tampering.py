"""A bundle that was touched does not load: one clear line, whatever was changed."""

import json

import pytest

from blemish.bundle.bundle import Bundle
from blemish.bundle.card import MOST_CARD_BYTES, write_card
from blemish.core.errors import BundleError

FILES = ["card.json", "network.xml", "network.bin", "network.onnx"]


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        Bundle.open(folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_anywhere_refuses(both, name):
    data = (both / name).read_bytes()
    for place in range(0, len(data), max(1, len(data) // 150)):
        changed = bytearray(data)
        changed[place] ^= 1
        (both / name).write_bytes(bytes(changed))
        assert str(both) in refusal(both)
    (both / name).write_bytes(data)
    assert Bundle.open(both).backends == ("openvino", "onnx")  # So it was the byte.


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("cut", [0, -1])
def test_a_shortened_file_refuses(both, name, cut):
    (both / name).write_bytes((both / name).read_bytes()[:cut])
    assert name in refusal(both)


@pytest.mark.parametrize("name", FILES)
def test_a_link_instead_of_a_file_refuses_though_its_bytes_are_right(both, tmp_path, name):
    (both / name).rename(tmp_path / name)
    (both / name).symlink_to(tmp_path / name)
    assert f"{name} is a link" in refusal(both)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_instead_of_a_file_refuses(both, name):
    (both / name).unlink()
    (both / name).mkdir()
    assert f"{name} is not a file" in refusal(both)


@pytest.mark.parametrize("name", ["network.cache", ".hidden", "more"])
def test_what_is_not_on_the_card_refuses(both, name):
    (both / name).mkdir() if name == "more" else (both / name).write_bytes(b"x")
    assert f"{name} is not on the bundle's card" in refusal(both)


def test_blanks_in_the_card_refuse_though_they_mean_nothing(both):
    values = json.loads((both / "card.json").read_text())
    (both / "card.json").write_text(json.dumps(values))
    assert "was changed after it was written (other blanks or keys)" in refusal(both)


def test_a_huge_card_is_not_read(both):
    with (both / "card.json").open("r+b") as file:
        file.truncate(MOST_CARD_BYTES + 1)
    assert "card.json is larger than 4000000 bytes" in refusal(both)


@pytest.mark.parametrize("name", ["../network.onnx", "..", "a/b", "/etc/passwd", "C:x"])
def test_a_name_that_leads_out_of_the_folder_refuses_even_with_right_hashes(both, name):
    card = Bundle.open(both).card
    write_card(both, card.model_copy(update={"files": card.files | {name: "0" * 64}}))
    assert "would lead out of its folder" in refusal(both)


def test_a_backend_taken_off_the_card_and_left_in_the_folder_refuses(both):
    card = Bundle.open(both).card
    rest = {name: digest for name, digest in card.files.items() if name != "network.onnx"}
    write_card(both, card.model_copy(update={"files": rest}))
    assert "network.onnx is not on the bundle's card" in refusal(both)
