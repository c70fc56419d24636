"""Parts get verdicts, whatever happens, with a bundle that sees dark and bright spots."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from blemish.bundle.card import read_card
from blemish.cli.inspect import inspect
from blemish.core.errors import InputError
from blemish.core.records import Box, Part, Verdict, View
from blemish.core.taxonomy import BackgroundClass, DefectClass, Taxonomy
from blemish.inspect import run
from blemish.inspect.defects import Limits
from blemish.inspect.recipe_new import new_recipe
from blemish.inspect.registration import PartSearch
from blemish.inspect.results import COLUMNS, ResultFolder, overlay_name
from blemish.inspect.run import Inspection, inspect_files
from blemish.inspect.scan import Tiling
from blemish.inspect.sources import read_serials
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
APP = Typer()
APP.command()(inspect)


def by_serial(results):
    return {result.serial: result for result in results}


def command(*arguments):
    return CliRunner().invoke(APP, [str(TINY), *map(str, arguments)])


def test_a_defect_across_tiles_is_one_with_its_sizes(bundle, pictures):
    found = by_serial(inspect_files(bundle, [pictures]))
    assert (found["good"].verdict, found["good"].defects) == (Verdict.OK, ())
    dark, bright = found["bad"].defects
    assert found["bad"].verdict == Verdict.NG
    assert found["bad"].reasons == ("1 x A dark spot, 1 x B bright spot",)
    assert found["bad"].judged_by == f"card of {bundle.hash[:12]}"
    assert (dark.code, dark.box, dark.area_px) == ("A", Box(30, 60, 60, 6), 360)
    assert (dark.area_mm2, dark.length_mm, dark.width_mm) == pytest.approx((45, 30, 1.5))
    assert dark.place_mm_xy == pytest.approx((30.0, 15.75))
    assert (bright.code, bright.box) == ("B", Box(150, 100, 10, 10))
    assert min(dark.score, bright.score) > 0.99


@pytest.mark.parametrize("overlap", [0, 16, 40])
def test_the_overlap_does_not_change_what_single_pixels_show(bundle, pictures, overlap):
    found = by_serial(inspect_files(bundle, [pictures], overlap_px=overlap))
    assert [d.box for d in found["bad"].defects] == [Box(30, 60, 60, 6), Box(150, 100, 10, 10)]


def test_a_picture_smaller_than_a_tile_is_inspected(bundle, tmp_path, ground_of):
    small = ground_of(30, 40)
    small[10:16, 30:40] = 0
    write_png(tmp_path / "s.png", small)
    (result,) = inspect_files(bundle, [tmp_path])
    assert [d.box for d in result.defects] == [Box(30, 10, 10, 6)]


def test_a_spot_below_the_least_size_is_ok(bundle, tmp_path, ground):
    picture = ground
    picture[50:54, 50:54] = 0
    write_png(tmp_path / "s.png", picture)
    assert next(inspect_files(bundle, [tmp_path])).verdict == Verdict.OK


def test_what_cannot_be_judged_is_review_with_the_reason_and_the_rest_go_on(bundle, pictures, ground, spotted):
    write_png(pictures / "blank.png", np.full((100, 100), 120, np.uint8))
    saturated = ground
    saturated[:, :160] = 255
    write_png(pictures / "bright.png", saturated)
    write_png(pictures / "soft.png", cv2.GaussianBlur(spotted, (0, 0), 4))
    (pictures / "broken.png").write_bytes((pictures / "bad.png").read_bytes()[:900])
    (pictures / "text.png").write_text("not a picture")
    found = by_serial(inspect_files(bundle, [pictures]))
    assert {s: str(r.verdict) for s, r in found.items()} == {
        "good": "OK", "bad": "NG", "blank": "REVIEW", "bright": "REVIEW", "soft": "REVIEW", "broken": "REVIEW",
        "text": "REVIEW",
    }  # fmt: skip
    for serial, says in {
        "blank": "blank:",
        "bright": "saturated: 80%",
        "soft": "blurred:",
        "broken": "damaged",
    }.items():
        assert len(found[serial].reasons) == 1
        assert says in found[serial].reasons[0]


def test_an_unexpected_error_is_review_and_the_rest_go_on(bundle, pictures, monkeypatch):
    real = run.find_defects

    def fails_once(scores, *rest):
        monkeypatch.setattr(run, "find_defects", real)
        raise RuntimeError("the disk\nis on fire")

    monkeypatch.setattr(run, "find_defects", fails_once)
    first, second = inspect_files(bundle, [pictures / "good.png", pictures / "bad.png"])
    assert first.verdict == Verdict.REVIEW
    assert "RuntimeError: the disk is on fire" in first.reasons[0]
    assert second.verdict == Verdict.NG


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("size_hw", [(150, 200), (200, 150), (129, 191), (64, 257), (65, 65)])
def test_bars_over_every_tile_border_are_one_each_at_any_size_and_depth(bundle, tmp_path, size_hw, deep, ground_of):
    picture = ground_of(*size_hw)
    height, width = size_hw
    picture[height // 2 : height // 2 + 5, 2 : width - 2] = 0
    picture[2 : height // 2 - 2, width // 2 : width // 2 + 5] = 255
    cv2.imwrite(str(tmp_path / "s.png"), picture.astype(np.uint16) * 16 if deep else picture)
    ranged = replace(bundle, card=bundle.card.model_copy(update={"value_range": [0, 4080]}))
    (result,) = inspect_files(ranged, [tmp_path])
    assert [(d.code, d.box) for d in result.defects] == [
        ("B", Box(width // 2, 2, 5, height // 2 - 4)),
        ("A", Box(2, height // 2, width - 4, 5)),
    ]


def on_a_table(spots=((60, 90, 0),)):
    """A plate with dark or bright spots (y, x, gray) on a dark table."""
    picture = np.random.default_rng(2).integers(64, 72, (200, 300), dtype=np.uint8)
    picture[40:160, 50:250] = np.random.default_rng(6).integers(110, 141, (120, 200))
    for y, x, gray in spots:
        picture[y : y + 8, x : x + 10] = gray
    return picture


def inspected(bundle, path, search):
    inspection = run.Inspection.of_bundle(bundle, part=search)
    return run.inspect_part(Part("p", (View("", path),)), inspection)


def test_a_registered_parts_defects_have_its_datum_and_the_table_is_kept_out(bundle, tmp_path):
    write_png(tmp_path / "s.png", on_a_table([(60, 90, 255), (10, 10, 255)]))
    result = inspected(bundle, tmp_path / "s.png", PartSearch(margin_mm=2.0))
    (defect,) = result.defects
    assert (defect.box, defect.datum) == (Box(90, 60, 10, 8), "part")
    assert defect.place_mm_xy == pytest.approx(((94.5 - 49.5) * 0.5, (63.5 - 39.5) * 0.25), abs=0.5)
    assert result.reasons == ("1 x B bright spot", "regions off the part, not counted: 1")
    assert "registration" in result.seconds
    assert len(inspected(bundle, tmp_path / "s.png", None).defects) == 2


def test_a_part_that_is_not_found_is_review_or_measured_from_the_scan(bundle, tmp_path, ground, spotted):
    write_png(tmp_path / "good.png", ground)
    write_png(tmp_path / "bad.png", spotted)
    required = [inspected(bundle, tmp_path / f"{name}.png", PartSearch()) for name in ("good", "bad")]
    assert [result.verdict for result in required] == [Verdict.REVIEW, Verdict.NG]
    assert "no part found" in required[0].reasons[0]
    relaxed = [inspected(bundle, tmp_path / f"{name}.png", PartSearch(required=False)) for name in ("good", "bad")]
    assert [result.verdict for result in relaxed] == [Verdict.OK, Verdict.NG]
    assert relaxed[0].reasons[0].endswith("places are the scan's")
    assert {defect.datum for defect in relaxed[1].defects} == {"scan"}


def test_the_datum_is_chosen_on_the_command_line(tmp_path, ground):
    write_png(tmp_path / "s.png", on_a_table([(60, 90, 255)]))
    write_png(tmp_path / "none.png", ground)
    assert command(tmp_path / "s.png", "--datum", "part", "--out", tmp_path / "out").exit_code == 1
    line = json.loads((tmp_path / "out" / "results.jsonl").read_text())
    assert [d["datum"] for d in line["defects"]] == ["part"]
    assert command(tmp_path / "none.png", "--datum", "part").exit_code == 3
    assert command(tmp_path / "none.png", "--datum", "table").exit_code == 2


@pytest.mark.parametrize(("size_mm", "exit_code"), [([100, 30], 0), ([130, 30], 3)])
def test_a_part_of_another_size_than_the_recipe_says_is_review(tmp_path, size_mm, exit_code):
    write_png(tmp_path / "s.png", on_a_table([]))
    text = new_recipe(read_card(TINY)).replace('# datum = "part"', 'datum = "part"')
    (tmp_path / "r.toml").write_text(f"{text}\n[part]\nsize_mm = {size_mm}\ntolerance_mm = 1\n")
    asked = command(tmp_path / "s.png", "--recipe", tmp_path / "r.toml", "--out", tmp_path / "out")
    assert asked.exit_code == exit_code, asked.output
    line = json.loads((tmp_path / "out" / "results.jsonl").read_text())
    assert line["views"][0]["part_size_mm"] == pytest.approx([100, 30], abs=0.6)
    assert ("130 x 30 mm expected" in " ".join(line["reasons"])) == (exit_code == 3)
    refused = command(tmp_path / "s.png", "--recipe", tmp_path / "r.toml", "--datum", "scan")
    assert (refused.exit_code, "the part is not looked for" in refused.output) == (2, True)


def test_an_overlay_that_cannot_be_written_never_leaves_a_part_ok(bundle, pictures, tmp_path):
    (tmp_path / "file").write_text("in the way")
    found = by_serial(inspect_files(bundle, [pictures], overlays=tmp_path / "file"))
    assert (found["good"].verdict, found["bad"].verdict) == (Verdict.REVIEW, Verdict.NG)
    assert len(found["bad"].defects) == 2


def test_16_bit_without_a_range_is_review_and_with_one_is_judged(bundle, tmp_path, spotted):
    cv2.imwrite(str(tmp_path / "deep.png"), spotted.astype(np.uint16) * 16)
    assert "has 16 bit" in next(inspect_files(bundle, [tmp_path])).reasons[0]
    ranged = replace(bundle, card=bundle.card.model_copy(update={"value_range": [0, 4080]}))
    (result,) = inspect_files(ranged, [tmp_path])
    assert [d.box for d in result.defects] == [Box(30, 60, 60, 6), Box(150, 100, 10, 10)]


def test_rgb_is_turned_gray_for_a_gray_inspector(bundle, tmp_path, spotted):
    write_png(tmp_path / "c.png", np.dstack([spotted] * 3))
    assert len(next(inspect_files(bundle, [tmp_path])).defects) == 2


def test_views_are_joined_and_one_bad_view_makes_the_part_ng(bundle, pictures, tmp_path):
    (pictures / "lost.png").write_text("nothing")
    table = pictures / "s.csv"
    table.write_text("file,serial,view\ngood.png,cell,top\nbad.png,cell,edge\nlost.png,cell,side\n")
    (result,) = inspect_files(bundle, [pictures], serials=read_serials(table), overlays=tmp_path / "o")
    assert (result.serial, result.verdict) == ("cell", Verdict.NG)
    assert {d.view for d in result.defects} == {"edge"}
    assert len(result.reasons) == 2
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["cell--edge.jpg", "cell--top.jpg"]


def test_an_overlap_that_leaves_no_step_is_refused_before_anything_is_inspected(bundle, pictures):
    with pytest.raises(InputError, match="overlap must be"):
        inspect_files(bundle, [pictures], overlap_px=64)


def test_names_of_overlays_never_leave_their_folder():
    names = [overlay_name(serial) for serial in ("../../x", "a/b", "a_b", ".", "..", "x" * 500, "C:\\x", "")]
    assert len(set(names)) == len(names)
    assert all(name and "/" not in name and "\\" not in name and len(name) < 130 for name in names)
    assert not any(name.startswith(".") for name in names)


def test_no_two_views_share_an_overlay():
    views = [("7", "top"), ("7-top", ""), ("7--top", ""), ("7-", "top"), ("7", "-top"), ("7--a", "b"), ("7", "a--b")]
    assert len({overlay_name(*view) for view in views}) == len(views)


def test_the_command_writes_lines_rows_and_overlays(pictures, tmp_path):
    ended = command(pictures, "--out", tmp_path / "out", "--threads", 1)
    assert ended.exit_code == 1
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(line["serial"], line["verdict"]) for line in lines] == [("bad", "NG"), ("good", "OK")]
    assert set(lines[0]["defects"][0]) >= {"code", "box", "outline_xy", "area_mm2", "length_mm", "place_mm_xy", "score"}
    assert set(lines[0]["seconds"]) == {"read", "quality", "tiles", "network", "blend", "defects", "overlay"}
    with (tmp_path / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["serial"], row["code"], row["length_mm"]) for row in rows] == [
        ("bad", "A", "30.000"), ("bad", "B", "5.000"), ("good", "", ""),
    ]  # fmt: skip
    assert all(tuple(row) == COLUMNS for row in rows)
    assert sorted(p.name for p in (tmp_path / "out" / "overlays").iterdir()) == ["bad.jpg", "good.jpg"]


def test_exit_codes_say_ok_ng_review_and_nothing(pictures, tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    good, bad, text = pictures / "good.png", pictures / "bad.png", tmp_path / "text.png"
    assert [command(*files).exit_code for files in ([good], [bad], [text], [good, text], [bad, text])] == [
        0,
        1,
        3,
        3,
        1,
    ]
    wrong = ([tmp_path / "none.png"], [good, "--overlap", 64], [good, "--threads", 0], [good, "--no-such-flag"], [])
    assert [command(*arguments).exit_code for arguments in wrong] == [2] * 5
    assert CliRunner().invoke(APP, [str(tmp_path), str(good)]).exit_code == 2


def test_json_is_one_object_on_standard_output(pictures):
    ended = command(pictures, "--json")
    values = json.loads(ended.stdout)
    assert (values["OK"], values["NG"], values["REVIEW"], values["exit_code"]) == (1, 1, 0, 1)
    assert [part["serial"] for part in values["parts"]] == ["bad", "good"]


def test_results_of_another_run_are_not_overwritten(pictures, tmp_path):
    command(pictures, "--out", tmp_path / "out", "--no-overlay")
    before = (tmp_path / "out" / "results.csv").read_bytes()
    assert not (tmp_path / "out" / "overlays").exists()
    ended = command(pictures / "good.png", "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert (tmp_path / "out" / "results.csv").read_bytes() == before


def test_a_stopped_run_never_looks_like_a_whole_one(bundle, pictures, tmp_path):
    def stopped_after_one():
        with ResultFolder(tmp_path / "out", Inspection.of_bundle(bundle).inspected) as folder:
            folder.add(next(inspect_files(bundle, [pictures])))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_after_one()
    left = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert left == ["inspection.json", "results.csv.part", "results.jsonl.part"]
    assert json.loads((tmp_path / "out" / "results.jsonl.part").read_text())["serial"] == "bad"


class Torn:
    """A network that is torn between two classes wherever a picture is black."""

    channels, coarse = 1, None
    taxonomy = Taxonomy(
        "t",
        (BackgroundClass("s"),),
        (DefectClass("a", "A"), DefectClass("b", "B", "#00ff00"), DefectClass("e", "E", "#0000ff")),
    )

    def probabilities(self, pictures):
        answer = np.zeros((len(pictures), 4, *pictures.shape[1:3]), np.float32)
        answer[:, 0] = 1
        for plane, value in enumerate((0.04, 0.50, 0.46, 0.0)):
            answer[:, plane][pictures[..., 0] == 0] = value
        return answer


def test_a_class_that_is_not_called_hides_none_that_is(tmp_path, spotted):
    write_png(tmp_path / "a.png", spotted)
    limits = Limits({"A": 0.6, "B": 0.3, "E": 0.5}, {"A": 0, "B": 0, "E": 0})
    found = run.inspect_part(
        Part("a", (View("", tmp_path / "a.png"),)), Inspection(Torn(), Tiling(64, 16, 8), limits, "x")
    )
    assert (found.verdict, [defect.code for defect in found.defects]) == (Verdict.NG, ["B"])
