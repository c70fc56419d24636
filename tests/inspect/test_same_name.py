"""Equal file names in several folders."""

from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.inspect.same_name import named_by_folder
from blemish.inspect.sources import find_files, gather_parts
from blemish.picture.write import write_png


def pictures(folder, *names):
    for name in names:
        write_png(folder / name, np.zeros((2, 2), np.uint8))
    return find_files([folder])


def parts_of(files, meaning):
    return {
        part.serial: [view.name for view in part.views] for part in gather_parts(files, named_by_folder(files, meaning))
    }


def test_as_parts_the_folders_stand_in_the_serial(tmp_path):
    files = pictures(tmp_path, "crack/000.png", "good/000.png", "good/deep/001.png", "002.png")
    assert set(parts_of(files, "parts")) == {"002", "crack-000", "good-000", "good-deep-001"}


def test_as_views_each_folder_is_a_camera(tmp_path):
    files = pictures(tmp_path, "top/a.png", "top/b.png", "edge/a.png", "edge/b.png")
    assert parts_of(files, "views") == {"a": ["edge", "top"], "b": ["edge", "top"]}


def test_a_view_that_no_camera_wrote_is_a_view_of_its_part_all_the_same(tmp_path):
    files = pictures(tmp_path, "top/a.png", "top/b.png", "edge/a.png")
    parts = {part.serial: part for part in gather_parts(files, named_by_folder(files, "views"))}
    missing = next(view for view in parts["b"].views if view.name == "edge")
    assert missing.path == tmp_path / "edge" / "b.png"
    assert not missing.path.exists()


def test_names_that_folders_do_not_tell_apart_are_refused(tmp_path):
    files = pictures(tmp_path, "a-b/0.png", "a/b-0.png")
    with pytest.raises(InputError, match="would both be part 'a-b-0'"):
        named_by_folder(files, "parts")
    with pytest.raises(InputError, match="view 'x' of part '0'"):
        named_by_folder([tmp_path / "x/0.png", tmp_path / "x/0.jpg", tmp_path / "y/0.png"], "views")


def test_another_meaning_is_refused():
    with pytest.raises(InputError, match="parts or views, got 'both'"):
        named_by_folder([Path("a.png")], "both")


def test_a_link_goes_by_its_own_name(tmp_path):
    (store,) = pictures(tmp_path / "store", "abc.png")
    for place in ("top/7.png", "edge/8.png"):
        (tmp_path / "line" / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "line/top/7.png").symlink_to(store)
    assert parts_of([tmp_path / "line/top/7.png"], "parts") == {"7": [""]}
    (tmp_path / "line/edge/8.png").symlink_to(store)
    with pytest.raises(InputError, match="links to one file"):
        named_by_folder([tmp_path / "line/top/7.png", tmp_path / "line/edge/8.png"], "parts")
