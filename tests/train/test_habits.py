"""Moving average, schedules, precision, the run folder, what a run was made with."""

from __future__ import annotations

import json
from importlib import metadata
from itertools import pairwise

import pytest
import torch
from torch import nn

from blemish.core.errors import InputError
from blemish.train.ema import MovingAverage
from blemish.train.machine import commit, cpu_model, versions
from blemish.train.precision import accelerator, channels_last, default_precision, to_device
from blemish.train.run_folder import RunFolder
from blemish.train.schedule import constant, cosine, set_rate


def test_half_of_a_jump_is_taken_in_after_one_half_life():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    average = MovingAverage(net, half_life_steps=10)
    net.weight.data.fill_(1.0)
    for step in range(1000, 1010):
        average.update(step)
    assert average.module.weight.item() == pytest.approx(0.5, abs=1e-6)


def test_the_random_start_is_forgotten_at_once():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(100.0)
    average = MovingAverage(net, half_life_steps=10_000)
    net.weight.data.fill_(1.0)
    average.update(0)
    assert average.module.weight.item() == pytest.approx(1.0, abs=1e-3)
    assert average.decay(10**9) == pytest.approx(0.5 ** (1 / 10_000))


def test_the_average_copies_buffers_and_stays_in_evaluation_mode():
    net = nn.BatchNorm2d(2)
    average = MovingAverage(net, half_life_steps=10)
    net(torch.randn(4, 2, 3, 3))
    average.update(0)
    assert torch.equal(average.module.running_mean, net.running_mean)
    assert average.module.num_batches_tracked.item() == 1
    assert not average.module.training
    assert not any(parameter.requires_grad for parameter in average.module.parameters())


def test_the_average_of_a_prepared_network_is_its_own_network():
    net = accelerator("bf16", cpu=True).prepare(nn.Linear(2, 1, bias=False))
    average = MovingAverage(net, half_life_steps=10)
    net.weight.data.fill_(3.0)
    average.module.weight.data.fill_(1.0)
    assert average.module(torch.ones(1, 2)).item() == 2.0
    assert net(torch.ones(1, 2)).item() == 6.0


def test_cosine_warms_up_then_falls_to_its_end():
    rates = [cosine(step, rate=2.0, steps=12, warmup_steps=2, final_frac=0.1) for step in range(13)]
    assert rates[:3] == [1.0, 2.0, 2.0]
    assert rates[7] == pytest.approx(1.1)
    assert rates[12] == pytest.approx(0.2)
    assert cosine(99, rate=2.0, steps=12) == pytest.approx(0.0)
    assert all(later <= earlier for earlier, later in pairwise(rates[2:]))


def test_a_constant_rate_is_given_to_every_group():
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [weight]} for weight in weights], lr=9.0)
    set_rate(optimizer, constant(5, rate=0.25))
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


def test_each_precision_can_be_had_in_one_process():
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with accelerator(precision, cpu=True).autocast():
            assert nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)).dtype == dtype
    assert default_precision() in ("fp32", "bf16")
    with pytest.raises(InputError, match="fp32 or bf16, got 'fp16'"):
        accelerator("fp16", cpu=True)


def test_four_axis_floats_become_channels_last_and_labels_stay():
    net = channels_last(nn.Conv2d(2, 3, 3))
    assert net.weight.is_contiguous(memory_format=torch.channels_last)
    batch = to_device(
        {"x": torch.zeros(2, 3, 4, 4), "label": torch.zeros(2, 4, 4, dtype=torch.uint8)}, net.weight.device
    )
    assert batch["x"].is_contiguous(memory_format=torch.channels_last)
    assert batch["label"].dtype == torch.uint8


def test_a_run_is_written_with_what_it_was_made_with(tmp_path):
    run = RunFolder.create(tmp_path / "run", {"seed": 1, "data": {"hash": "abc"}, "size": (2, 3)})
    values = json.loads((run.folder / "run.json").read_text())
    assert values["settings"] == {"seed": 1, "data": {"hash": "abc"}, "size": [2, 3]}
    assert values["versions"]["torch"] == metadata.version("torch")
    assert values["machine"]["cores"] >= 1
    assert set(values) == {"settings", "commit", "versions", "machine", "started"}


def test_a_setting_that_differs_deep_inside_is_named(tmp_path):
    RunFolder.create(tmp_path / "run", {"seed": 1, "data": {"hash": "abc"}})
    with pytest.raises(InputError, match=r"data\.hash = abc but is now asked to go on with xyz"):
        RunFolder.open_to_resume(tmp_path / "run", {"seed": 1, "data": {"hash": "xyz"}})
    with pytest.raises(InputError, match="width = None but is now asked to go on with 3"):
        RunFolder.open_to_resume(tmp_path / "run", {"seed": 1, "data": {"hash": "abc"}, "width": 3})


def test_resume_says_what_is_no_longer_as_it_was(tmp_path):
    run = RunFolder.create(tmp_path / "run", {})
    values = json.loads((run.folder / "run.json").read_text())
    values["versions"]["torch"] = "1.0"
    (run.folder / "run.json").write_text(json.dumps(values))
    assert RunFolder.open_to_resume(run.folder, {}).differences == (
        f"versions.torch was 1.0, is {versions()['torch']}",
    )


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    with pytest.raises(InputError, match=r"no readable run\.json"):
        RunFolder.open_to_resume(tmp_path, {})
    with pytest.raises(InputError, match="is there already"):
        RunFolder.create(tmp_path, {})


def test_a_resume_of_a_run_that_never_began_starts_it(tmp_path):
    assert RunFolder.start(tmp_path / "run", {"seed": 1}, resume=True).rows() == []
    assert (tmp_path / "run" / "run.json").is_file()


def test_rows_beyond_a_step_and_half_a_line_are_cut(tmp_path):
    run = RunFolder.create(tmp_path / "run", {})
    for step in (10, 20, 30):
        run.write_row({"step": step, "loss": step / 7})
    two = b"".join(run.figures.read_bytes().splitlines(keepends=True)[:2])
    with run.figures.open("ab") as file:
        file.write(b'{"step": 40, "lo')
    assert [row["step"] for row in run.rows()] == [10, 20, 30]
    run.cut_after(20)
    assert run.figures.read_bytes() == two
    assert run.rows()[1] == {"step": 20, "loss": 20 / 7}


def test_the_commit_is_of_the_checkout_and_empty_without_git(monkeypatch):
    assert len(commit().removesuffix("-dirty")) in (0, 40)
    monkeypatch.setenv("PATH", "")
    assert commit() == ""
    assert cpu_model()


@pytest.mark.parametrize("damaged", [b"\0\0\0\n", b"3\n", b'{"loss": 1}\n'])
def test_a_damaged_row_is_named(tmp_path, damaged):
    run = RunFolder.create(tmp_path / "run", {})
    run.write_row({"step": 1, "loss": 2.0})
    with run.figures.open("ab") as file:
        file.write(damaged)
    with pytest.raises(InputError, match=r"figures\.jsonl, line 2, is damaged"):
        run.rows()
