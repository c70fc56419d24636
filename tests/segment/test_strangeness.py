import json

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import DatasetInfo, DatasetWriter, Sample
from blemish.inspect.strangeness import Familiar
from blemish.segment.strangeness import learn_familiar, told_from


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Tiles of another surface: brighter, coarser."""
    folder = tmp_path_factory.mktemp("foreign") / "set"
    with DatasetWriter(folder, DatasetInfo(Taxonomy.of_names("other", ["x"]), 64, 1)) as writer:
        for index in range(6):
            picture = np.random.default_rng(index).normal(190, 25, (64, 64)).clip(0, 255).astype(np.uint8)
            name = f"f{index}"
            record = TileRecord(name, name, "", name, Box(0, 0, 64, 64), name, Split.NONE, Origin.REAL, (), ())
            writer.add(Sample(picture, LabelMap.clean(64, 64), record))
    return folder


def test_the_command_writes_a_file_and_tells_foreign_tiles(shapes_folder, foreign, tmp_path):
    out = tmp_path / "strangeness.json"
    words = ["segment", "strangeness", str(shapes_folder), "--out", str(out), "--foreign", str(foreign), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values["foreign"][str(foreign)]["auroc"] == 1
    assert values["foreign"][str(foreign)]["strange_above"]["count"] == 6
    assert Familiar.from_dict(json.loads(out.read_text())).pictures == 12
    assert CliRunner().invoke(app, words).exit_code == 2  # It is there already.


def test_foreign_sets_of_one_taxonomy_are_all_told(shapes_folder, elsewhere_folder, synthetic_folder, tmp_path):
    sets = [str(elsewhere_folder), str(synthetic_folder)]
    words = ["segment", "strangeness", str(shapes_folder), "--out", str(tmp_path / "s.json"), "--json"]
    done = CliRunner().invoke(app, [*words, "--foreign", sets[0], "--foreign", sets[1]])
    assert done.exit_code == 0, done.output
    assert list(json.loads(done.stdout)["foreign"]) == sets


def test_figures_of_nothing_are_none():
    told = told_from([0.5, 1.2], [])
    assert told["auroc"] is None
    assert (told["own_above"]["count"], told["strange_above"]["value"]) == (1, None)


def test_no_tile_to_learn_from_is_refused(shapes):
    with pytest.raises(DatasetError, match="no train tiles to learn from"):
        learn_familiar(shapes, [])
