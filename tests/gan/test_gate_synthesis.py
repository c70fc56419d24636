"""The gate in synthesis: quotas, counts that add up, rejects beside the set, resume."""

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import DatasetError, InputError
from blemish.data.dataset import Dataset, unfinished_work
from blemish.gan import gate_gallery, synthesis
from blemish.gan.bank import build_bank
from blemish.gan.gate import Gate
from blemish.gan.gate_reference import measure_real
from blemish.gan.made_with import FILE as MADE_WITH
from blemish.gan.plan import plan_per_class, plan_tiles
from blemish.gan.synthesis import Job, Provenance, RealPictures, synthesise

MADE_BY = Provenance("0123456789abcdef", "default", 5)


class Composer:
    """Bright defects with a texture of their own on the background given; some seeds paint nothing, some too far."""

    channels, ring_px = 1, 2

    def __init__(self, taxonomy, *, invisible=lambda seed, index: False, beyond=lambda seed: False):
        self.taxonomy = taxonomy
        self.invisible, self.beyond = invisible, beyond
        self.painted = 0

    def paint(self, label_maps, seeds, backgrounds=None):
        self.painted += len(label_maps)
        beneath = self.backgrounds(label_maps, seeds) if backgrounds is None else backgrounds
        return np.stack([self._one(*each) for each in zip(label_maps, seeds, beneath, strict=True)])

    def backgrounds(self, label_maps, seeds):
        grain = [
            np.random.default_rng(seed).integers(110, 130, m.size_hw) for m, seed in zip(label_maps, seeds, strict=True)
        ]
        return np.stack(grain).astype(np.uint8)[..., None]

    def _one(self, label_map, seed, beneath):
        picture = beneath.copy()
        random = np.random.default_rng(seed)
        for index in (1, 2):
            if not self.invisible(seed, index):
                mask = label_map.defect == index
                picture[mask, 0] += 30 * index + random.integers(0, 30, np.count_nonzero(mask), np.uint8)
        if self.beyond(seed):
            picture[0, 0] += 3
        return picture


def job_on(dataset, *, real=True, **faults):
    bank = build_bank(dataset, [1, 2], real_backgrounds=real)
    return Job(Composer(dataset.taxonomy, **faults), bank, MADE_BY, RealPictures.of(dataset) if real else None)


def gate_of(dataset, **more):
    return Gate(dataset.taxonomy, measure_real(dataset, [1, 2]), ring_px=2, **more)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def tiles_of(folder: Path) -> dict[str, bytes]:
    """All but what the set was made with."""
    return {name: data for name, data in files(folder).items() if name != MADE_WITH}


def often(seed, index):
    return seed % 3 > 0


def test_without_faults_the_gate_admits_what_is_drawn_anyway(small_set, tmp_path):
    plan = plan_per_class(small_set.records, small_set.taxonomy, 9)
    plain = synthesise(job_on(small_set), plan, small_set, tmp_path / "plain")
    gated = synthesise(job_on(small_set), plan, small_set, tmp_path / "gated", gate=gate_of(small_set))
    assert gated.hash == plain.hash
    assert (gated.gate["drawn"], gated.gate["rejected"]) == (9, {})
    assert plain.gate is None
    assert "Nothing was rejected" in (tmp_path / "gated.rejects" / "index.html").read_text()


def test_later_attempts_fill_the_quota_and_the_counts_add_up(small_set, tmp_path):
    plan = plan_per_class(small_set.records, small_set.taxonomy, 9)
    made = synthesise(
        job_on(small_set, invisible=often), plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=40
    )
    told = made.gate
    rejected = sum(n for by_class in told["rejected"].values() for n in by_class.values())
    assert (made.written, made.failed) == (9, {})
    assert made.per_class == {"groove": 3, "dot": 6} == told["admitted"]
    assert set(told["rejected"]) == {"visible"}
    assert rejected >= 5
    assert told["drawn"] == sum(told["admitted"].values()) + rejected + sum(told["not_drawn"].values())
    assert told["sentence"].startswith(f"{told['drawn']} drawn = 9 admitted + {rejected} rejected (visible {rejected})")


def test_an_attempt_does_not_depend_on_batch_or_neighbours(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 2, 6)
    for name, batch in (("a", 1), ("b", 4)):
        job = job_on(small_set, invisible=often)
        synthesise(job, plan, small_set, tmp_path / name, batch=batch, gate=gate_of(small_set), attempts=30)
    assert tiles_of(tmp_path / "a") == tiles_of(tmp_path / "b")
    told = [json.loads((tmp_path / f"{name}.rejects" / "rejects.json").read_text()) for name in ("a", "b")]
    assert told[0]["later_attempts"] == told[1]["later_attempts"] != {}
    assert told[0]["counts"] == told[1]["counts"]


def test_a_class_that_could_not_be_filled_is_named_with_the_reason(small_set, tmp_path):
    plan = plan_per_class(small_set.records, small_set.taxonomy, 9)
    job = job_on(small_set, invisible=lambda seed, index: index == 2)
    made = synthesise(job, plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=3)
    reason = "every attempt rejected, most often by 'visible'"
    assert made.failed == {f"dot: {reason}": 6}
    assert made.gate["not_filled"] == {"dot": {reason: 6}}
    assert made.gate["rejected"] == {"visible": {"dot": 18}}
    assert made.planned == made.written + sum(made.failed.values()) == 9
    assert f"dot: 6 planned tiles: {reason.replace(chr(39), '&#39;')}" in page(tmp_path / "set.rejects")


def page(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def test_rejects_lie_beside_the_set_with_value_and_reason(small_set, tmp_path, monkeypatch):
    monkeypatch.setattr(gate_gallery, "KEPT", 2)
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 5)
    job = job_on(small_set, invisible=often, beyond=lambda seed: seed % 2 == 0)
    made = synthesise(job, plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=40)
    folder = Path(made.gate["rejects"])
    told = json.loads((folder / "rejects.json").read_text())
    assert set(told["counts"]["rejected"]) == {"visible", "beyond"}
    assert (
        [each["rule"] for each in told["kept"]].count("visible") == 2 < told["counts"]["rejected"]["visible"]["groove"]
    )
    for each in told["kept"]:
        assert (folder / each["picture"]).is_file()
        assert (folder / each["outlined"]).is_file()
        assert each["reason"]
        assert each["tile"].split("/")[1] == each["class"] == "groove"
    assert next(e for e in told["kept"] if e["rule"] == "beyond")["value"] == 3


def test_the_page_is_self_contained_and_shows_rejected_beside_admitted(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 5)
    made = synthesise(
        job_on(small_set, invisible=often), plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=40
    )
    html = page(tmp_path / "set.rejects")
    assert made.gate["sentence"] in html
    assert "5 planned = 5 written + 0 not filled" in html
    assert "✗ rejected" in html
    assert "✓ admitted, for comparison" in html
    assert set(re.findall(r'(?:src|href)="([^#d][^"]*)"', html)) == set()
    assert html.count("data:image/jpeg") >= 4


def test_generated_backgrounds_are_held_to_the_generators_own(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 4)
    job = job_on(small_set, real=False, beyond=lambda seed: seed % 2 == 0)
    made = synthesise(job, plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=40)
    assert made.written == 4
    assert set(made.gate["rejected"]) == {"beyond"}
    assert "beyond" not in made.gate["off"]


@pytest.mark.parametrize("call", [1, 2, 4, 7])
def test_a_stopped_run_goes_on_to_the_same_bytes(small_set, tmp_path, monkeypatch, call):
    plan = plan_per_class(small_set.records, small_set.taxonomy, 9)
    settings = {"batch": 3, "gate": gate_of(small_set), "attempts": 5}
    job = job_on(small_set, invisible=often)
    whole = synthesise(job, plan, small_set, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        patch.setattr(job.generator, "paint", stop_at(job.generator, call))
        with pytest.raises(KeyboardInterrupt):
            synthesise(job, plan, small_set, tmp_path / "set", **settings)
    job.generator.painted = 0
    made = synthesise(job, plan, small_set, tmp_path / "set", **settings, resume=True)
    assert files(tmp_path / "set") == files(tmp_path / "whole")
    assert differing(tmp_path / "set.rejects", tmp_path / "whole.rejects") == []
    assert made.failed == whole.failed
    assert without_folder(made) == without_folder(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.rejects", "whole", "whole.rejects"]
    again = synthesise(job, plan, small_set, tmp_path / "set", **settings, resume=True)
    assert (without_folder(again), again.failed) == (without_folder(whole), whole.failed)


def without_folder(made):
    return {key: value for key, value in made.gate.items() if key != "rejects"}


def differing(one: Path, other: Path) -> list[str]:
    """Files that are not the same; the page's own name aside."""
    ours, theirs = files(one), files(other)
    named = {"index.html": [each["index.html"].replace(b"whole", b"set") for each in (ours, theirs)]}
    return [
        name
        for name in sorted({*ours, *theirs})
        if (len(set(named[name])) > 1 if name in named else ours.get(name) != theirs.get(name))
    ]


def stop_at(generator, call):
    paint, calls = generator.paint, iter(range(1, 100))

    def stopping(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return paint(*arguments)

    return stopping


def test_a_finished_batch_is_not_painted_again(small_set, tmp_path, monkeypatch):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 6)
    job, gate = job_on(small_set), gate_of(small_set)
    with monkeypatch.context() as patch:
        patch.setattr(job.generator, "paint", stop_at(job.generator, 3))
        with pytest.raises(KeyboardInterrupt):
            synthesise(job, plan, small_set, tmp_path / "set", batch=2, gate=gate)
    with pytest.raises(DatasetError, match="begun with other settings"):
        synthesise(job, plan, small_set, tmp_path / "set", batch=2, gate=gate, attempts=3, resume=True)
    job.generator.painted = 0
    made = synthesise(job, plan, small_set, tmp_path / "set", batch=2, gate=gate, resume=True)
    assert (made.kept, made.written, job.generator.painted) == (4, 6, 2)


def test_a_run_stopped_between_the_set_and_its_page_finishes_the_page(small_set, tmp_path, monkeypatch):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 5)
    settings = {"batch": 2, "gate": gate_of(small_set), "attempts": 30}
    job = job_on(small_set, invisible=often)
    synthesise(job, plan, small_set, tmp_path / "whole", **settings)

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(synthesis, "finish_gallery", stopped)
        with pytest.raises(KeyboardInterrupt):
            synthesise(job, plan, small_set, tmp_path / "set", **settings)
    assert not (tmp_path / "set.rejects").exists()
    synthesise(job, plan, small_set, tmp_path / "set", **settings, resume=True)
    assert differing(tmp_path / "set.rejects", tmp_path / "whole.rejects") == []


def test_where_all_is_rejected_the_rejects_stay_to_be_looked_at(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 3)
    job = job_on(small_set, invisible=lambda *_: True)
    with pytest.raises(DatasetError, match=r"none of 3 tiles was admitted: 6 drawn = 0 admitted \+ 6 rejected"):
        synthesise(job, plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=2)
    assert [path.name for path in tmp_path.iterdir()] == ["set.rejects"]
    assert "None of this class was admitted" in page(tmp_path / "set.rejects")
    with pytest.raises(DatasetError, match="is there already: delete it"):
        synthesise(job, plan, small_set, tmp_path / "set", gate=gate_of(small_set), attempts=2)


def test_another_error_leaves_nothing(small_set, tmp_path, monkeypatch):
    job = job_on(small_set)
    monkeypatch.setattr(job.generator, "paint", lambda *_: np.zeros((1, 2, 2, 1), np.uint8))
    with pytest.raises(InputError, match="must give uint8"):
        synthesise(
            job, plan_tiles(small_set.records, small_set.taxonomy, 1, 2), small_set, tmp_path / "set",
            gate=gate_of(small_set),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_set_made_without_a_gate_is_not_taken_for_a_gated_one(small_set, tmp_path):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 2)
    job = job_on(small_set)
    synthesise(job, plan, small_set, tmp_path / "set")
    with pytest.raises(DatasetError, match="made without a gate: give --no-gate"):
        synthesise(job, plan, small_set, tmp_path / "set", gate=gate_of(small_set), resume=True)
    assert unfinished_work(tmp_path / "set") == []
    assert len(Dataset(tmp_path / "set")) == 2


@pytest.fixture(scope="module")
def finished(small_set, tmp_path_factory):
    """Four grooves through the gate."""
    out = tmp_path_factory.mktemp("finished") / "set"
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, 4)
    synthesise(job_on(small_set), plan, small_set, out, gate=gate_of(small_set))
    return out


@pytest.mark.parametrize(
    ("tiles", "real", "batch", "attempts", "gated"),
    [
        (10, True, 8, 8, True),
        (4, False, 8, 8, True),
        (4, True, 2, 8, True),
        (4, True, 8, 3, True),
        (4, True, 8, 8, False),
    ],
)
def test_a_finished_set_of_other_settings_is_refused(small_set, finished, tiles, real, batch, attempts, gated):
    plan = plan_tiles(small_set.records, small_set.taxonomy, 1, tiles)
    gate = gate_of(small_set) if gated else None
    settings = {"batch": batch, "attempts": attempts, "gate": gate, "resume": True}
    with pytest.raises(DatasetError, match="is there already and is not what these settings make"):
        synthesise(job_on(small_set, real=real), plan, small_set, finished, **settings)


def test_a_finished_set_of_another_data_set_is_refused(small_set, set_without_clean, finished):
    plan = plan_tiles(set_without_clean.records, set_without_clean.taxonomy, 1, 4)
    job, gate = job_on(set_without_clean), gate_of(set_without_clean)
    with pytest.raises(DatasetError, match="is not what these settings make"):
        synthesise(job, plan, set_without_clean, finished, gate=gate, resume=True)


def test_a_finished_set_that_does_not_say_what_it_was_made_with_must_add_up(small_set, finished):
    kept = (finished / MADE_WITH).read_bytes()
    (finished / MADE_WITH).unlink()
    four, ten = (plan_tiles(small_set.records, small_set.taxonomy, 1, tiles) for tiles in (4, 10))
    settings = {"gate": gate_of(small_set), "resume": True}
    assert synthesise(job_on(small_set), four, small_set, finished, **settings).kept == 4
    with pytest.raises(DatasetError, match="is not what these settings make"):
        synthesise(job_on(small_set), ten, small_set, finished, **settings)
    (finished / MADE_WITH).write_bytes(kept)


def test_the_range_of_16_bit_sources_stays_with_the_set(small_set, tmp_path):
    deep = copy.copy(small_set)
    deep.info = replace(small_set.info, value_range=(288, 4000))
    plan = plan_tiles(small_set.records, small_set.taxonomy, 2, 2)
    synthesise(job_on(small_set), plan, deep, tmp_path / "set")
    assert Dataset(tmp_path / "set").info.value_range == (288, 4000)
