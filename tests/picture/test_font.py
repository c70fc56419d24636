import numpy as np
import pytest
from PIL import ImageFont

from blemish.core.taxonomy import Taxonomy
from blemish.picture import font as font_module
from blemish.picture.font import font_for, has_all
from blemish.picture.overlay import draw_overlay


@pytest.mark.parametrize("words", ["Öl Fleck", "Beule groß", "ł Ñ é", "mm² µm – ± ×", "Царапина", "ρωγμή"])
def test_the_packaged_font_has_the_letters_of_europe(words):
    assert has_all(font_for([words], 15), words)


def test_a_letter_that_a_font_lacks_is_noticed():
    assert not has_all(ImageFont.load_default(15), "ö")
    assert not has_all(font_for([], 15), "용")


def test_letters_that_the_packaged_font_lacks_are_drawn_with_one_of_the_machine(monkeypatch):
    other = ImageFont.load_default(15)
    monkeypatch.setattr(font_module, "_of_machine", lambda name, size_px: other)
    monkeypatch.setattr(font_module, "has_all", lambda font, letters: font is other or "용" not in letters)
    assert font_for(["용접"], 15) is other
    assert font_for(["groove"], 15) is not other


def test_where_no_font_has_them_the_packaged_one_draws_boxes(monkeypatch):
    monkeypatch.setattr(font_module, "_of_machine", lambda name, size_px: None)
    assert font_for(["용접"], 15).getname()[0] == "DejaVu Sans"


def test_titles_of_other_letters_look_different():
    cell = Taxonomy.preset("pouch-cell")
    titles = [draw_overlay(np.full((400, 400), 128, np.uint8), [], cell, title) for title in ("Öl", "Äl", "Ül")]
    assert not np.array_equal(titles[0], titles[1])
    assert not np.array_equal(titles[1], titles[2])
