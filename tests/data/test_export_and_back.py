"""What an export wrote is imported again as what it was: classes, origins, clean tiles, ranges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

TILE = 64
KINDS = Taxonomy.of_names("kinds", ["spot", "dent", "crack"])


def made(folder: Path, clean: int = 6, **changes: object) -> Dataset:
    """Padded tiles: one with a dent and more clean ones; dents are the second class, spots are shown nowhere."""
    with DatasetWriter(folder, DatasetInfo(KINDS, TILE, 1)) as writer:
        for i in range(clean + 2):
            label = LabelMap.clean(TILE, TILE)
            if i < 2:
                label.defect[8:20, 8:20] = 2 + i
            padding = np.zeros((TILE, TILE), bool)
            padding[:, -10:] = True
            label.defect[padding] = 255
            row = TileRecord(
                f"t{i}", f"p{i}", "", f"t{i}.png", Box(0, 0, TILE, TILE), f"g{i}", Split.TRAIN, Origin.REAL, (), ()
            )
            picture = np.random.default_rng(i).integers(60, 200, (TILE, TILE), np.uint8)
            writer.add(Sample(picture, label, replace(row, **changes)), padding)
    return Dataset(folder)


def back(dataset: Dataset, form: str, tmp_path: Path) -> Dataset:
    out = tmp_path / form
    done = CliRunner().invoke(app, ["data", "export", str(dataset.folder), "--format", form, "--out", str(out)])
    assert done.exit_code == 0, done.output
    import_folder(out, tmp_path / "again", ImportOptions(tile_px=TILE))
    return Dataset(tmp_path / "again")


@pytest.mark.parametrize("form", ["index", "colour", "labelme", "coco"])
@pytest.mark.parametrize("clean", [1, 12])
def test_classes_and_labels_are_the_same_again(form: str, clean: int, tmp_path: Path) -> None:
    first = made(tmp_path / "set", clean)
    again = back(first, form, tmp_path)
    assert again.taxonomy.defect_names == first.taxonomy.defect_names
    shown = [sorted(sample.label_map.defect.tobytes() for sample in each.samples()) for each in (first, again)]
    assert shown[0] == shown[1]


def test_simulated_tiles_stay_simulated(tmp_path: Path) -> None:
    again = back(made(tmp_path / "set", origin=Origin.SIMULATED), "index", tmp_path)
    assert {record.origin for record in again.records} == {Origin.SIMULATED}


def test_synthetic_tiles_do_not_become_real(tmp_path: Path) -> None:
    dataset = made(tmp_path / "set", origin=Origin.SYNTHETIC, generator="f" * 64, seed=1, preset="default")
    with pytest.raises(InputError, match="is a synthetic tile, and what it was made of is not known any more"):
        back(dataset, "index", tmp_path)


def test_pictures_that_no_group_is_given_to_decide_nothing(tmp_path: Path) -> None:
    """The fourth is the brightest, and alone in its class; the groups file does not list it."""
    src = tmp_path / "src"
    for i in range(4):
        picture = np.full((TILE, TILE), 900 + 600 * i, np.uint16)
        picture[0, 0] = 65_535 if i == 3 else 800
        src.joinpath("images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(src / "images" / f"{i}.png"), picture)
        mask = np.zeros((TILE, TILE), np.uint8)
        mask[8:16, 8:16] = 2 if i == 3 else 1
        write_png(src / "annotations" / f"{i}.png", mask)
    (src / "groups.csv").write_text("file,group\n" + "".join(f"images/{i}.png,g{i}\n" for i in range(3)))
    found = prepare(src, ImportOptions(tile_px=TILE, skip_bad=True, split="none"))
    assert found.survey.value_range == (800, 2100)
    assert found.report.pictures_imported == 3


def test_masks_of_many_gray_levels_in_flat_regions_are_refused(tmp_path: Path) -> None:
    mask = np.zeros((96, 96), np.uint8)
    for i in range(20):
        y, x = divmod(i, 5)
        mask[4 + 20 * y : 14 + 20 * y, 4 + 18 * x : 14 + 18 * x] = 12 * (i + 1)
    for i in range(3):
        write_png(tmp_path / f"src/images/{i}.png", np.random.default_rng(i).integers(60, 200, (96, 96), np.uint8))
        write_png(tmp_path / f"src/masks/{i}.png", mask)
    with pytest.raises(InputError, match="must be a mask of 0 and one value"):
        prepare(tmp_path / "src", ImportOptions(tile_px=96, split="none", format="masks"))


def test_a_name_too_long_for_the_files_of_its_tiles_is_found_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("a", "b" * 240):
        write_png(tmp_path / f"src/images/{name}.png", np.random.default_rng(0).integers(60, 200, (64, 64), np.uint8))
        write_png(tmp_path / f"src/masks/{name}.png", np.pad(np.full((9, 9), 255, np.uint8), ((5, 50), (5, 50))))
    report = prepare(tmp_path / "src", ImportOptions(tile_px=64, split="none", skip_bad=True)).report
    assert report.pictures_imported == 1
    assert "has too long a name for files of its tiles: 210 bytes at most" in report.left_out[0][1]
