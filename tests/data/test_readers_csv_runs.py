"""A CSV of run lengths, as Kaggle's competitions write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import BlemishError, InputError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=64, split="none")
STEEL = "ImageId,ClassId,EncodedPixels\na.png,1,1 3 67 2\na.png,3,4096 1\nb.png,3,65 64\nc.png,1,\n"


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        write_png(folder / name, np.random.default_rng(0).integers(60, 200, (64, 64), dtype=np.uint8))


@pytest.fixture
def steel(tmp_path: Path) -> Path:
    src = tmp_path / "steel"
    pictures(src / "train_images", "a.png", "b.png", "c.png")
    (src / "train.csv").write_text(STEEL)
    return src


def test_pixels_are_counted_column_by_column_from_one(steel: Path, tmp_path: Path) -> None:
    report = import_folder(steel, tmp_path / "out", SMALL)
    data = Dataset(tmp_path / "out")
    first = data.label_map(next(r for r in data.records if "/a-" in r.id)).defect
    by_name = {name: index for index, name in enumerate(data.taxonomy.defect_names, start=1)}
    assert report.format == "runs"
    expected = np.zeros((64, 64), np.uint8)
    expected[[0, 1, 2], 0] = by_name["class-1"]
    expected[[2, 3], 1] = by_name["class-1"]
    expected[63, 63] = by_name["class-3"]
    np.testing.assert_array_equal(first, expected)


def test_a_row_without_run_lengths_says_that_there_is_no_defect(steel: Path, tmp_path: Path) -> None:
    import_folder(steel, tmp_path / "out", SMALL)
    assert next(r for r in Dataset(tmp_path / "out").records if "/c-" in r.id).is_clean


@pytest.mark.parametrize(
    "text",
    [
        "a.png_1,1 3 67 2\na.png_2,\na.png_3,4096 1\nb.png_3,65 64\nc.png_1,-1\n",
        "train_images/a.png_1,1 3 67 2\na.png_3,4096 1\nb.png_3,65 64\nc.png_1,nan\n",
    ],
)
def test_the_class_may_follow_the_file_name(text: str, steel: Path, tmp_path: Path) -> None:
    import_folder(steel, tmp_path / "columns", SMALL)
    (steel / "train.csv").write_text(f"ImageId_ClassId,EncodedPixels\n{text}")
    import_folder(steel, tmp_path / "out", SMALL)
    assert Dataset(tmp_path / "out").hash == Dataset(tmp_path / "columns").hash


def test_columns_are_known_by_what_stands_in_them(steel: Path, tmp_path: Path) -> None:
    (steel / "train.csv").write_text("wo,was,wer\n1 3,Riss,a.png\n65 64,Loch,b.png\n,,c.png\n")
    import_folder(steel, tmp_path / "out", SMALL)
    assert set(Dataset(tmp_path / "out").taxonomy.defect_names) == {"Riss", "Loch"}


def test_without_a_class_there_is_one(steel: Path, tmp_path: Path) -> None:
    (steel / "train.csv").write_text("id,rle\na.png,1 3\nb.png,65 64\nc.png,\n")
    import_folder(steel, tmp_path / "out", SMALL)
    assert Dataset(tmp_path / "out").taxonomy.defect_names == ("defect",)


def test_numbers_get_the_names_of_the_user(steel: Path, tmp_path: Path) -> None:
    named = ImportOptions(tile_px=64, split="none", taxonomy=Taxonomy.of_names("steel", ["pit", "hole", "line"]))
    import_folder(steel, tmp_path / "out", named)
    assert Dataset(tmp_path / "out").records[0].defect_px == (5, 0, 1)


def test_a_picture_with_one_bad_row_is_left_out_whole(steel: Path, tmp_path: Path) -> None:
    few = ImportOptions(tile_px=64, split="none", taxonomy=Taxonomy.of_names("x", ["pit", "hole"]), skip_bad=True)
    report = import_folder(steel, tmp_path / "out", few)
    assert {file: "class 3 is none of pit, hole" in reason for file, reason in report.left_out} == {
        "train_images/a.png": True,
        "train_images/b.png": True,
    }
    assert [record.id for record in Dataset(tmp_path / "out").records] == ["train_images/c-x0-y0"]


@pytest.mark.parametrize("row", ["a.png,2,1 3 9", "a.png,2", "a.png,,1 3"])
def test_so_is_one_with_a_row_that_says_nothing_certain(row: str, steel: Path, tmp_path: Path) -> None:
    (steel / "train.csv").write_text(f"{STEEL}{row}\n")
    careless = ImportOptions(tile_px=64, split="none", skip_bad=True, unlabelled_clean=True)
    report = import_folder(steel, tmp_path / "out", careless)
    assert [file for file, _ in report.left_out] == ["train_images/a.png"]
    assert {record.id for record in Dataset(tmp_path / "out").records} == {
        "train_images/b-x0-y0",
        "train_images/c-x0-y0",
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.png,1,0 3", "must count pixels from 1"),
        ("a.png,1,4 0", "must count pixels from 1"),
        ("a.png,1,4090 8", "pixels 4090 to 4097 lead out of the picture of 64 x 64 px"),
        ("d.png,1,1 3", "expected one picture 'd.png', found none"),
        (",1,1 3", "expected a picture's file, got ''"),
        ("a.png,1", "has 2 fields, the header 3: the row is not whole"),
        ("a.png,1,1 3,9 2", "has 4 fields, the header 3"),
        ("a.png,1,1 3 9", "pixel and count in turn, got '1 3 9'"),
        ("a.png,1," + "9" * 5000 + " 1", "pixel and count in turn"),
        ("a.png,,1 3", "run lengths without a class"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(line: str, says: str, steel: Path) -> None:
    (steel / "train.csv").write_text(f"ImageId,ClassId,EncodedPixels\nb.png,3,65 64\n{line}\nc.png,1,\n")
    try:
        told = " ".join(reason for _, reason in prepare(steel, SMALL).report.left_out)
    except BlemishError as error:
        told = str(error)
    assert says in told
    assert "line 3" in told


def test_a_picture_that_is_not_listed_is_refused_unless_such_ones_are_clean(steel: Path, tmp_path: Path) -> None:
    pictures(steel / "train_images", "d.png")
    with pytest.raises(InputError, match=r"d\.png is not in train\.csv"):
        import_folder(steel, tmp_path / "out", SMALL)
    import_folder(steel, tmp_path / "out", ImportOptions(tile_px=64, split="none", unlabelled_clean=True))
    assert next(r for r in Dataset(tmp_path / "out").records if "/d-" in r.id).is_clean


def test_two_files_of_run_lengths_are_refused(steel: Path) -> None:
    (steel / "sample_submission.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,1,1 4096\n")
    with pytest.raises(InputError, match=r"2 files of run lengths, sample_submission.csv and train.csv"):
        prepare(steel, SMALL)


def test_a_table_without_a_header_is_refused(steel: Path) -> None:
    (steel / "train.csv").write_text(STEEL.split("\n", 1)[1])
    with pytest.raises(InputError, match="the first line must name the columns"):
        prepare(steel, SMALL)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        (
            ",ImageId,ClassId,EncodedPixels\n0,a.png,1,1 3\n1,a.png,3,9 1\n2,b.png,3,65 64\n3,c.png,1,\n",
            "class-1 class-3",
        ),
        ("ImageId,EncodedPixels,width,height\na.png,1 3,64,64\nb.png,65 64,64,64\nc.png,,64,64\n", "defect"),
        ("ImageId_ClassId,EncodedPixels,fold\na.png_1,1 3,0\nb.png_3,65 64,1\nc.png_1,,2\n", "class-1 class-3"),
        ("ImageId,ClassId,EncodedPixels\na.png,1.0,1 3\nb.png,3.0,65 64\nc.png,nan,None\n", "class-1 class-3"),
        ("ImageId,ClassId,EncodedPixels\na.png,3,1 3\nb.png,3,65 64\nc.png,3,null\n", "class-3"),
        ("ImageId;ClassId;EncodedPixels\na.png;1;1 3\nb.png;3;65 64\nc.png;1;\n", "class-1 class-3"),
        ("Bild;Fehler;Pixel\na.png;Riß;1 3\nb.png;Loch;65 64\nc.png;Loch;\n", "Loch Riß"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_class_is_not_any_column_of_few_values(
    text: str, classes: str, encoding: str, steel: Path, tmp_path: Path
) -> None:
    (steel / "train.csv").write_text(text, encoding=encoding)
    import_folder(steel, tmp_path / "out", SMALL)
    assert sorted(Dataset(tmp_path / "out").taxonomy.defect_names) == classes.split()


def test_two_columns_that_may_be_the_class_are_refused(steel: Path) -> None:
    (steel / "train.csv").write_text("id,line,kind,rle\na.png,1,x,1 3\nb.png,2,y,65 64\nc.png,1,x,\n")
    with pytest.raises(InputError, match="the columns line and kind may both be the class"):
        prepare(steel, SMALL)


def test_the_mask_of_a_large_picture_is_one_long_field(steel: Path, tmp_path: Path) -> None:
    long = " ".join(f"{2 * place + 1} 1" for place in range(2000)) + " 4001 1" * 30_000
    (steel / "train.csv").write_text(f"ImageId,ClassId,EncodedPixels\na.png,1,{long}\nb.png,3,65 64\nc.png,1,\n")
    import_folder(steel, tmp_path / "out", SMALL)
    assert Dataset(tmp_path / "out").records[0].defect_px[0] == 2001


def test_masks_beside_a_table_come_first(steel: Path) -> None:
    for name in ("a", "b", "c"):
        drawn = np.zeros((64, 64), np.uint8)
        drawn[5:20, 5:20] = 255
        write_png(steel / "masks" / f"{name}.png", drawn)
    assert prepare(steel, SMALL).report.format == "masks"


@pytest.mark.parametrize("text", [STEEL.split("\n", 1)[1], "a\n" + "x" * (1 << 27) + ",b\n"])
def test_a_table_that_is_bad_does_not_hinder_masks_beside_it(text: str, steel: Path) -> None:
    (steel / "train.csv").write_text(text)
    for name in ("a", "b", "c"):
        drawn = np.zeros((64, 64), np.uint8)
        drawn[5:20, 5:20] = 255
        write_png(steel / "masks" / f"{name}.png", drawn)
    assert prepare(steel, SMALL).report.format == "masks"


def test_other_tables_are_none_of_it(steel: Path) -> None:
    (steel / "groups.csv").write_text("file,group\na.png,one\nb.png,two\nc.png,three\n")
    assert prepare(steel, SMALL).report.format == "runs"
    (steel / "train.csv").unlink()
    with pytest.raises(InputError, match="no picture with a label"):
        prepare(steel, SMALL)


def test_a_quote_that_is_not_closed_swallows_no_rows(tmp_path: Path) -> None:
    src = tmp_path / "src"
    pictures(src, *(f"{name}.png" for name in "abcdefgh"))
    rows = [f"{name}.png,1 3" for name in "abcdef"]
    rows[2] = 'c.png,"1 3'
    (src / "train.csv").write_text("\n".join(["file,runs", *rows]) + "\n")
    options = ImportOptions(tile_px=64, split="none", unlabelled_clean=True, skip_bad=True)
    with pytest.raises(InputError, match=r"train.csv as CSV"):
        prepare(src, options)
