"""The card: what it refuses, and what changes its hash."""

import json
from pathlib import Path
from shutil import copytree

import pytest
from pydantic import ValidationError

from blemish.bundle.card import Card, read_card, write_card
from blemish.core.errors import BundleError

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"


@pytest.fixture
def copied(tmp_path):
    return Path(copytree(TINY, tmp_path / "bundle"))


def changed(folder, **changes):
    values = json.loads((folder / "card.json").read_text()) | changes
    (folder / "card.json").write_text(json.dumps(values))
    return folder


def test_a_card_comes_back_as_it_was_written(tmp_path):
    card = read_card(TINY)
    (tmp_path / "b").mkdir()
    write_card(tmp_path / "b", card)
    assert read_card(tmp_path / "b") == card
    assert (tmp_path / "b" / "card.json").read_bytes() == (TINY / "card.json").read_bytes()


def test_the_fixture_says_what_it_is():
    card = read_card(TINY)
    assert card.taxonomy.pixel_mm_xy == (0.5, 0.25)
    assert (card.tile_px, card.overlap_px, card.stride, card.thresholds) == (64, 16, 8, {"A": 0.5, "B": 0.5})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "generator"}, "kind 'generator', expected an inspector"),
        ({"format": 2}, "format 2, this version reads 1"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"thresholds": {"A": 0.4, "B": 0.5}}, "was changed after it was written"),
        ({"thresholds": {"A": 0.5}}, "thresholds must name exactly the classes"),
        ({"thresholds": {"A": 0.5, "B": 1.5}}, "thresholds.B"),
        ({"least_sizes_px": {"A": 5, "Z": 5}}, "least_sizes_px must name exactly"),
        ({"tile_px": 60}, "must be a multiple of stride 8"),
        ({"overlap_px": 64}, "leave a step"),
        ({"channels": 2}, "channels"),
        ({"tile_px": "64"}, "tile_px"),
        ({"precision": "int4"}, "precision"),
        ({"taxonomy": {"name": "x", "defects": []}}, "1 to 254 defects"),
        ({"taxonomy": 7}, "expected a table"),
        ({"files": {"../network.xml": "0" * 64}}, "would lead out of its folder"),
        ({"files": {"/etc/passwd": "0" * 64}}, "would lead out of its folder"),
        ({"files": {"a\\b": "0" * 64}}, "would lead out of its folder"),
        ({"files": {"network.xml": "short"}}, "files.network.xml"),
        ({"files": {}}, "lists no file"),
        ({"value_range": [1]}, "value_range"),
    ],
)
def test_what_a_card_must_not_say_is_refused(copied, changes, says):
    with pytest.raises(BundleError, match=says):
        read_card(changed(copied, **changes))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "one JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"architecture": "\\ud800"}', "not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(copied, text, says):
    (copied / "card.json").write_text(text)
    with pytest.raises(BundleError, match=says):
        read_card(copied)


def test_a_folder_without_a_card_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="is not a bundle"):
        read_card(tmp_path)


def test_every_key_changes_the_hash():
    card = read_card(TINY)
    for changes in ({"thresholds": {"A": 0.4, "B": 0.5}}, {"precision": "bf16"}, {"metrics": {"iou": 0.5}}):
        assert card.model_copy(update=changes).hash != card.hash


def test_a_card_is_made_in_code_with_the_same_checks():
    values = read_card(TINY).model_dump() | {"stride": 7}
    with pytest.raises(ValidationError, match="multiple of stride 7"):
        Card.model_validate(values)


@pytest.mark.parametrize(("key", "value"), [("value_range", [5, 5]), ("value_range", [-1, 9]), ("tile_px", 1 << 40)])
def test_ranges_and_tiles_that_cannot_be_are_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        Card.model_validate({**read_card(TINY).model_dump(), key: value})
