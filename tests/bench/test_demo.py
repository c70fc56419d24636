import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from blemish.bench import demo
from blemish.bench.demo import DemoSettings, run_demo
from blemish.bench.demo_story import tell, why_none
from blemish.core.errors import InputError
from blemish.gan.plan import ClassPlan
from blemish.report.story import write_story

TINY = DemoSettings(cells=8, seed=3, tile_px=128, per_class=12, gan_width=2, gan_size_px=32, gan_batch=2, gan_steps=3,
                    gate=False, start="scratch", crop_px=64, batch=2, steps=3)  # fmt: skip


def small_line(folder, cells, seed):
    from blemish.simulate.folder import write_scans
    from blemish.simulate.settings import LineSettings

    # Rare classes would be missing from so few small cells: here all six come about equally often.
    settings = replace(LineSettings.small(900, 600), class_shares=(0.2, 0.16, 0.16, 0.16, 0.16, 0.16), clean_share=0.1,
                       defects_per_cell=7.0)  # fmt: skip
    return write_scans(folder, cells, seed, settings)


def ticks_of(timing: Path) -> list[str]:
    return [line for line in timing.read_text().splitlines() if "tiles_per_s" in line]


def test_minutes_scale_the_steps_and_nothing_else():
    short, whole = DemoSettings.for_minutes(6), DemoSettings.for_minutes(12)
    assert short.steps < whole.steps
    assert replace(short, steps=whole.steps, gan_steps=whole.gan_steps) == whole == DemoSettings()
    with pytest.raises(InputError, match="must be above"):
        DemoSettings.for_minutes(1)


def test_a_slower_machine_takes_fewer_steps_and_keeps_them_when_the_demo_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "step_seconds_here", lambda: 2.5 * demo.STEP_SECONDS)
    slow = demo.settings_here(tmp_path, 12)
    assert 300 < slow.steps < 400
    assert slow.gan_steps == round(slow.steps / 2)
    monkeypatch.setattr(demo, "step_seconds_here", lambda: demo.STEP_SECONDS)
    assert demo.settings_here(tmp_path, 12) == slow
    assert demo.settings_here(tmp_path / "other", 12) == DemoSettings()


def test_a_step_takes_time_on_this_machine():
    assert 0 < demo.step_seconds_here() < 60


def test_the_story_is_told_whole_and_a_second_run_repeats_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "write_scans", small_line)
    products = run_demo(tmp_path, TINY)
    page = write_story(tell(products), tmp_path / "report").read_text()
    assert page.count("<section") == 6
    assert all(result.serial in page for result in products.results)
    assert len(products.seconds) == 9
    weights = next(tmp_path.rglob("inspector-real/weights/*.safetensors"))
    timing = next(tmp_path.rglob("inspector-real/timing.jsonl"))
    written, ticks = weights.read_bytes(), ticks_of(timing)
    again = run_demo(tmp_path, TINY)
    assert weights.read_bytes() == written
    assert ticks_of(timing) == ticks
    assert [r.verdict for r in again.results] == [r.verdict for r in products.results]
    keep = os.environ.get("BLEMISH_KEEP_REPORT")  # To look at it.
    if keep:
        shutil.copytree(tmp_path / "report", Path(keep), dirs_exist_ok=True)


def test_a_class_without_synthetic_tiles_says_why():
    groove = ClassPlan(1, "A", "groove", real=4, synthetic=0, wanted=9, planned=0, note="groove came out weak")
    assert why_none(groove) == "groove came out weak"
    assert "admitted none" in why_none(replace(groove, planned=5, note=""))
    assert "enough real tiles" in why_none(replace(groove, real=9, note=""))


def test_unseen_cells_are_those_of_the_test_split_only(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "write_scans", small_line)
    folder = tmp_path / "x"
    folder.mkdir()
    small_line(folder / "scans", 8, 3)
    demo._imported(folder / "scans", folder / "set", TINY)
    dataset = demo.Dataset(folder / "set")
    serials = {path.stem for path in demo.unseen(folder / "scans", dataset)}
    learned = {r.part for r in dataset.records if r.split != "test"}
    assert serials
    assert serials.isdisjoint(learned)
    assert json.loads((folder / "scans" / "simulation.json").read_text())["seed"] == 3
