"""Files become parts: folders, serials, views."""

import os
from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.inspect.sources import find_files, gather_parts, read_serials
from blemish.picture.write import write_png


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.png", "deep/c.png"):
        write_png(tmp_path / name, np.zeros((2, 2), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def csv(folder, *lines):
    path = folder / "serials.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_folder_gives_its_pictures_in_order_and_none_twice(folder):
    found = find_files([folder, folder / "a.png"])
    assert [path.name for path in found] == ["a.png", "b.png", "c.png"]


def test_a_file_that_is_no_picture_is_taken_as_given(folder):
    assert find_files([folder / "notes.txt"]) == [folder / "notes.txt"]


def test_nothing_to_inspect_is_said(folder):
    (folder / "empty").mkdir()
    for given, says in ([], "nothing to inspect: give"), ([folder / "no"], "no such file"), ([folder / "empty"], "no "):
        with pytest.raises(InputError, match=f"nothing to inspect.*{says}" if given else says):
            find_files(given)


def test_the_serial_is_the_stem(folder):
    assert [part.serial for part in gather_parts(find_files([folder]))] == ["a", "b", "c"]


def test_two_files_of_one_stem_are_refused_naming_both(folder):
    write_png(folder / "deep" / "a.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match=r"a\.png and .*deep.a\.png have the same serial 'a'.*--serials"):
        gather_parts(find_files([folder]))


def test_a_csv_makes_views_of_one_part(folder):
    path = csv(folder, "file,serial,view", "a.png,cell-1,top", "deep/c.png,cell-1,edge", "b.png,cell-2,")
    parts = gather_parts(find_files([folder]), read_serials(path))
    assert [(part.serial, [view.name for view in part.views]) for part in parts] == [
        ("cell-1", ["top", "edge"]),
        ("cell-2", [""]),
    ]


def test_views_without_names_go_by_their_stems(folder):
    parts = gather_parts(find_files([folder]), read_serials(csv(folder, "file,serial", "a.png,x", "b.png,x")))
    assert [view.name for view in parts[0].views] == ["a", "b"]


def test_a_file_outside_the_csv_never_joins_a_part_of_it(folder):
    with pytest.raises(InputError, match="same serial 'b'"):
        gather_parts(find_files([folder]), read_serials(csv(folder, "file,serial", "a.png,b")))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["file;serial", "a.png;1"], "must have the columns file, serial"),
        (["file,serial,colour", "a.png,1,red"], "must have the columns"),
        (["file,serial", "a.png,"], "line 2: file and serial must both be given"),
        (["file,serial", "a.png"], "line 2: file and serial must both be given"),
        (["file,serial", "a.png,1", "./a.png,2"], "line 3: './a.png' is named twice"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_line(folder, lines, says):
    with pytest.raises(InputError, match=says):
        read_serials(csv(folder, *lines))


def test_two_views_of_one_name_are_refused(folder):
    path = csv(folder, "file,serial,view", "a.png,x,top", "b.png,x,top")
    with pytest.raises(InputError, match="two views called 'top'"):
        gather_parts(find_files([folder]), read_serials(path))


def test_a_view_that_the_camera_never_wrote_belongs_to_its_part(folder):
    path = csv(folder, "file,serial,view", "a.png,cell-1,top", "lost.png,cell-1,edge", "gone.png,cell-9,top")
    part, lost = gather_parts([folder / "a.png"], read_serials(path))
    assert [(view.name, view.path.name) for view in part.views] == [("top", "a.png"), ("edge", "lost.png")]
    assert (lost.serial, [view.path.name for view in lost.views]) == ("cell-9", ["gone.png"])


def test_a_file_that_is_called_like_a_serial_of_the_csv_is_a_clash(folder):
    path = csv(folder, "file,serial", "lost.png,b", "a.png,cell-1")
    with pytest.raises(InputError, match=r"b\.png has the serial 'b', which --serials gives to .*lost\.png"):
        gather_parts([folder / "a.png", folder / "b.png"], read_serials(path))


@pytest.mark.parametrize("rows", [("b.png,p,top", "lost.png,p,bottom"), ("lost.png,p,bottom", "b.png,p,top")])
def test_a_part_of_which_a_picture_is_missing_has_all_its_views_in_any_order_of_rows(folder, rows):
    path = csv(folder, "file,serial,view", *rows, "a.png,q,top")
    parts = gather_parts([folder / "a.png"], read_serials(path))
    assert {part.serial: sorted(view.name for view in part.views) for part in parts} == {
        "q": ["top"],
        "p": ["bottom", "top"],
    }


def test_names_that_would_write_lines_of_their_own_on_the_screen_are_refused(folder):
    write_png(folder / "a\nOK  cell-7.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match=r"a\\nOK  cell-7\.png' holds control characters"):
        find_files([folder])
    with pytest.raises(InputError, match=r"line 2: serial and view must hold no control characters"):
        read_serials(csv(folder, "file,serial", "a.png,c\x1b[2K"))


def test_a_csv_that_names_none_of_the_files_is_refused(folder):
    path = csv(folder, "file,serial", "a.PNG,cell-1")
    with pytest.raises(
        InputError, match=r"the serials name 1 files, among them .*a\.PNG, but none of the 3 to inspect"
    ):
        gather_parts(find_files([folder]), read_serials(path))


def test_overlays_of_results_inside_the_folder_are_no_scans(folder):
    write_png(folder / "results" / "overlays" / "a.png", np.zeros((2, 2), np.uint8))
    assert len(find_files([folder])) == 4
    (folder / "results" / "inspection.json").write_text("{}")
    assert [path.name for path in find_files([folder])] == ["a.png", "b.png", "c.png"]


def test_a_name_that_no_result_could_hold_is_refused_before_anything_runs(folder):
    odd = os.fsencode(folder) + b"/Zelle-\xfc.png"
    try:
        Path(os.fsdecode(odd)).write_bytes((folder / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(InputError, match=r"Zelle-\\xfc\.png is not UTF-8"):
        find_files([folder])


def test_a_part_none_of_whose_pictures_was_ever_written_is_a_part_all_the_same(folder):
    namings = read_serials(csv(folder, "file,serial,view", "a.png,P1,", "lost.png,P2,", "b.png,P3,"))
    parts = gather_parts([folder / "a.png"], namings)
    assert [(part.serial, len(part.views)) for part in parts] == [("P1", 1), ("P2", 1)]  # b.png is there: another run.


def test_a_csv_that_names_nothing_is_refused(folder):
    with pytest.raises(InputError, match="names no file"):
        read_serials(csv(folder, "file,serial"))


def test_a_shadow_that_macos_left_is_no_scan(folder):
    write_png(folder / "._a.png", np.zeros((2, 2), np.uint8))
    assert [path.name for path in find_files([folder])] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("name", ["scans", "b\0.png"])
def test_a_row_that_names_no_picture_is_refused(tmp_path, name):
    write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    write_png(tmp_path / "scans/b.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "s.csv").write_text(f"file,serial\na.png,1\n{name},2\n")
    with pytest.raises(InputError, match="line 3"):
        read_serials(tmp_path / "s.csv")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("file,serial,file\na.png,1,b.png\n")
    with pytest.raises(InputError, match="each once, got file, file, serial"):
        read_serials(tmp_path / "s.csv")
