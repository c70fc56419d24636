"""`data split` through the command line: what stays on its side, and what is refused."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from blemish.cli.data_import import split
from blemish.core.errors import InputError
from blemish.core.records import Origin, Split
from blemish.data.dataset import Dataset, DatasetWriter
from blemish.data.importing import ImportOptions, import_folder
from blemish.data.resplit import drawn_sides, fold_sides, sides_from_file

app = typer.Typer()
app.command("split")(split)
app.callback()(lambda: None)  # So that the name of the only command has to be given.


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def split_set(tmp_path: Path) -> Path:
    """Nine pictures in three folders, each its own group."""
    for name, value in (("MT_Crack", 255), ("MT_Hole", 255), ("MT_Free", 0)):
        (tmp_path / "src" / name).mkdir(parents=True)
        for i in range(3):
            picture = np.random.default_rng(i).integers(60, 200, (32, 32), np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            mask[2 : 4 + i, 3:9] = value
            Image.fromarray(picture).save(tmp_path / "src" / name / f"e{i}_{name}.jpg")
            Image.fromarray(mask).save(tmp_path / "src" / name / f"e{i}_{name}.png")
    import_folder(tmp_path / "src", tmp_path / "set", ImportOptions(tile_px=32, split=(0.4, 0.3, 0.3)))
    return tmp_path / "set"


def groups_file(tmp_path: Path, sides: dict[str, str]) -> Path:
    """A groups file that puts each group of `split_set` on a side."""
    path = tmp_path / "groups.csv"
    lines = [f"{group}.jpg,{group},{side}" for group, side in sides.items()]
    path.write_text("\n".join(["file,group,split", *lines, ""]))
    return path


def with_synthetic(old: Path, out: Path) -> Dataset:
    """The set with a synthetic tile of a group of its own, made from some of the train groups."""
    dataset = Dataset(old)
    with DatasetWriter(out, dataset.info) as writer:
        for record in dataset.records:
            writer.copy(dataset, record, record)
        donor = dataset.select(Split.TRAIN)[0]
        made = {"part": "made/0", "source": "made/0", "group": "made/0", "origin": Origin.SYNTHETIC}
        writer.copy(dataset, donor, replace(donor, id="made/0", **made))
    return Dataset(out)


def sides_of(folder: Path) -> dict[str, str]:
    return {record.group: str(record.split) for record in Dataset(folder).records}


def test_a_new_split_is_a_new_set_of_the_same_files(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    result = run("split", old, "--out", tmp_path / "new", "--ratios", "50/50/0", "--seed", 5, "--json")
    row: dict[str, Any] = json.loads(result.stdout)["data_sets"][0]
    assert row["splits"]["test"]["tiles"] == 0
    assert row["hash"] == Dataset(tmp_path / "new").hash != Dataset(old).hash
    first = Dataset(old).records[0].id
    assert (old / "images" / f"{first}.png").samefile(tmp_path / "new" / "images" / f"{first}.png")
    assert {r.sha256 for r in Dataset(old).records} == {r.sha256 for r in Dataset(tmp_path / "new").records}


def test_kept_test_groups_stay_and_the_rest_is_drawn(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    run("split", old, "--out", tmp_path / "new", "--ratios", "80/10/10", "--keep-test", "--seed", 9)
    before, after = sides_of(old), sides_of(tmp_path / "new")
    assert {g for g, s in before.items() if s == "test"} == {g for g, s in after.items() if s == "test"} != set()


def test_folds_judge_every_group_once_and_never_touch_test(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    assert run("split", old, "--out", tmp_path / "folds", "--folds", 3).exit_code == 0
    folds = [sides_of(tmp_path / "folds" / f"fold-{i}") for i in (1, 2, 3)]
    for group, side in sides_of(old).items():
        found = sorted(fold[group] for fold in folds)
        assert found == (["test"] * 3 if side == "test" else ["train", "train", "val"])


def test_a_split_from_a_file_goes_by_picture_or_group(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    path = groups_file(tmp_path, {group: "val" if "e1" in group else "train" for group in sides_of(old)})
    assert run("split", old, "--out", tmp_path / "new", "--from", path).exit_code == 0
    assert sides_of(tmp_path / "new")["MT_Hole/e1_MT_Hole"] == "val"
    path.write_text("file,group,split\nelsewhere.png,g,train\n")
    result = run("split", old, "--out", tmp_path / "other", "--from", path)
    assert (result.exit_code, (tmp_path / "other").exists()) == (2, False)


def test_a_split_never_changes_what_is_there_and_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    assert run("split", old, "--out", tmp_path / "dry", "--folds", 2, "--dry-run").exit_code == 0
    assert not (tmp_path / "dry").exists()
    for arguments in (["--folds", 2], ["--ratios", "60/20/20"]):
        result = run("split", old, "--out", old, *arguments)
        assert (result.exit_code, "never changed" in result.stderr) == (2, True)
    assert run("split", old, "--out", tmp_path / "x", "--folds", 2, "--ratios", "60/20/20").exit_code == 2


def test_a_file_that_moves_a_kept_test_group_is_refused(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    moved = next(group for group, side in sides_of(old).items() if side == "test")
    path = groups_file(tmp_path, sides_of(old) | {moved: "train"})
    result = run("split", old, "--out", tmp_path / "new", "--from", path, "--keep-test")
    assert (result.exit_code, (tmp_path / "new").exists()) == (2, False)
    assert f"moves group '{moved}' from test to train, where it may not be (--keep-test)" in result.stderr
    assert run("split", old, "--out", tmp_path / "new", "--from", path).exit_code == 0


def test_where_synthetic_tiles_are_what_is_in_train_stays_there(tmp_path: Path) -> None:
    dataset = with_synthetic(split_set(tmp_path), tmp_path / "merged")
    train = {record.group for record in dataset.select(Split.TRAIN)}
    for seed in range(8):
        sides = drawn_sides(dataset, (0.4, 0.3, 0.3), seed=seed)
        assert {group for group, side in sides.items() if side is Split.TRAIN} == train
        assert Counter(sides.values()) == {Split.TRAIN: 4, Split.VAL: 3, Split.TEST: 3}


def test_a_file_lists_no_synthetic_tile_and_moves_nothing_out_of_train_beside_one(tmp_path: Path) -> None:
    old = split_set(tmp_path)
    dataset = with_synthetic(old, tmp_path / "merged")
    assert sides_from_file(dataset, groups_file(tmp_path, sides_of(old))) == sides_of(old) | {"made/0": "train"}
    moved = next(group for group, side in sides_of(old).items() if side == "train")
    with pytest.raises(InputError, match=f"moves group '{moved}' from train to test, .*synthetic"):
        sides_from_file(dataset, groups_file(tmp_path, sides_of(old) | {moved: "test"}))


def test_folds_of_a_set_with_synthetic_tiles_are_refused(tmp_path: Path) -> None:
    dataset = with_synthetic(split_set(tmp_path), tmp_path / "merged")
    with pytest.raises(InputError, match=r"holds 1 synthetic tiles, .* make folds of the real set"):
        fold_sides(dataset, 2)


def test_a_set_of_links_is_split_into_files_that_are_there(tmp_path):
    """As git-annex keeps files: a link to a link would lead nowhere from its new place."""
    folder = split_set(tmp_path)
    (tmp_path / "kept").mkdir()
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(tmp_path / "kept" / f"{number}.png")
        path.symlink_to(os.path.relpath(tmp_path / "kept" / f"{number}.png", path.parent))
    assert run("split", folder, "--out", tmp_path / "deep" / "new").exit_code == 0
    assert sum(1 for _ in Dataset(tmp_path / "deep" / "new").samples()) == 9
