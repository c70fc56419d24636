"""`data import` through the command line: what is refused, what is left out, what adds up."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from blemish.cli.data_import import import_
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare

DATA = Path(__file__).parents[3] / "shared" / "data"

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


def tiles(src: Path) -> Path:
    """Class folders with masks beside the pictures, and a clean folder."""
    for name, value in (("MT_Crack", 255), ("MT_Hole", 255), ("MT_Free", 0)):
        for i in range(3):
            mask = np.zeros((32, 32), np.uint8)
            mask[2 : 4 + i, 3:9] = value
            save(src / name / "Imgs" / f"e{i}_{name}.jpg", gray(i))
            save(src / name / "Imgs" / f"e{i}_{name}.png", mask)
    return src


def header_only(path: Path, width: int, height: int) -> None:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))


def other_size(src: Path) -> None:
    save(src / "annotations" / "001.png", np.ones((31, 32), np.uint8))


def unknown_value(src: Path) -> None:
    save(src / "annotations" / "001.png", np.full((32, 32), 200, np.uint8))


def two_pictures(src: Path) -> None:
    save(src / "images" / "001.bmp", gray(9))


def truncated(src: Path) -> None:
    path = src / "images" / "001.png"
    path.write_bytes(path.read_bytes()[:300])


def truncated_mask(src: Path) -> None:
    path = src / "annotations" / "001.png"
    path.write_bytes(path.read_bytes()[:60])


def enormous(src: Path) -> None:
    header_only(src / "images" / "001.png", 30_000, 30_000)


def enormous_mask(src: Path) -> None:
    header_only(src / "annotations" / "001.png", 30_000, 30_000)


def text_as_png(src: Path) -> None:
    (src / "images" / "001.png").write_text("file,group\n001.png,g1\n")


def stray_text_as_png(src: Path) -> None:
    (src / "table.png").write_text("file,group\n001.png,g1\n")


def zero_bytes(src: Path) -> None:
    (src / "images" / "001.png").write_bytes(b"")


def link_out(src: Path) -> None:
    outside = src.parent / "outside.png"
    save(outside, gray(3))
    (src / "images" / "001.png").unlink()
    (src / "images" / "001.png").symlink_to(outside)


def link_to_nothing(src: Path) -> None:
    (src / "images" / "001.png").unlink()
    (src / "images" / "001.png").symlink_to(src / "images" / "gone.png")


def links_in_a_circle(src: Path) -> None:
    for name, other in (("a.png", "b.png"), ("b.png", "a.png")):
        (src / "images" / name).symlink_to(src / "images" / other)


def folder_link_out(src: Path) -> None:
    save(src.parent / "elsewhere" / "x.png", gray(3))
    (src / "images" / "more").symlink_to(src.parent / "elsewhere")


def empty_subfolder(src: Path) -> None:
    (src / "images" / "late").mkdir()


def without_mask(src: Path) -> None:
    (src / "annotations" / "001.png").unlink()


def without_picture(src: Path) -> None:
    (src / "images" / "001.png").unlink()


BROKEN: dict[Callable[[Path], None], tuple[str, int, int]] = {  # message, pictures found, left out
    other_size: ("label must be 32x32 px like its picture images/001.png, got 32x31", 6, 1),
    unknown_value: ("value 200 at x=0, y=0 (1024 pixels) is not a class", 6, 1),
    two_pictures: ("expected one picture for mask annotations/001.png, found 2", 7, 2),
    truncated: ("images/001.png is damaged or truncated", 6, 1),
    truncated_mask: ("annotations/001.png is damaged or truncated", 6, 1),
    enormous: ("images/001.png has 30000 x 30000 = 900,000,000 pixels, over the budget", 6, 1),
    enormous_mask: ("annotations/001.png has 30000 x 30000 = 900,000,000 pixels, over the budget", 6, 1),
    text_as_png: ("images/001.png is not a PNG, JPEG, TIFF or BMP picture", 6, 1),
    stray_text_as_png: ("table.png is not a PNG, JPEG, TIFF or BMP picture", 7, 1),
    zero_bytes: ("images/001.png is empty (0 bytes)", 6, 1),
    link_out: ("images/001.png is a link that leads out of the folder", 6, 1),
    link_to_nothing: ("images/001.png is a link to nothing", 6, 1),
    links_in_a_circle: ("images/a.png is a link to nothing", 8, 2),
    folder_link_out: ("images/more is a link that leads out of the folder", 7, 1),
    empty_subfolder: ("folder images/late of", 6, 0),
    without_mask: ("picture images/001.png has no mask", 6, 1),
    without_picture: ("mask annotations/001.png has no picture", 5, 0),
}


@pytest.mark.parametrize("break_it", BROKEN)
def test_a_broken_folder_ends_in_one_line_and_leaves_nothing(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    message, _, _ = BROKEN[break_it]
    break_it(steel(tmp_path / "src"))
    result = run("import", tmp_path / "src", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name and p.suffix != ".png") == []


@pytest.mark.parametrize("break_it", BROKEN)
def test_bad_files_can_be_left_out_and_the_counts_add_up(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    _, found, left_out = BROKEN[break_it]
    break_it(steel(tmp_path / "src"))
    result = run("import", tmp_path / "src", "--out", tmp_path / "out", "--skip-bad")
    assert result.exit_code == 0
    last = result.stdout.strip().splitlines()[-1]
    assert last == f"pictures found {found} = imported {found - left_out} + left out {left_out}"
    assert len({r.source for r in Dataset(tmp_path / "out").records}) == found - left_out


def test_an_empty_or_missing_or_unlabelled_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save(tmp_path / "bare" / "a.png", gray(1))
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "a.png").write_text("a,b\n1,2\n")
    for name, message in {
        "empty": "is empty: expected a folder",
        "none": "is not a folder",
        "bare": "no picture with a label",
        "fake": "a.png is not a PNG",
    }.items():
        result = run("import", tmp_path / name, "--out", tmp_path / "out")
        assert (result.exit_code, len(result.stderr.strip().splitlines())) == (2, 1)
        assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_with_one_broken_pair_says_what_is_broken(tmp_path: Path) -> None:
    steel(tmp_path / "src", 1)
    truncated_path = tmp_path / "src" / "images" / "000.png"
    truncated_path.write_bytes(truncated_path.read_bytes()[:300])
    result = run("import", tmp_path / "src", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "images/000.png is damaged or truncated" in result.stderr


def test_a_dry_run_writes_nothing_and_counts_what_the_import_will(tmp_path: Path) -> None:
    tiles(tmp_path / "src")
    dry = json.loads(run("import", tmp_path / "src", "--tile", 32, "--dry-run", "--json").stdout)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["src"]
    real = json.loads(run("import", tmp_path / "src", "--tile", 32, "--out", tmp_path / "out", "--json").stdout)
    assert dry["pictures_found"] == 9 == dry["clean"] + dry["one_class"]
    assert {k: v for k, v in dry.items() if k != "out"} == {k: v for k, v in real.items() if k not in ("out", "hash")}
    assert real["tiles"] == len(Dataset(tmp_path / "out"))
    assert real["hash"] == Dataset(tmp_path / "out").hash


def test_a_dry_run_of_a_broken_folder_lists_every_bad_file_and_says_that_it_would_be_refused(tmp_path: Path) -> None:
    steel(tmp_path / "src")
    other_size(tmp_path / "src")
    (tmp_path / "src" / "images" / "002.png").write_bytes(b"no")
    result = run("import", tmp_path / "src", "--dry-run")
    assert result.exit_code == 2
    assert [line.split(":")[1].strip() for line in result.stdout.splitlines() if line.startswith("left out")] == [
        "images/001.png", "images/002.png",
    ]  # fmt: skip
    assert "and 1 more bad file" in result.stderr


def test_a_set_that_is_there_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    result = run("import", steel(tmp_path / "src"), "--out", tmp_path / "out")
    assert (result.exit_code, list((tmp_path / "out").iterdir())) == (2, [])


def test_the_same_import_twice_gives_the_same_hash(tmp_path: Path) -> None:
    tiles(tmp_path / "src")
    for name in ("a", "b"):
        import_folder(tmp_path / "src", tmp_path / name, ImportOptions(tile_px=32, seed=4))
    assert Dataset(tmp_path / "a").hash == Dataset(tmp_path / "b").hash


def test_small_defects_are_ignored_on_the_whole_scan_before_tiling(tmp_path: Path) -> None:
    long_one = np.zeros((64, 64), np.uint8)
    long_one[5, 10:54] = 1  # 44 px over two tiles of 32, neither of which holds 30 of them in one piece.
    long_one[40, 3:12] = 1
    save(tmp_path / "src" / "images" / "a.png", gray(1, 64))
    save(tmp_path / "src" / "labels" / "a.png", long_one)
    toml = tmp_path / "t.toml"
    toml.write_text('name = "t"\n[[defects]]\nname = "scratch"\nleast_size_px = 30\n')
    result = run("import", tmp_path / "src", "--out", tmp_path / "o", "--taxonomy", toml, "--tile", 32, "--json")
    report = json.loads(result.stdout)
    assert report["classes"][0]["small"] == 1
    assert sum(r.defect_px[0] for r in Dataset(tmp_path / "o").records) == 44
    assert sum(r.ignore_px for r in Dataset(tmp_path / "o").records) == 9


def test_padding_is_255_and_does_not_make_a_clean_tile_unclean(tmp_path: Path) -> None:
    import_folder(tiles(tmp_path / "src"), tmp_path / "out", ImportOptions(tile_px=40))
    record = next(r for r in Dataset(tmp_path / "out").records if "Free" in r.id)
    assert (record.padding_px, record.ignore_px, record.is_clean) == (40 * 40 - 32 * 32, 0, True)


def rows(src: Path, text: str) -> Path:
    path = src / "groups.csv"
    path.write_text(text)
    return path


def magnetic_rows(**changed: str) -> str:
    lines = ["file,class,group,split"]
    for name in ("MT_Crack", "MT_Hole", "MT_Free"):
        for i, side in enumerate(("train", "val", "test")):
            file = f"e{i}_{name}.jpg"
            lines.append(changed.get(file, f"{file},{name},{name}_{i},{side}"))
    return "\n".join(lines) + "\n"


def test_a_groups_file_in_the_folder_is_used_and_said(tmp_path: Path) -> None:
    rows(tiles(tmp_path / "src"), magnetic_rows())
    report = prepare(tmp_path / "src", ImportOptions(tile_px=32)).report
    assert report.split_by == "the groups file"
    assert report.grouped_by.endswith("groups.csv")
    assert {side: n["groups"] for side, n in report.splits.items()} == {"train": 3, "val": 3, "test": 3}
    assert report.warnings == ()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"e0_MT_Hole.jpg": "e0_MT_Hole.jpg,MT_Hole,MT_Hole_1,train"}, "group 'MT_Hole_1' is in train"),
        ({"e0_MT_Hole.jpg": "e0_MT_Hole.jpg,MT_Hole,g,holdout"}, "split must be train, val or test, got 'holdout'"),
        ({"e0_MT_Hole.jpg": "e1_MT_Hole.jpg,MT_Hole,g,train"}, "'e1_MT_Hole.jpg' is there twice"),
        ({"e0_MT_Hole.jpg": "e0_MT_Hole.jpg,MT_Hole,,train"}, "every row needs a file and a group"),
        ({"e0_MT_Hole.jpg": ""}, "MT_Hole/Imgs/e0_MT_Hole.jpg is not listed in"),
    ],
)
def test_a_groups_file_that_does_not_fit_is_refused(changed: dict[str, str], message: str, tmp_path: Path) -> None:
    rows(tiles(tmp_path / "src"), magnetic_rows(**changed))
    result = run("import", tmp_path / "src", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_row_that_names_two_pictures_is_refused(tmp_path: Path) -> None:
    steel(tmp_path / "src" / "a")
    for kind in ("images", "annotations"):
        (tmp_path / "src" / kind).mkdir()
        (tmp_path / "src" / "a" / kind).rename(tmp_path / "src" / kind / "one")
    (tmp_path / "src" / "a").rmdir()
    for kind in ("images", "annotations"):
        source = (tmp_path / "src" / kind / "one" / "000.png").read_bytes()
        (tmp_path / "src" / kind / "two").mkdir()
        (tmp_path / "src" / kind / "two" / "000.png").write_bytes(source)
    path = rows(tmp_path, "file,group\n000.png,g0\n")
    result = run("import", tmp_path / "src", "--out", tmp_path / "out", "--groups", path, "--skip-bad")
    assert result.exit_code == 2
    assert "'000.png' names two pictures, images/one/000.png and images/two/000.png" in result.stderr


def test_pictures_that_the_groups_file_lacks_can_be_left_out(tmp_path: Path) -> None:
    rows(tiles(tmp_path / "src"), magnetic_rows(**{"e0_MT_Hole.jpg": ""}))
    result = run("import", tmp_path / "src", "--out", tmp_path / "out", "--skip-bad", "--tile", 32)
    assert result.stdout.strip().splitlines()[-1] == "pictures found 9 = imported 8 + left out 1"


def test_a_groups_file_of_another_folder_is_not_used_and_said(tmp_path: Path) -> None:
    rows(tiles(tmp_path / "src"), "file,group,split\nother.png,g,train\n")
    report = prepare(tmp_path / "src", ImportOptions(tile_px=32)).report
    assert "names none of these pictures: not used" in report.warnings[0]
    assert "each picture is its own group" in report.warnings[1]
    assert report.groups == 9


@pytest.mark.skipif(not (DATA / "magnetic-tile").is_dir(), reason="needs ../shared/data/magnetic-tile: not here")
def test_magnetic_tile_has_its_published_counts() -> None:
    report = prepare(DATA / "magnetic-tile", ImportOptions()).report
    assert {row["name"]: (row["pictures"], row["groups"]) for row in report.classes} == {
        "Blowhole": (86, 22), "Uneven": (78, 12), "Break": (64, 19), "Crack": (43, 18), "Fray": (24, 8),
    }  # fmt: skip
    assert (report.clean, report.lone_empty_masks, report.pictures_left_out) == (210, 1, 0)
    assert {side: n["pictures"] for side, n in report.splits.items()} == {"train": 291, "val": 59, "test": 156}


def test_a_range_of_16_bit_values_can_be_given_and_what_is_beyond_is_said(tmp_path: Path) -> None:
    for i, top in enumerate((1000, 4000)):
        mask = np.zeros((32, 32), np.uint8)
        mask[4:9, 4:9] = 255
        save(tmp_path / "src" / "crack" / f"{i}.png", np.linspace(0, top, 1024).reshape(32, 32).astype(np.uint16))
        save(tmp_path / "src" / "crack" / f"{i}_mask.png", mask)
    arguments = ("--out", tmp_path / "out", "--tile", 32, "--json", "--range", "0/2000")
    report = json.loads(run("import", tmp_path / "src", *arguments).stdout)
    assert Dataset(tmp_path / "out").info.value_range == (0, 2000)
    assert "16-bit pictures with values beyond --range 0/2000, which are clipped: 1 of 2" in report["warnings"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("0/4095", "but none has 16 bit: leave it out"), ("4095", "like 0/4095"), ("9/9", "the lower first, got '9/9'")],
)
def test_a_range_that_cannot_be_is_refused(text: str, message: str, tmp_path: Path) -> None:
    result = run("import", steel(tmp_path / "src"), "--out", tmp_path / "out", "--range", text)
    assert (result.exit_code, message in result.stderr) == (2, True)


def test_where_no_side_of_a_tile_is_given_the_pictures_decide(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for number, side in enumerate((70, 90, 200)):
        save(src / "pictures" / f"{number}.png", np.random.default_rng(number).integers(0, 256, (side, 300), np.uint8))
        save(src / "masks" / f"{number}.png", np.pad(np.full((9, 9), 255, np.uint8), ((0, side - 9), (0, 291))))
    report = import_folder(src, tmp_path / "out", ImportOptions(split="none"))
    assert (report.tile_px, Dataset(tmp_path / "out").info.tile_px) == (96, 96)
    assert report.tiles == 4 + 4 + 3 * 4
