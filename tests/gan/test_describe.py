"""What `gan describe` prints."""

from __future__ import annotations

import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from blemish.cli import gan
from blemish.core.errors import InputError
from blemish.gan.describe import describe_discriminator, describe_generator
from blemish.gan.discriminator import PatchDiscriminator
from blemish.gan.networks import PaperGenerator

app = typer.Typer()
app.command("describe")(gan.describe)
app.command("train")(gan.train)


def test_the_paper_makes_117_mib_and_908_gflop():
    paper = describe_generator()
    assert (paper.convolutions, paper.parameters) == (47, 30_815_043)
    assert paper.mib == pytest.approx(117.55, abs=0.005)
    assert paper.gflop == pytest.approx(907.7, abs=0.05)


def test_every_parameter_is_in_one_layer_row():
    layers = describe_generator(width=8, channels=3, size_hw=(64, 96))
    assert layers.parameters == sum(p.numel() for p in PaperGenerator(8, 3).parameters())
    judge = describe_discriminator(8, width=8, channels=3, size_hw=(64, 96))
    assert judge.parameters == sum(p.numel() for p in PatchDiscriminator(8, 8, 3).parameters())


def test_work_of_a_convolution_and_a_transposed_one_by_hand():
    rows = {row.name: row for row in describe_generator().layers}
    first = rows["defect_branch.down.0.0"]  # 1 -> 64, 3x3, at 512 x 512 output positions
    assert first.gflop == pytest.approx(2 * 9 * 64 * 512**2 / 1e9)
    assert (first.filter, first.stride, first.output_hwc) == ("64 x 3 x 3", 1, (512, 512, 64))
    up = rows["fusion.up.0"]  # 1024 -> 512, 4x4, at 32 x 32 input positions
    assert up.gflop == pytest.approx(2 * 16 * 1024 * 512 * 32**2 / 1e9)
    assert (up.kind, up.stride, up.output_hwc) == ("transposed convolution", 2, (64, 64, 512))


def test_work_agrees_with_torchs_own_counter():
    from torch.utils.flop_counter import FlopCounterMode

    network, plane = PaperGenerator(4).eval(), torch.zeros(1, 1, 64, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(plane, plane)
    ours = describe_generator(width=4, size_hw=(64, 64)).gflop
    assert ours == pytest.approx(counter.get_total_flops() / 1e9, rel=1e-6)


def test_the_command_prints_one_json_object():
    done = CliRunner().invoke(app, ["describe", "--preset", "paper", "--size", "512", "--json"])
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert (values["convolutions"], values["parameters"], values["mib"]) == (47, 30_815_043, 117.55)
    assert values["layers"][0].keys() == {"name", "kind", "filter", "stride", "output_hwc", "parameters", "gflop"}
    assert values["discriminator"]["parameters"] == 2_767_297


def test_the_table_names_the_totals():
    done = CliRunner().invoke(app, ["describe", "--preset", "paper", "--width", "16"])
    assert "47 convolutions" in done.stdout
    assert "discriminator (ours)" in done.stdout


def test_the_default_generator_is_a_tenth_of_the_papers_work_and_under_its_size():
    done = CliRunner().invoke(app, ["describe", "--json"])
    values = json.loads(done.stdout)
    assert values["preset"] == "default"
    assert values["gflop"] < 907.7 / 10
    assert values["mib"] < 38.7


def test_a_size_that_does_not_fit_ends_in_one_line_and_exit_code_2():
    done = CliRunner().invoke(app, ["describe", "--preset", "paper", "--size", "500"])
    assert done.exit_code == 2
    assert "multiples of 16 px, got 500" in done.stderr
    with pytest.raises(InputError, match="multiples of 16"):
        describe_generator(size_hw=(512, 500))
