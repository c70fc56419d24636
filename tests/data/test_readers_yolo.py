"""YOLO outlines as Ultralytics and the labelling tools write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=64, split="none")
SQUARE = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"


def labelled(src: Path, name: str, text: str | None, folder: str = "images", labels: str = "labels") -> None:
    write_png(src / folder / f"{name}.png", np.random.default_rng(0).integers(60, 200, (64, 64), dtype=np.uint8))
    if text is not None:
        (src / labels).mkdir(parents=True, exist_ok=True)
        (src / labels / f"{name}.txt").write_text(text)


@pytest.fixture
def line(tmp_path: Path) -> Path:
    src = tmp_path / "src"
    labelled(src, "a", f"{SQUARE}\n1 0.7 0.7 0.9 0.7 0.9 0.9\n", "images/train", "labels/train")
    labelled(src, "b", "", "images/val", "labels/val")
    (src / "data.yaml").write_text("train: images/train\nval: images/val\nnc: 2\nnames: [Scratch, dent]\n")
    return src


def test_it_is_recognised_with_the_names_of_its_yaml(line: Path, tmp_path: Path) -> None:
    report = import_folder(line, tmp_path / "out", ImportOptions(tile_px=64, split="folders"))
    found = {record.id: record for record in Dataset(tmp_path / "out").records}
    assert report.format == "yolo"
    assert Dataset(tmp_path / "out").taxonomy.defect_names == ("Scratch", "dent")
    first = found["images/train/a-x0-y0"]
    assert first.defect_px[0] == 17 * 17
    assert 80 < first.defect_px[1] < 120
    assert str(first.split) == "train"
    assert found["images/val/b-x0-y0"].is_clean


@pytest.mark.parametrize("file", ["classes.txt", "labels/classes.txt", "obj.names"])
def test_a_list_of_names_names_the_classes_where_no_yaml_does(file: str, line: Path, tmp_path: Path) -> None:
    (line / file).write_text("Pit\nflaw\n\n")
    assert set(prepare(line, SMALL).survey.taxonomy.defect_names) == {"Scratch", "dent"}
    (line / "data.yaml").unlink()
    assert set(prepare(line, SMALL).survey.taxonomy.defect_names) == {"Pit", "flaw"}


def test_shares_of_six_digits_come_back_to_whole_pixels(tmp_path: Path) -> None:
    for i, (x, y) in enumerate([(16, 37), (31, 7), (52, 20)]):
        corners = [(x, y), (x + 9, y), (x + 9, y + 7), (x, y + 7)]
        text = "0 " + " ".join(f"{share / 96:.6f}" for corner in corners for share in corner)
        labelled(tmp_path / "src", f"{i}", text)
        write_png(tmp_path / f"src/images/{i}.png", np.random.default_rng(0).integers(60, 200, (96, 96), np.uint8))
    import_folder(tmp_path / "src", tmp_path / "out", ImportOptions(tile_px=96, split="none"))
    assert [r.defect_px for r in Dataset(tmp_path / "out").records] == [(80,)] * 3


@pytest.mark.parametrize("labels", ["images", "texts"])
def test_text_files_lie_beside_or_in_a_folder_beside(labels: str, tmp_path: Path) -> None:
    labelled(tmp_path / "src", "a", SQUARE, "images", labels)
    labelled(tmp_path / "src", "b", SQUARE.replace("0 ", "2 ", 1), "images", labels)
    import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    assert set(Dataset(tmp_path / "out").taxonomy.defect_names) == {"class-1", "class-3"}


def test_names_by_number_and_names_of_the_user(line: Path, tmp_path: Path) -> None:
    (line / "data.yaml").write_text("names:\n  0: pit\n  1: dent\n")
    import_folder(line, tmp_path / "by-number", SMALL)
    assert set(Dataset(tmp_path / "by-number").taxonomy.defect_names) == {"pit", "dent"}
    (line / "data.yaml").unlink()
    given = ImportOptions(tile_px=64, split="none", taxonomy=Taxonomy.of_names("mine", ["hole", "line", "other"]))
    import_folder(line, tmp_path / "by-user", given)
    assert Dataset(tmp_path / "by-user").records[0].defect_px == (289, 105, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0.5 0.5 0.1 0.1", "line 1 is a box"),
        (f"{SQUARE}\n0 0.1 0.1 0.2 0.2 0.3", "line 2 must have 6 or more numbers"),
        ("5 0.1 0.1 0.2 0.2 0.3 0.3", "class 5 is not among the 2 names"),
        ("0 0.1 0.1 0.2 0.2 0.3 1.7", "shares from 0 to 1"),
        ("0 0.1 0.1 0.2 nan 0.3 0.3", "shares from 0 to 1"),
        ("-1 0.1 0.1 0.2 0.2 0.3 0.3", "class number from 0"),
        ("0 0.1 0.1 0.2 0.2 0.3 a", "class number and shares"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, says: str, line: Path) -> None:
    (line / "labels" / "train" / "a.txt").write_text(text)
    labelled(line, "c", SQUARE, "images/train", "labels/train")
    report = prepare(line, ImportOptions(tile_px=64, split="none", skip_bad=True)).report
    assert (report.pictures_imported, report.pictures_left_out) == (2, 1)
    assert "images/train/a.png" in str(report.left_out)
    assert says in str(report.left_out)


def test_a_picture_without_a_text_file_is_not_taken_for_clean(line: Path, tmp_path: Path) -> None:
    labelled(line, "new", None, "images/train")
    with pytest.raises(InputError, match="an empty one would say that it is clean"):
        import_folder(line, tmp_path / "out", SMALL)


def test_other_text_files_are_no_labels(tmp_path: Path) -> None:
    labelled(tmp_path / "src", "a", "a note of the night shift", "images", "images")
    with pytest.raises(InputError, match="no picture with a label"):
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)


def test_yaml_that_is_none_or_names_otherwise_is_refused(line: Path, tmp_path: Path) -> None:
    (line / "more.yaml").write_text("names: [one, two]")
    with pytest.raises(InputError, match="name the classes differently"):
        import_folder(line, tmp_path / "out", SMALL)
    (line / "more.yaml").write_text("names: [one, two")
    with pytest.raises(InputError, match="not readable YAML"):
        import_folder(line, tmp_path / "out", SMALL)
    (line / "more.yaml").write_text("names: {a: one}")
    with pytest.raises(InputError, match="class numbers with names"):
        import_folder(line, tmp_path / "out", SMALL)


def test_labels_without_a_picture_or_with_two_are_named(line: Path, tmp_path: Path) -> None:
    (line / "labels" / "train" / "gone.txt").write_text(SQUARE)
    with pytest.raises(InputError, match=r"expected one picture for labels labels/train/gone\.txt, found none"):
        import_folder(line, tmp_path / "out", SMALL)
    (line / "labels" / "train" / "gone.txt").write_text("")
    (line / "classes.txt").write_text("Scratch\ndent")
    assert import_folder(line, tmp_path / "out", SMALL).pictures_imported == 2


def test_two_text_files_of_one_picture_are_refused(line: Path, tmp_path: Path) -> None:
    labelled(line, "c", SQUARE, "images/train", "labels/train")
    (line / "images" / "train" / "a.txt").write_text(SQUARE)
    two = Taxonomy.of_names("two", ["Scratch", "dent"])
    report = prepare(line, ImportOptions(tile_px=64, split="none", skip_bad=True, taxonomy=two)).report
    assert (report.pictures_found, report.pictures_imported, report.pictures_left_out) == (3, 2, 1)
    assert "found images/train/a.txt and labels/train/a.txt" in str(report.left_out)


def test_an_empty_line_among_the_names_is_refused(line: Path) -> None:
    (line / "data.yaml").unlink()
    (line / "classes.txt").write_text("Pit\n\nflaw\n")
    with pytest.raises(InputError, match=r"classes.txt, line 2 is empty"):
        prepare(line, SMALL)


def test_labels_of_a_missing_picture_go_to_no_picture_of_another_split(tmp_path: Path) -> None:
    src = tmp_path / "src"
    labelled(src, "p", SQUARE, "train", "train")
    labelled(src, "q", None, "val")
    (src / "train" / "q.txt").write_text(SQUARE)
    report = prepare(src, ImportOptions(tile_px=64, split="none", skip_bad=True)).report
    assert report.pictures_imported == 1
    assert {"train/q.txt", "val/q.png"} == {file for file, _ in report.left_out}
