"""A folder appears whole or not at all, and nothing of a failed attempt stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from blemish.core.whole_folder import whole_folder


def _write(out: Path, text: str, *, replace: bool = False) -> None:
    with whole_folder(out, replace=replace) as work:
        assert not out.exists() or (out / "page").read_text() != text, "nothing is there before the end"
        (work / "page").write_text(text)


def _stopped(out: Path) -> None:
    with whole_folder(out) as work:
        (work / "half").write_text("half")
        raise KeyboardInterrupt


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stopped(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    _write(tmp_path / "out", "first")
    with pytest.raises(OSError, match="not empty"):
        _write(tmp_path / "out", "second")
    assert (tmp_path / "out" / "page").read_text() == "first"
    _write(tmp_path / "out", "third", replace=True)
    assert (tmp_path / "out" / "page").read_text() == "third"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out") as work:
        (work / "page").write_text("old")
    work.mkdir()
    (work / "half").write_text("of a killed process")
    _write(tmp_path / "out", "new", replace=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["page"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
