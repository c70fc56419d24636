from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import DatasetError, InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample, unfinished_work

INFO = DatasetInfo(Taxonomy.preset("pouch-cell"), tile_px=16, channels=1)


def tile(name: str, value: int = 3) -> Sample:
    defect = np.zeros((16, 16), np.uint8)
    defect[2:5, 2:9] = value
    record = TileRecord(name, "", "", "", Box(0, 0, 16, 16), name, Split.TRAIN, Origin.SYNTHETIC, (), (), seed=1)
    return Sample(np.full((16, 16), len(name), np.uint8), LabelMap(defect, defect * 0), record)


def write_then_fail(folder: Path, tiles: list[Sample], error: BaseException) -> None:
    with DatasetWriter(folder, INFO, resume_key="k") as writer:
        for each in tiles:
            writer.add(each)
        raise error


def stopped(folder: Path, *tiles: Sample) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_then_fail(folder, list(tiles), KeyboardInterrupt())


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def finish(folder: Path, *names: str) -> list[str]:
    """Write what is not there yet; return what was kept."""
    kept = []
    with DatasetWriter(folder, INFO, resume_key="k") as writer:
        for name in names:
            if writer.has(name):
                writer.keep(tile(name).record)
                kept.append(name)
            else:
                writer.add(tile(name))
    return kept


def test_a_stopped_writer_goes_on_and_ends_with_the_same_files(tmp_path):
    assert finish(tmp_path / "whole", "a/1", "a/2", "b") == []
    stopped(tmp_path / "set", tile("a/1"), tile("a/2"))
    assert finish(tmp_path / "set", "a/1", "a/2", "b") == ["a/1", "a/2"]
    assert files(tmp_path / "set") == files(tmp_path / "whole")
    assert unfinished_work(tmp_path / "set") == []


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "empty"])
def test_a_torn_tile_is_made_again(tmp_path, damage):
    stopped(tmp_path / "set", tile("a"), tile("b"))
    path = unfinished_work(tmp_path / "set")[0] / "images" / "a.png"
    data = path.read_bytes()
    torn = {"cut": data[:-5], "flip": data[:40] + bytes([data[40] ^ 1]) + data[41:], "empty": b""}
    path.unlink() if damage == "gone" else path.write_bytes(torn[damage])
    assert finish(tmp_path / "set", "a", "b") == ["b"]


def test_the_rest_of_a_killed_write_does_not_enter_the_set(tmp_path):
    stopped(tmp_path / "set", tile("a"))
    (unfinished_work(tmp_path / "set")[0] / "images" / ".b.png.part").write_bytes(b"half")
    finish(tmp_path / "set", "a", "b")
    assert not [name for name in files(tmp_path / "set") if name.endswith(".part")]


def test_another_error_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="disk full"):
        write_then_fail(tmp_path / "set", [tile("a")], OSError("disk full"))
    assert list(tmp_path.iterdir()) == []


def test_another_key_does_not_go_on_with_the_work(tmp_path):
    stopped(tmp_path / "set", tile("a"))
    with DatasetWriter(tmp_path / "set", INFO, resume_key="other") as writer:
        assert not writer.has("a")
        writer.add(tile("c"))
    assert [r.id for r in Dataset(tmp_path / "set").records] == ["c"]


def test_a_kept_tile_counts_its_padding(tmp_path):
    stopped(tmp_path / "set", tile("a", value=IGNORE))
    with DatasetWriter(tmp_path / "set", INFO, resume_key="k") as writer:
        record = writer.keep(tile("a").record, ignored_is_padding=True)
    assert (record.padding_px, record.ignore_px) == (21, 0)


def test_keeping_twice_is_refused(tmp_path):
    stopped(tmp_path / "set", tile("a"))
    with DatasetWriter(tmp_path / "set", INFO, resume_key="k") as writer:
        writer.keep(tile("a").record)
        with pytest.raises(DatasetError, match="two tiles"):
            writer.keep(tile("a").record)


def test_two_writers_of_one_set_do_not_spoil_each_other(tmp_path):
    with DatasetWriter(tmp_path / "set", INFO, resume_key="k") as first:
        first.add(tile("a"))
        second = DatasetWriter(tmp_path / "set", INFO, resume_key="k")
        with pytest.raises(InputError, match="is being written by another process"):
            second.__enter__()
        first.add(tile("b"))
    assert [record.id for record in Dataset(tmp_path / "set").records] == ["a", "b"]
