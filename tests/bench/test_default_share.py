"""`segment train --ladder`: the share that this set's ladder chose."""

import json

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.records import Origin, Split
from blemish.data.dataset import DatasetInfo, DatasetWriter, Sample

HALF = {
    "gain": {"of": "gan"},
    "scale": {"synthetic_share": 0.5, "shares": [], "synthetic_until": 0.75},
    "shares": {"gan": {"best": 0.75}},
    "verdicts": [{"over": "balance", "words": "synthetic tiles help pit"}],
}


@pytest.fixture
def ladder(tiny, tmp_path):
    file = tmp_path / "ladder.json"
    file.write_text(json.dumps({"selection": {**HALF, "data": {"hash": tiny.hash}}}))
    return file


@pytest.fixture
def synthetic(tiny, tmp_path):
    with DatasetWriter(tmp_path / "synthetic", DatasetInfo(tiny.taxonomy, 64, 1)) as writer:
        sample = tiny.sample(1)
        row = {**vars(sample.record), "origin": Origin.SYNTHETIC, "split": Split.TRAIN}
        writer.add(Sample(sample.picture, sample.label_map, type(sample.record)(**row)))
    return tmp_path / "synthetic"


def planned(tiny, tmp_path, *words):
    arguments = ["segment", "train", str(tiny.folder), "--out", str(tmp_path / "run"), "--dry-run", "--json", *words]
    done = CliRunner().invoke(app, [str(word) for word in arguments])
    told = json.loads(done.stdout) if done.exit_code == 0 else {}
    return done, (told.get("synthetic_share"), told.get("synthetic_until"))


def test_the_ladders_share_is_the_default_and_a_given_one_wins(tiny, ladder, synthetic, tmp_path):
    done, mixing = planned(tiny, tmp_path, "--synthetic", synthetic, "--ladder", ladder)
    assert mixing == (0.75, 0.75)
    assert "against balance, synthetic tiles help pit" in done.stderr
    assert planned(tiny, tmp_path, "--synthetic", synthetic, "--ladder", ladder, "--synthetic-share", 0.5)[1] == (
        0.5,
        0.75,
    )
    assert planned(tiny, tmp_path, "--synthetic", synthetic, "--synthetic-until", 0.5)[1] == (0.25, 0.5)
    assert planned(tiny, tmp_path, "--synthetic", synthetic)[1] == (0.25, 0.6)
    assert planned(tiny, tmp_path)[1] == (0, 1)


def test_the_ladder_of_another_set_is_refused_in_one_line(tiny, ladder, synthetic, tmp_path):
    ladder.write_text(json.dumps({"selection": {**HALF, "data": {"hash": "f" * 64}}}))
    done, _ = planned(tiny, tmp_path, "--synthetic", synthetic, "--ladder", ladder)
    assert done.exit_code == 2
    assert "is the ladder of data set ffffffffffff" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_ladder_without_synthetic_tiles_is_refused(tiny, ladder, tmp_path):
    done, _ = planned(tiny, tmp_path, "--ladder", ladder)
    assert done.exit_code == 2
    assert "give --synthetic DIR too" in done.stderr
