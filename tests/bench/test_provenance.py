from __future__ import annotations

import json
import sys

import pytest

from blemish.bench.provenance import command_line, write_result


def test_a_result_carries_what_made_it(tmp_path):
    written = write_result(tmp_path / "results" / "speed.json", {"seconds": 1.5}, seeds=[3, 4])
    assert json.loads((tmp_path / "results" / "speed.json").read_text()) == written
    assert written["seconds"] == 1.5
    assert written["seeds"] == [3, 4]
    assert written["versions"]["numpy"]
    assert written["machine"]["cpu"]


def test_a_figure_that_is_not_a_number_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_result(tmp_path / "speed.json", {"seconds": float("nan")}, seeds=[])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["/opt/venv/bin/blemish", "bench", "speed", "--out", "a b"], "blemish bench speed --out 'a b'"),
        (["benchmarks/memory.py", "--tiles", "9"], "python benchmarks/memory.py --tiles 9"),
    ],
)
def test_the_command_is_as_one_types_it(monkeypatch, argv, expected):
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line() == expected
