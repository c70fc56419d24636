from __future__ import annotations

import json
import sys

import pytest

from blemish.bench.provenance import command_line, read_own, write_result
from blemish.core.errors import InputError


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


@pytest.mark.parametrize("text", ["[1, 2]", '"rows"', '{"precious": 1}', "no JSON", None])
def test_a_file_that_is_no_result_of_the_command_is_refused(tmp_path, text):
    file = tmp_path / "out.json"
    file.mkdir() if text is None else file.write_text(text)
    with pytest.raises(InputError, match=r"out.json is not the result of an ablation .*: choose another --out"):
        read_own(file, "an ablation", lambda there: "rows" in there)


def test_the_commands_own_result_is_read_and_none_is_empty(tmp_path):
    assert read_own(tmp_path / "out.json", "an ablation", lambda _: False) == {}
    (tmp_path / "out.json").write_text('{"rows": []}')
    assert read_own(tmp_path / "out.json", "an ablation", lambda there: "rows" in there) == {"rows": []}


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
