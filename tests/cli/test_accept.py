import json

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def station(tmp_path):
    """Two runs of 160 defective and 120 good parts, all right, and their reference."""
    parts = [(f"b{n}", "NG") for n in range(160)] + [(f"g{n}", "OK") for n in range(120)]
    rows = [f"{serial},{answer}" for serial, answer in parts]
    (tmp_path / "reference.csv").write_text("\n".join(["serial,reference", *rows]) + "\n")
    for run in ("one", "two"):
        lines = [json.dumps({"serial": serial, "verdict": answer}) for serial, answer in parts]
        (tmp_path / run).mkdir()
        (tmp_path / run / "results.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_proved_ends_with_0_and_writes_the_report(station):
    done = call(
        "accept", station / "one", station / "two", station / "reference.csv", "--out", station / "out", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["outcome"] == "proved"
    assert {path.name for path in (station / "out").iterdir()} == {"index.html", "acceptance.json", "parts.csv"}


@pytest.mark.parametrize(("limit", "code"), [("0.01", 3), ("0.019", 0)])
def test_a_limit_too_strict_for_the_number_of_parts_is_not_proved(station, limit, code):
    done = call("accept", station / "one", station / "reference.csv", "--out", station / "o", "--max-escape", limit)
    assert done.exit_code == code, done.output


def test_a_failed_rate_ends_with_1(station):
    results = station / "one" / "results.jsonl"
    results.write_text(results.read_text().replace('"NG"', '"OK"', 20))
    done = call("accept", station / "one", station / "reference.csv", "--out", station / "out")
    assert done.exit_code == 1, done.output
    assert "escape is too high" in done.stdout


def rewritten(folder, **more):
    """Every line of the results with these keys besides."""
    file = folder / "results.jsonl"
    lines = [json.loads(line) | more for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_runs_that_were_not_judged_alike_are_no_repetition(station):
    rewritten(station / "one", judged_by="recipe a 1")
    rewritten(station / "two", judged_by="recipe a 2")
    done = call("accept", station / "one", station / "two", station / "reference.csv", "--out", station / "out")
    assert done.exit_code == 2
    assert "was judged by recipe a 2" in done.stderr
    assert not (station / "out").exists()


def test_a_copy_of_a_run_is_no_repetition(station):
    for run in ("one", "two"):
        rewritten(station / run, inspected_at="2026-05-04T10:00:00.123456+00:00")
    done = call("accept", station / "one", station / "two", station / "reference.csv", "--out", station / "out")
    assert done.exit_code == 2
    assert "the same results are given twice" in done.stderr


def test_classes_are_one_by_whatever_name_and_unknown_ones_are_told(station):
    inspected = {
        "format": 1, "bundle": "", "datum": "scan", "temperature": 1.0, "sought": {}, "recipe": None,
        "taxonomy": {"name": "t", "defects": [{"name": "groove", "code": "A", "aliases": ["furrow"]}]},
    }  # fmt: skip
    (station / "one" / "inspection.json").write_text(json.dumps(inspected))
    rewritten(station / "one", defects=[{"code": "A", "name": "groove", "score": 0.9}])
    words = ["A", "Groove", "a groove", "furrow", "groove;A", "grove", "GROVE"]
    rows = [f"b{n},NG,{words[n % len(words)]}" for n in range(140)]
    (station / "reference.csv").write_text("\n".join(["serial,reference,class", *rows]) + "\n")
    done = call("accept", station / "one", station / "reference.csv", "--out", station / "out", "--json")
    values = json.loads(done.stdout)
    assert {name: found["not_named"]["count"] for name, found in values["classes"].items()} == {
        "groove": 0,
        "grove": 40,
    }
    assert values["classes"]["groove"]["escape"]["total"] == 100
    assert values["classes_not_known"] == {"grove": 40}
    assert "never learned or misspelt in the reference: grove (40 parts)" in done.stderr
    assert "grove (40 parts)" in (station / "out" / "index.html").read_text()


def test_a_station_that_decides_nothing_is_said_to(station):
    results = station / "one" / "results.jsonl"
    results.write_text(results.read_text().replace('"NG"', '"REVIEW"').replace('"OK"', '"REVIEW"'))
    done = call("accept", station / "one", station / "reference.csv", "--out", station / "out")
    assert "but 100\u00a0% of the parts go to a person" in done.stdout


def test_a_report_is_never_overwritten(station):
    (station / "out").mkdir()
    (station / "out" / "index.html").write_text("mine")
    done = call("accept", station / "one", station / "reference.csv", "--out", station / "out")
    assert done.exit_code == 2
    assert (station / "out" / "index.html").read_text() == "mine"


def test_a_reference_names_parts_by_their_file_where_it_is_asked_to(tmp_path, monkeypatch):
    from blemish.data import labels_as_reference as labels

    def parts(*serials):
        known = tuple(labels.LabelledPart(serial, True) for serial in serials)
        monkeypatch.setattr(labels, "labelled_parts", lambda *_: labels.LabelledParts(known, "px", "labels"))

    parts("line/a", "b")
    done = call("data", "reference", tmp_path, "--names", "file", "--out", tmp_path / "named.csv")
    assert done.exit_code == 0, done.output
    assert [line.split(",")[0] for line in (tmp_path / "named.csv").read_text().splitlines()[1:]] == ["a", "b"]
    parts("line/a", "other/a")
    done = call("data", "reference", tmp_path, "--names", "file", "--out", tmp_path / "none.csv")
    assert done.exit_code == 2
    assert "parts line/a and other/a have the same file name" in done.stderr
    assert not (tmp_path / "none.csv").exists()
    assert call("data", "reference", tmp_path, "--names", "no", "--out", tmp_path / "none.csv").exit_code == 2


def test_the_labels_of_simulated_scans_become_a_reference_that_says_so(tmp_path):
    from blemish.simulate.folder import write_scans
    from blemish.simulate.line import LineSettings

    write_scans(tmp_path / "scans", 3, 0, LineSettings(width_px=640, height_px=320))
    done = call("data", "reference", tmp_path / "scans", "--out", tmp_path / "reference.csv", "--json")
    counts = json.loads(done.stdout)
    assert counts["OK"] + counts["NG"] + counts["unknown_left_out"] == 3
    lines = (tmp_path / "reference.csv").read_text().splitlines()
    assert lines[0] == "serial,reference,class,size_mm,borderline,reference_by"
    assert all(line.endswith("labels of the simulated line (scans); no person decided") for line in lines[1:])
