"""What an import must not pass over: parts on two sides, folders it cannot read, masks that may be forgotten."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from blemish.cli.data_import import import_
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.data.exporters.planes import export_colour, export_index
from blemish.data.readers.listing import _refuse_unreadable

app = typer.Typer()
app.command("import")(import_)
app.callback()(lambda: None)  # So that the name of the only command has to be given.


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def gray(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (size, size), dtype=np.uint8)


def steel(src: Path, count: int = 6) -> Path:
    """Index masks: class 1 or 2 in turn."""
    for i in range(count):
        plane = np.zeros((32, 32), np.uint8)
        plane[4:10, 4 + i : 10 + i] = 1 + i % 2
        save(src / "images" / f"{i:03d}.png", gray(i))
        save(src / "annotations" / f"{i:03d}.png", plane)
    return src


def two_views(src: Path, sides: tuple[str, str]) -> Path:
    """Parts p0 to p5 with two pictures each, which the groups file puts into groups of their own."""
    steel(src, 12)
    rows = [f"images/{i:03d}.png,g{i},{sides[i % 2]},p{i // 2}" for i in range(12)]
    (src / "groups.csv").write_text("file,group,split,part\n" + "\n".join(rows))
    return src


def test_a_part_whose_views_are_given_to_two_sides_is_refused(tmp_path):
    result = run("import", two_views(tmp_path / "in", ("train", "test")), "--out", tmp_path / "set", "--tile", 32)
    assert result.exit_code == 2
    assert "part 'p0' has pictures in train and in test" in result.stderr
    assert not (tmp_path / "set").exists()


def test_drawn_sides_keep_a_part_together_whatever_its_groups(tmp_path):
    src = two_views(tmp_path / "in", ("train", "train"))
    result = run("import", src, "--out", tmp_path / "set", "--tile", 32, "--split", "50/25/25")
    assert result.exit_code == 0, result.stderr
    assert "6 parts have pictures in several groups" in result.output
    sides: dict[str, set[str]] = {}
    for record in Dataset(tmp_path / "set").records:
        sides.setdefault(record.part, set()).add(str(record.split))
    assert len(sides) == 6
    assert all(len(own) == 1 for own in sides.values())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_refused_and_not_passed_over(tmp_path):
    steel(tmp_path / "in")
    (tmp_path / "in" / "annotations").chmod(0)
    try:
        result = run("import", tmp_path / "in", "--out", tmp_path / "set", "--tile", 32)
    finally:
        (tmp_path / "in" / "annotations").chmod(0o755)
    assert result.exit_code == 2
    assert "cannot read folder" in result.stderr


def test_an_error_of_the_walk_is_one_line_naming_the_folder():
    with pytest.raises(InputError, match="cannot read folder /x/masks/b: Permission denied; make it readable"):
        _refuse_unreadable(PermissionError(13, "Permission denied", "/x/masks/b"))


def test_links_that_lead_out_are_named_where_there_is_nothing_else(tmp_path):
    steel(tmp_path / "elsewhere")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "images").symlink_to(tmp_path / "elsewhere" / "images")
    result = run("import", tmp_path / "in", "--out", tmp_path / "set")
    assert result.exit_code == 2
    assert "images is a link that leads out of the folder" in result.stderr


def test_pictures_of_two_depths_are_told(tmp_path):
    steel(tmp_path / "in")
    Image.fromarray(gray(3).astype(np.uint16) * 16).save(tmp_path / "in" / "images" / "003.png")
    result = run("import", tmp_path / "in", "--out", tmp_path / "set", "--tile", 32)
    assert result.exit_code == 0, result.stderr
    assert "1 pictures have 16 bit and 5 have 8" in result.output


@pytest.mark.parametrize("flags", [(), ("--empty-clean",)])
def test_a_lone_empty_mask_is_of_a_good_part_where_the_user_says_so(tmp_path, flags):
    steel(tmp_path / "in", 10)
    save(tmp_path / "in" / "annotations" / "009.png", np.zeros((32, 32), np.uint8))
    result = run("import", tmp_path / "in", "--out", tmp_path / "set", "--tile", 32, *flags)
    assert result.exit_code == 0, result.stderr
    assert sum(record.is_clean for record in Dataset(tmp_path / "set").records) == len(flags)


@pytest.mark.parametrize("export", [export_index, export_colour])
def test_what_was_exported_comes_back_with_its_clean_tiles(tmp_path, export):
    steel(tmp_path / "in", 10)
    save(tmp_path / "in" / "annotations" / "009.png", np.zeros((32, 32), np.uint8))
    assert run("import", tmp_path / "in", "--out", tmp_path / "set", "--tile", 32, "--empty-clean").exit_code == 0
    export(Dataset(tmp_path / "set"), tmp_path / "out")
    result = run("import", tmp_path / "out", "--out", tmp_path / "again", "--tile", 32)
    assert result.exit_code == 0, result.stderr
    back = Dataset(tmp_path / "again").records
    assert (sum(r.is_clean for r in back), sum(r.ignore_px for r in back)) == (1, 0)


def test_folders_of_two_sides_that_spell_a_class_otherwise_are_one_class(tmp_path):
    for side, name, count in (("train", "Crack", 2), ("test", "crack", 3), ("train", "surface", 2)):
        for i in range(count):
            mask = np.zeros((32, 32), np.uint8)
            mask[2 : 4 + i, 3:9] = 255
            save(tmp_path / "in" / side / name / f"e{i}.jpg", gray(i))
            save(tmp_path / "in" / side / name / f"e{i}.png", mask)
    result = run("import", tmp_path / "in", "--out", tmp_path / "set", "--tile", 32)
    assert result.exit_code == 0, result.stderr
    taxonomy = Dataset(tmp_path / "set").taxonomy
    assert taxonomy.defect_names == ("crack", "surface")
    assert taxonomy.backgrounds[0].name == "ground"


def yolo(src: Path, outlines: list[str]) -> Path:
    for i, text in enumerate(outlines):
        save(src / f"{i}.png", gray(i, 64))
        (src / f"{i}.txt").write_text(text)
    return src


def turned_box(x: float, y: float) -> str:
    """As YOLO writes oriented boxes: four corners in shares."""
    corners = [(x, y + 12), (x + 24, y), (x + 34, y + 20), (x + 10, y + 32)]
    return "0 " + " ".join(f"{value / 64:.4f}" for corner in corners for value in corner) + "\n"


def test_boxes_in_the_place_of_outlines_are_told(tmp_path):
    boxes = [turned_box(3 + i, 5 + 2 * i) for i in range(5)]
    told = run("import", yolo(tmp_path / "boxes", boxes), "--dry-run").stdout
    assert "warning: 5 of 5 defects fill a rectangle: if these are boxes drawn round them" in told
    few = run("import", yolo(tmp_path / "few", boxes[:4]), "--dry-run").stdout
    assert "rectangle" not in few
    leaf = "0 " + " ".join(f"{0.5 + 0.3 * np.cos(a):.3f} {0.5 + 0.2 * np.sin(a):.3f}" for a in np.arange(0, 6.2, 0.3))
    mixed = run("import", yolo(tmp_path / "mixed", [*boxes, leaf]), "--dry-run").stdout
    assert "rectangle" not in mixed
