"""`bench speed`: contenders take turns, ratios are paired, and all figures come from one command."""

import json
from dataclasses import replace

import numpy as np
import openvino as ov
import pytest
import torch
from openvino import opset13 as ops
from typer.testing import CliRunner

from blemish.bench import speed_memory, speed_timing
from blemish.bench.speed import _alike, measure_speed
from blemish.bench.speed_contenders import Eager, ToDisk, of_bundle, with_eager, with_tiles_up_to, with_whole
from blemish.bench.speed_roofline import work_of
from blemish.bench.speed_scene import QUICK, make_scene
from blemish.bench.speed_timing import Deadline, in_turn, percentiles, ratio
from blemish.cli.main import app
from blemish.core.errors import BundleError, InputError
from blemish.core.records import Box, Defect
from blemish.inspect.defects import Limits


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    before = torch.get_num_threads()  # Made before a test's own fixture could put it back.
    torch.set_num_threads(1)
    made = make_scene(tmp_path_factory.mktemp("scene"), QUICK, ("f32",))
    torch.set_num_threads(before)
    return made


def test_contenders_take_turns_and_every_second_round_goes_backwards():
    order = []
    in_turn({name: (lambda name=name: order.append(name)) for name in "ab"}, 3, Deadline.of(60), 1.0, "test")
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"


def test_rounds_end_early_when_the_time_is_over_but_never_before_the_first():
    seconds = in_turn({"a": lambda: None}, 9, Deadline.of(1e-9), 1.0, "test")
    assert len(seconds["a"]) == speed_timing.LEAST_ROUNDS


def test_a_ratio_is_the_median_of_the_ratios_of_rounds_not_the_ratio_of_medians():
    assert ratio([1.0, 10.0, 4.0], [1.0, 2.0, 4.0]) == {
        "median": 1.0, "least": 1.0, "largest": 5.0, "rounds": [1.0, 5.0, 1.0],
    }  # fmt: skip


def test_percentiles_are_those_of_numpy():
    values = list(np.random.default_rng(1).uniform(size=27))
    assert percentiles(values)["p95"] == pytest.approx(np.percentile(values, 95), abs=1e-4)


def test_work_is_counted_by_hand_for_one_convolution(tmp_path):
    pictures = ops.parameter([-1, -1, -1, 3], np.uint8, name="pictures")
    planes = ops.convert(ops.transpose(pictures, [0, 3, 1, 2]), np.float32)
    convolved = ops.convolution(planes, np.ones((5, 3, 3, 3), np.float32), [2, 2], [1, 1], [1, 1], [1, 1])
    ov.save_model(ov.Model([convolved], [pictures]), tmp_path / "network.xml")
    work = work_of(tmp_path, 8)
    assert work.gmac == pytest.approx(5 * 4 * 4 * 3 * 3 * 3 / 1e9)
    assert work.values_m == pytest.approx((5 * 4 * 4 + 5 * 3 * 3 * 3 + 3 * 8 * 8) / 1e6)


def test_eager_answers_as_the_bundle_does(scene):
    tiles = scene.tiles(2)
    eager = Eager(scene.network, scene.taxonomy).probabilities(tiles)
    bundle = of_bundle(scene.bundles["f32"]).segmenter.probabilities(tiles)
    assert np.abs(eager - bundle).max() < 1e-3


def test_all_ways_from_file_to_result_find_the_same_in_float32(scene, tmp_path):
    low = Limits(dict.fromkeys(scene.taxonomy.codes, 0.2), dict.fromkeys(scene.taxonomy.codes, 2))
    chosen = replace(of_bundle(scene.bundles["f32"], threads=1), limits=low)
    assert chosen.segmenter.coarse.factor == 4
    same_tiles = with_tiles_up_to(chosen, scene.scale.tile_px)
    ways = [with_eager(chosen, scene.network), with_whole(chosen), same_tiles]
    runs = [ToDisk(way, scene.scan_path, tmp_path / str(number)) for number, way in enumerate(ways)]
    for run in runs:
        run()
    assert len(runs[0].result.defects) > 0
    assert len({tuple((d.code, d.box) for d in run.result.defects) for run in runs}) == 1
    assert all((run.class_map() != runs[0].class_map()).mean() < 1e-4 for run in runs)
    assert set(runs[2].stages[0]) == {"read", "quality", "tiles", "network", "blend", "defects", "write"}
    assert sum(runs[2].stages[0].values()) == pytest.approx(runs[2].seconds[0], rel=0.2)


def test_memory_is_measured_without_torch_and_a_failure_is_told(scene, tmp_path, monkeypatch):
    assert 50 < speed_memory.peak_rss_mb(scene.bundles["f32"], scene.scan_path, tmp_path / "out") < 800
    monkeypatch.setattr(speed_memory, "PROGRAM", "import torch\n" + speed_memory.PROGRAM)
    with pytest.raises(BundleError, match="torch was imported"):
        speed_memory.peak_rss_mb(scene.bundles["f32"], scene.scan_path, tmp_path / "again")


def test_defects_are_alike_by_class_and_half_overlap():
    one = Defect("A", "a", 0.9, Box(0, 0, 10, 10), (), 100, 10, 10, (5, 5))
    assert _alike(one, replace(one, box=Box(0, 3, 10, 10)))
    assert not _alike(one, replace(one, box=Box(0, 4, 10, 10)))
    assert not _alike(one, replace(one, code="B"))


def test_an_unknown_precision_is_refused_before_anything_is_made():
    with pytest.raises(InputError, match="--precision must be one of f32, bf16, int8, got 'fp16'"):
        measure_speed(precision="fp16")


@pytest.mark.slow
def test_the_command_prints_every_figure_of_the_issue(tmp_path):
    ended = CliRunner().invoke(
        app, ["bench", "speed", "--quick", "--rounds", "2", "--json", "--out", str(tmp_path / "s.json")]
    )
    assert ended.exit_code == 0, ended.output
    figures = json.loads(ended.stdout)
    assert json.loads((tmp_path / "s.json").read_text()) == figures
    assert min(figures["equal_work_ratio"], figures["end_to_end_ratio"], figures["reference_tile_ms"]) > 0
    assert figures["scan_s"]["p50"] <= figures["scan_s"]["p95"] <= figures["scan_s"]["p99"]
    assert 50 < figures["peak_rss_mb"] < 800
    assert set(figures["stages"]) == {"read", "quality", "tiles", "network", "blend", "defects", "write"}
    assert set(figures["roofline"]["by_precision"]) == {"f32", "bf16", "int8"}
    assert figures["avx2"]["kernels"]["f32"]["convolutions_capped"]
    assert figures["avx2"]["kernels"]["int8"]["convolutions_capped"]
