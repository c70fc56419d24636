import json

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from blemish.cli.gan_generate import generate
from blemish.core.errors import InputError, LabelError
from blemish.core.taxonomy import rgb
from blemish.gan.networks import PaperGenerator
from blemish.gan.painted import beneath_painted, paint_label, preview, read_painted
from blemish.picture.read import read_index, read_picture
from blemish.picture.write import write_png
from blemish.train.checkpoint import save_weights

app = typer.Typer()
app.command()(generate)


@pytest.fixture
def taxonomy(small_set):
    return small_set.taxonomy


class Echo:
    """Paints class index x 50 on the background given (0 if none)."""

    channels = 1

    def __init__(self, taxonomy):
        self.taxonomy = taxonomy

    def paint(self, label_maps, seeds, backgrounds=None):
        defects = np.stack([m.defect for m in label_maps])[..., None]
        assert defects.shape[1] % 16 == defects.shape[2] % 16 == 0
        return np.where(defects > 0, defects * 50, 0 if backgrounds is None else backgrounds).astype(np.uint8)


def in_colours(path, taxonomy, size_hw=(37, 53), base="#808080"):
    picture = np.full((*size_hw, 3), rgb(base), np.uint8)
    picture[5:10, 7:20] = rgb(taxonomy.defect(2).colour)
    write_png(path, picture)
    return path


def test_colours_indices_and_palettes_are_read_as_the_same_label(tmp_path, taxonomy):
    colours = read_painted(in_colours(tmp_path / "c.png", taxonomy), taxonomy)
    index = colours.label_map.defect
    write_png(tmp_path / "i.png", index)
    write_png(tmp_path / "p.png", index, [(0, 0, 0), *(rgb(d.colour) for d in taxonomy.defects)])
    write_png(tmp_path / "q.png", index, [(9, 9, 9), (1, 2, 3), (200, 0, 0), (4, 4, 4)])
    assert (np.count_nonzero(index), index.max()) == (65, 2)
    for name in ("i.png", "p.png", "q.png"):
        assert (read_painted(tmp_path / name, taxonomy).label_map.defect == index).all()
    assert colours.names_background
    assert not read_painted(tmp_path / "p.png", taxonomy).names_background


def test_a_palette_in_another_order_is_read_by_its_colours(tmp_path, taxonomy):
    shuffled = Image.open(in_colours(tmp_path / "c.png", taxonomy)).quantize(4)
    shuffled.save(tmp_path / "q.png")
    assert shuffled.mode == "P"
    assert (read_painted(tmp_path / "q.png", taxonomy).label_map.defect[5:10, 7:20] == 2).all()


def test_an_unknown_colour_or_index_is_named_with_its_place(tmp_path, taxonomy):
    picture = read_picture(in_colours(tmp_path / "c.png", taxonomy)).copy()
    picture[30, 40] = (7, 8, 9)
    write_png(tmp_path / "c.png", picture)
    with pytest.raises(LabelError, match=r"c\.png: colour #070809 at x=40, y=30 belongs to no class"):
        read_painted(tmp_path / "c.png", taxonomy)
    write_png(tmp_path / "i.png", np.full((4, 4), 9, np.uint8))
    with pytest.raises(LabelError, match="defect value 9 at x=0, y=0"):
        read_painted(tmp_path / "i.png", taxonomy)


def test_a_black_and_white_mask_is_refused(tmp_path, taxonomy):
    write_png(tmp_path / "m.png", np.eye(8, dtype=np.uint8) * 255)
    with pytest.raises(LabelError, match=r"white .* but no defect: paint it in the colour or index"):
        read_painted(tmp_path / "m.png", taxonomy)


def test_any_size_is_painted_and_cropped_back(tmp_path, taxonomy):
    label_map = read_painted(in_colours(tmp_path / "c.png", taxonomy), taxonomy).label_map
    picture = paint_label(Echo(taxonomy), label_map)
    assert (picture == label_map.defect * 50).all()
    clean = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    clean[:] = clean[..., :1]
    on_clean = paint_label(Echo(taxonomy), label_map, background=clean)
    assert (on_clean == np.where(label_map.defect > 0, 100, clean[..., 0])).all()


def test_a_clean_picture_of_another_size_is_refused(tmp_path, taxonomy):
    label_map = read_painted(in_colours(tmp_path / "c.png", taxonomy), taxonomy).label_map
    with pytest.raises(InputError, match="label is 53 x 37 px, but the clean picture is 40 x 30"):
        paint_label(Echo(taxonomy), label_map, background=np.zeros((30, 40), np.uint8))


def test_the_backgrounds_of_a_tile_are_used_where_none_is_painted(tmp_path, taxonomy, small_set):
    clean = small_set.folder / "images" / "clean" / "0.png"
    unnamed = read_painted(in_colours(tmp_path / "a.png", taxonomy, (48, 48), base="#000000"), taxonomy)
    named = read_painted(in_colours(tmp_path / "b.png", taxonomy, (48, 48)), taxonomy)
    plane = read_index(small_set.folder / "backgrounds" / "clean" / "0.png")
    assert (beneath_painted(unnamed, clean, taxonomy).background == plane).all()
    assert not beneath_painted(named, clean, taxonomy).background.any()
    assert not beneath_painted(unnamed, None, taxonomy).background.any()


def test_the_preview_shows_label_and_picture_side_by_side(tmp_path, taxonomy):
    label_map = read_painted(in_colours(tmp_path / "c.png", taxonomy), taxonomy).label_map
    shown = preview(label_map, np.full((37, 53), 77, np.uint8), taxonomy)
    assert shown.shape == (37, 53 + 8 + 53, 3)
    assert tuple(shown[6, 8]) == rgb(taxonomy.defect(2).colour)
    assert (shown[:, 61:] == 77).all()


def test_the_command_writes_picture_label_and_preview(tmp_path, taxonomy):
    torch.manual_seed(0)
    card = {
        "kind": "gan-generator",
        "architecture": {"name": "paper", "width": 2, "channels": 1},
        "taxonomy": taxonomy.to_dict(),
    }
    save_weights(tmp_path / "run" / "generator", PaperGenerator(2, 1), card)
    label = in_colours(tmp_path / "painted.png", taxonomy)
    words = [str(tmp_path / "run"), "--label", str(label), "--json"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out" / "a.png")])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["classes"] == {"dot": 65}
    assert read_picture(tmp_path / "out" / "a.png").shape == (37, 53)
    assert np.count_nonzero(read_index(tmp_path / "out" / "a.label.png") == 2) == 65
    assert read_picture(tmp_path / "out" / "a.preview.png").shape == (37, 114, 3)
    label.rename(tmp_path / "b.label.png")
    words[2] = str(tmp_path / "b.label.png")
    for out in ("b.label.png", "b.png"):  # Beside b.png its label would be written.
        refused = CliRunner().invoke(app, [*words, "--out", str(tmp_path / out)])
        assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
        assert "would write over" in refused.stderr
    assert read_picture(tmp_path / "b.label.png").ndim == 3


def test_a_layer_is_painted_where_it_is_opaque_whatever_lies_beyond(tmp_path, taxonomy):
    rgb = np.asarray(Image.open(in_colours(tmp_path / "plain.png", taxonomy)).convert("RGB"))
    expected = read_painted(tmp_path / "plain.png", taxonomy).label_map.defect
    for beyond in (255, 0):  # Paint programs leave white or black there.
        layer = np.dstack([np.where((expected > 0)[:, :, None], rgb, beyond), np.where(expected > 0, 255, 0)])
        Image.fromarray(layer.astype(np.uint8), "RGBA").save(tmp_path / "layer.png")
        assert np.array_equal(read_painted(tmp_path / "layer.png", taxonomy).label_map.defect, expected)
