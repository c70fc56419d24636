import numpy as np

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.picture.tiling import cut, padding_of
from blemish.segment.scans import labelled_scans

ONE = Taxonomy.of_names("one", ["spot"])


def tiled(folder, picture, truth, boxes, part="p"):
    """A data set of the tiles of one scan, as an import makes it."""
    with DatasetWriter(folder, DatasetInfo(ONE, boxes[0].width, 1)) as writer:
        for box in boxes:
            padding = padding_of(box, *truth.shape)
            defect = cut(truth, box)
            defect[padding] = 255
            record = TileRecord(
                f"{part}-x{box.x}-y{box.y}", part, "", "scan.png", box, part, Split.VAL, Origin.REAL, (), ()
            )
            label = LabelMap(defect, np.zeros_like(defect))
            writer.add(Sample(cut(picture, box), label, record), padding if padding.any() else None)
    return Dataset(folder)


def scan(height=50, width=70):
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (height, width)).astype(np.uint8)
    truth = np.zeros((height, width), np.uint8)
    truth[20:30, 25:40] = 1  # Over the border of tiles.
    return picture, truth


BOXES = [Box(x, y, 32, 32) for y in (0, 24) for x in (0, 32, 48)]


def test_overlapping_padded_tiles_become_the_scan_again(tmp_path):
    picture, truth = scan()
    data = tiled(tmp_path / "set", picture, truth, BOXES)
    (found,) = labelled_scans(data, data.records)
    assert np.array_equal(found.picture[:, :, 0], picture)
    assert np.array_equal(found.truth, truth)
    assert (found.part, found.group, found.name, found.tiles, found.is_clean) == ("p", "p", "scan.png", 6, False)


def test_tiles_with_a_gap_are_scans_of_their_own(tmp_path):
    picture, truth = scan()
    data = tiled(tmp_path / "set", picture, truth, BOXES)
    found = list(labelled_scans(data, data.records[:1] + data.records[2:]))
    assert [one.tiles for one in found] == [1] * 5
    assert {one.part for one in found} == {"p"}
    assert found[1].picture.shape[:2] == (32, 22)  # Without its padding.


def test_a_tile_of_255_throughout_stays_and_is_not_clean(tmp_path):
    picture, truth = scan(20, 20)
    data = tiled(tmp_path / "set", picture, np.full_like(truth, 255), [Box(0, 0, 32, 32)])
    (found,) = labelled_scans(data, data.records)
    assert found.truth.shape == (32, 32)
    assert not found.is_clean
