import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.bench.leave_one_out import LeaveOnePlan, _count_parts, _judge, _Tile, without_class
from blemish.bench.views import View
from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.core.records import Box, Origin, Split, TileRecord


def tile(part, classes, called=False, on_it=False, strangeness=0.5):
    counts = tuple(9 if index in classes else 0 for index in (1, 2))
    record = TileRecord(f"{part}-{called}", part, "", "", Box(0, 0, 8, 8), part, Split.VAL, Origin.REAL, counts, ())
    return _Tile(record, called, on_it, strangeness)


def test_every_group_of_the_class_is_judged_and_none_is_learned(tiny):
    view = without_class(View().open(tiny), 1)
    assert not any(1 in record.classes for record in view.select(Split.TRAIN))
    shown = [record for record in tiny.records if 1 in record.classes and record.split != Split.TEST]
    assert {r.id for r in view.select(Split.VAL)} >= {r.id for r in shown}
    assert any(2 in record.classes for record in view.select(Split.TRAIN))
    assert {r.group for r in view.select(Split.TRAIN)}.isdisjoint({r.group for r in view.select(Split.VAL)})


def test_a_class_that_no_tile_shows_cannot_be_left_out(tiny):
    with pytest.raises(InputError, match="leaving out 'pit' needs groups that show it"):
        without_class(without_records(tiny, 1), 1)
    with pytest.raises(InputError, match="others that show a defect"):
        without_class(without_records(tiny, 2), 1)


def without_records(dataset, index):
    view = View().open(dataset)
    view.records = [record for record in view.records if index not in record.classes]
    return view


def test_parts_escape_or_are_caught_in_three_ways():
    tiles = [
        tile("a", (1,)),  # Escapes.
        tile("b", (1,), called=True, on_it=True),
        tile("c", (1,), called=True),  # By luck:
        tile("d", (1,)), replace(tile("d", (), called=True), strangeness=0.1),  # on another tile, too.
        tile("e", (1,), strangeness=1.5),
        tile("f", (), called=True), tile("g", (), strangeness=2.0), tile("h", ()),
        tile("i", (2,)),  # No business of this.
    ]  # fmt: skip
    counts = _count_parts(tiles, 1)
    assert counts["of"] == 5
    told = {name: (row["count"], row["total"]) for name, row in counts.items() if name != "of"}
    assert told == {
        "escaped": (2, 5),
        "caught_on_it": (1, 5),
        "caught_elsewhere": (2, 5),
        "strange": (1, 5),
        "escaped_both": (1, 5),
        "good_ng": (1, 3),
        "good_strange": (1, 3),
    }


class OnePixelOnIt:
    """Calls one pixel of every scratch and, where asked, a large false region as well, both under the name `pit`."""

    def __init__(self, taxonomy, elsewhere):
        self.taxonomy, self.channels, self.elsewhere = taxonomy, 1, elsewhere

    def probabilities(self, pictures):
        called = np.zeros(pictures.shape[:3], int)
        called[:, 31, 20] = pictures[:, 31, 20, 0] == 220
        if self.elsewhere:
            called[:, 50:62, 40:60] = 1
        return np.eye(3, dtype=np.float32)[called].transpose(0, 3, 1, 2)


def test_a_stray_pixel_under_the_least_size_catches_nothing_on_the_defect(tiny):
    view = without_class(View().open(tiny), 2)
    taxonomy = replace(view.taxonomy, defects=tuple(replace(d, least_size_px=10) for d in view.taxonomy.defects))
    view.info = replace(view.info, taxonomy=taxonomy)
    told = [_count_parts(_judge(OnePixelOnIt(taxonomy, elsewhere), view, 2), 2) for elsewhere in (False, True)]
    counts = [[row[way]["count"] for way in ("escaped", "caught_on_it", "caught_elsewhere")] for row in told]
    shown = told[0]["of"]
    assert shown > 0
    assert counts == [[shown, 0, 0], [0, 0, shown]]


def test_the_command_keeps_each_class_and_goes_on(tiny, tmp_path):
    words = ["bench", "leave-one-out", str(tiny.folder), "--out", str(tmp_path / "left.json"), "--work", str(tmp_path)]
    words += ["--steps", "2", "--batch", "2", "--crop", "32", "--start-from", "scratch"]
    first = CliRunner().invoke(app, [*words, "--classes", "pit"])
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "left-out").glob("*.json")}
    again = CliRunner().invoke(app, words)
    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert len(kept) == 1
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    values = json.loads((tmp_path / "left.json").read_text())
    assert list(values["classes"]) == ["pit", "scratch"]
    shares = values["classes"]["pit"]["parts"]
    ways = ("escaped", "caught_on_it", "caught_elsewhere")
    assert sum(shares[way]["count"] for way in ways) == shares["of"]
    assert "called OK and not strange" in again.stdout


def test_the_result_of_another_command_is_not_written_over(tiny, tmp_path):
    out = tmp_path / "ablation.json"
    out.write_text('{"classes": ["pit"], "folds": 3, "kid": "KID", "rows": []}')
    words = ["bench", "leave-one-out", str(tiny.folder), "--out", str(out), "--work", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "is not the result of leave-one-out" in done.stderr


def test_the_test_split_and_other_rungs_are_refused(tiny_scale):
    with pytest.raises(InputError, match="the test split stays untouched"):
        LeaveOnePlan(view=View(fold=None), scale=tiny_scale)
    with pytest.raises(InputError, match="--base must be one of"):
        LeaveOnePlan(view=View(), scale=tiny_scale, base="gan")
