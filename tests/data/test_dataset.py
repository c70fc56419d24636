from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blemish.core.errors import DatasetError, LabelError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.manifest import ManifestWriter
from blemish.picture.write import write_png

CELL = Taxonomy.preset("pouch-cell")
INFO = DatasetInfo(CELL, tile_px=16, channels=1)


def sample(tile_id: str = "a/b", *, value: int = 3, group: str = "g", split: Split = Split.TRAIN) -> Sample:
    defect = np.zeros((16, 16), np.uint8)
    defect[4:8, 4:6] = value
    record = TileRecord(tile_id, "p", "v", "s.png", Box(0, 0, 16, 16), group, split, Origin.REAL, (), ())
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return Sample(picture, LabelMap(defect, np.zeros_like(defect)), record)


def write(folder, *samples):
    with DatasetWriter(folder, INFO) as writer:
        for each in samples:
            writer.add(each)
    return Dataset(folder)


def test_what_was_written_is_read_back(tmp_path):
    dataset = write(tmp_path / "set", sample(), sample("c"))
    back = dataset.sample(0)
    assert (back.picture == sample().picture).all()
    assert (back.label_map.defect == sample().label_map.defect).all()
    assert back.record.defect_px == (0, 0, 8, 0, 0, 0)
    assert back.record.background_px == (256, 0)
    assert [r.id for r in dataset.records] == ["a/b", "c"]


def test_equal_contents_have_one_hash_and_others_another(tmp_path):
    first, second = write(tmp_path / "1", sample()), write(tmp_path / "2", sample())
    other = write(tmp_path / "3", sample(value=2))
    assert first.hash == second.hash != other.hash


def test_padding_and_ignored_pixels_are_counted_apart(tmp_path):
    tile = sample(value=255)
    tile.label_map.defect[15] = 255
    padding = np.zeros((16, 16), bool)
    padding[15] = True
    with DatasetWriter(tmp_path / "set", INFO) as writer:
        record = writer.add(tile, padding)
    assert (record.ignore_px, record.padding_px, record.is_clean) == (8, 16, False)


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(LabelError):
        write(tmp_path / "set", sample(), sample("bad", value=9))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tile_id", ["../a", "/a", "a/../../b", "", "a\\b"])
def test_an_id_that_leads_out_of_the_folder_is_refused(tmp_path, tile_id):
    with pytest.raises(DatasetError, match="cannot be a tile's id"), DatasetWriter(tmp_path / "set", INFO) as writer:
        writer.add(sample(tile_id))


def test_a_group_on_both_sides_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="group 'g' is in train and in test"):
        write(tmp_path / "set", sample(), sample("c", split=Split.TEST))


def test_a_synthetic_tile_never_enters_test(tmp_path):
    tile = sample(split=Split.TEST)
    tile = replace(tile, record=replace(tile.record, origin=Origin.SYNTHETIC))
    with pytest.raises(DatasetError, match="never enters test"):
        write(tmp_path / "set", tile)


def test_a_data_set_is_never_changed(tmp_path):
    write(tmp_path / "set", sample())
    with pytest.raises(DatasetError, match="there already"):
        write(tmp_path / "set", sample())


def test_an_empty_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="nothing to import"):
        write(tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_folder_that_is_no_data_set_is_named(tmp_path):
    with pytest.raises(DatasetError, match="is not a data set"):
        Dataset(tmp_path)


def rewritten(folder, **changes):
    """The same set with the first row of its manifest changed."""
    rows = Dataset(folder).records
    writer = ManifestWriter(folder / "manifest.parquet")
    for row in [replace(rows[0], **changes), *rows[1:]]:
        writer.add(row)
    writer.close()
    return folder


@pytest.mark.parametrize("tile_id", ["../../evil", "/etc/evil", "a/../../b", ""])
def test_a_foreign_manifest_leads_no_command_out_of_its_folder(tmp_path, tile_id):
    folder = rewritten(write(tmp_path / "set", sample(), sample("c")).folder, id=tile_id)
    with pytest.raises(DatasetError, match="cannot be a tile's id"):
        Dataset(folder)


def test_a_damaged_manifest_is_one_line_whatever_byte_is_wrong(tmp_path):
    folder = write(tmp_path / "set", sample(), sample("c")).folder
    path = folder / "manifest.parquet"
    sound, random = path.read_bytes(), np.random.default_rng(0)
    refusals = []
    for _ in range(150):
        bad = bytearray(sound)
        for place in random.integers(4, len(bad), 4):
            bad[place] ^= int(random.integers(1, 256))
        path.write_bytes(bad)
        try:  # A byte that only changes a number, or lies unused, may be read; any other error fails.
            Dataset(folder)
        except DatasetError as error:
            refusals.append(str(error))
    assert len(refusals) > 75
    assert all("\n" not in text and ("manifest.parquet" in text or "tile's id" in text) for text in refusals)


def info_changed(folder, old, new):
    path = folder / "dataset.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "groove"', 'name = "grove"', "was altered after it was written"),
        ("channels = 1", "channels = 1\nvalue_range = [0, 65535]", "was altered after it was written"),
        ("channels = 1", "channels = 7", "lacks or garbles tile_px 16 or channels 7"),
        ("tile_px = 16", "tile_px = inf", "lacks or garbles"),
        ("channels = 1", "channels = 1\nvalue_range = [5, -7]", r"lacks or garbles value_range \[5, -7\]"),
    ],
)
def test_a_set_that_was_changed_by_hand_is_not_read(tmp_path, old, new, says):
    write(tmp_path / "set", sample())
    info_changed(tmp_path / "set", old, new)
    with pytest.raises(DatasetError, match=says):
        Dataset(tmp_path / "set")


def test_how_16_bit_was_scaled_is_in_the_hash(tmp_path):
    hashes = set()
    for place, span in enumerate((None, (0, 4095), (0, 65535))):
        with DatasetWriter(tmp_path / str(place), replace(INFO, value_range=span)) as writer:
            writer.add(sample())
        hashes.add(Dataset(tmp_path / str(place)).hash)
    assert len(hashes) == 3


def test_a_label_that_was_changed_to_a_class_that_is_none_is_named(tmp_path):
    dataset = write(tmp_path / "set", sample())
    write_png(tmp_path / "set" / "labels" / "a" / "b.png", np.full((16, 16), 7, np.uint8))
    with pytest.raises(LabelError, match="a/b: defect value 7 at x=0, y=0 is not in the taxonomy"):
        dataset.sample(0)


def test_an_empty_cell_of_a_manifest_is_one_line(tmp_path):
    write(tmp_path / "set", sample())
    path = tmp_path / "set" / "manifest.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("ignore_px")
    pq.write_table(table.set_column(place, table.schema.field("ignore_px"), pa.array([None], pa.int64())), path)
    with pytest.raises(DatasetError, match=r"is damaged .a cell of ignore_px is empty"):
        Dataset(tmp_path / "set", altered=True)
