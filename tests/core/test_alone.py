"""A folder is held by one process at a time."""

import pytest

from blemish.core.alone import alone_in
from blemish.core.errors import InputError


def test_the_second_is_refused_until_the_first_has_ended(tmp_path):
    with alone_in(tmp_path, "trained"), pytest.raises(InputError, match="is being trained by another process"):  # noqa: SIM117
        with alone_in(tmp_path, "trained"):
            raise AssertionError("unreachable")
    with alone_in(tmp_path, "trained"):
        pass


def test_it_is_held_under_another_name_too(tmp_path):
    (tmp_path / "a").mkdir()
    with alone_in(tmp_path / "a", "written"):
        (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(InputError, match="is being written"), alone_in(tmp_path / "b", "written"):
            raise AssertionError("unreachable")
