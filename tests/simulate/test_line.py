"""The simulated line: determinism, exact labels, proportions, contrasts, and what lies where."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.simulate.defects import SOFT_PX
from blemish.simulate.layout import lay_out
from blemish.simulate.line import DEFAULT, LineSettings, simulate_cell

SMALL = replace(LineSettings.small(640, 400), clean_share=0.0, defects_per_cell=6.0)
BUSY = replace(LineSettings.small(1800, 1100), clean_share=0.0, defects_per_cell=60.0, marks_per_mpx=0.0)


@pytest.fixture(scope="module")
def many_defects():
    """About 500 defects on crowded cells."""
    return [defect for index in range(8) for defect in simulate_cell(11, index, settings=BUSY).defects]


def test_one_seed_gives_the_same_bytes_and_another_seed_others():
    first, again = (simulate_cell(5, 2, settings=SMALL) for _ in range(2))
    assert first.picture.tobytes() == again.picture.tobytes()
    assert first.label_map.defect.tobytes() == again.label_map.defect.tobytes()
    assert first.defects == again.defects
    assert first.picture.tobytes() != simulate_cell(6, 2, settings=SMALL).picture.tobytes()
    assert first.picture.tobytes() != simulate_cell(5, 3, settings=SMALL).picture.tobytes()


def test_a_cell_does_not_depend_on_numpys_or_opencvs_hidden_state():
    first = simulate_cell(5, 0, settings=SMALL)
    np.random.seed(99)  # noqa: NPY002
    cv2.setRNGSeed(99)
    assert simulate_cell(5, 0, settings=SMALL).picture.tobytes() == first.picture.tobytes()


@pytest.mark.parametrize("index", range(4))
def test_nothing_changes_outside_the_labels_but_a_soft_margin(index):
    scan = simulate_cell(3, index, settings=SMALL)
    clean = simulate_cell(3, index, settings=replace(SMALL, with_defects=False))
    assert not clean.label_map.defect.any()
    assert not clean.defects
    far = cv2.distanceTransform((scan.label_map.defect == 0).astype(np.uint8), cv2.DIST_L2, 5) > SOFT_PX
    assert np.array_equal(scan.picture[far], clean.picture[far])
    assert np.array_equal(scan.label_map.background, clean.label_map.background)


def test_labelled_pixels_change_and_change_more_than_the_margin():
    inside, margin = [], []
    for index in range(6):
        scan = simulate_cell(3, index, settings=SMALL)
        clean = simulate_cell(3, index, settings=replace(SMALL, with_defects=False))
        change = np.abs(scan.picture.astype(int) - clean.picture)
        inside.append(change[scan.label_map.defect > 0])
        margin.append(change[(scan.label_map.defect == 0) & (change > 0)])
    assert (np.concatenate(inside) > 0).mean() > 0.9
    assert np.concatenate(inside).mean() > 3 * np.concatenate(margin).mean()


def test_label_maps_fit_the_pouch_cell_taxonomy():
    scan = simulate_cell(1, 0, settings=SMALL)
    assert scan.label_map.check(Taxonomy.preset("pouch-cell")) is scan.label_map
    assert scan.label_map.background[200, 320] == 0
    assert scan.label_map.background[0, 0] == 1
    assert not scan.label_map.defect[scan.label_map.background == 1].any()


def test_every_record_lies_where_its_label_does():
    scan = simulate_cell(8, 1, settings=replace(SMALL, defects_per_cell=2.0))
    for defect in scan.defects:
        box = defect.box
        window = scan.label_map.defect[box.y : box.y + box.height, box.x : box.x + box.width]
        assert (window == defect.class_index).sum() == defect.area_px


def test_classes_come_in_the_papers_proportions(many_defects):
    counts = np.bincount([d.class_index for d in many_defects], minlength=7)[1:]
    expected = np.array([0.22, 0.02, 0.23, 0.46, 0.04, 0.03])
    tolerance = 4 * np.sqrt(expected * (1 - expected) / counts.sum())
    assert counts.sum() > 400
    assert (np.abs(counts / counts.sum() - expected) < tolerance).all()


def test_a_tenth_of_the_defects_or_more_are_faint(many_defects):
    contrasts = np.array([d.contrast for d in many_defects])
    assert 0.10 <= (contrasts < 2).mean() <= 0.4


def test_sizes_reach_from_below_the_least_size_upward(many_defects):
    sizes = np.array([d.size_px for d in many_defects])
    assert 0.02 < (sizes < 20).mean() < 0.3
    assert sizes.max() > 200


def test_a_written_share_of_cells_is_clean():
    tiny = replace(LineSettings.small(128, 128), clean_share=0.4)
    clean = [not simulate_cell(2, index, settings=tiny).defects for index in range(80)]
    assert 0.24 < np.mean(clean) < 0.56


def test_the_default_scan_is_the_papers():
    assert (DEFAULT.width_px, DEFAULT.height_px) == (5400, 2000)


def test_a_scan_that_is_too_small_is_refused():
    with pytest.raises(InputError, match="at least 128 x 128"):
        LineSettings.small(100, 400)


def test_a_scan_too_narrow_for_its_seals_is_refused():
    with pytest.raises(InputError, match="2000 px height must be at least 400 px wide"):
        LineSettings.small(300, 2000)


@pytest.mark.parametrize(("width", "height"), [(128, 576), (400, 1800), (400, 4000), (128, 128), (5400, 128)])
def test_every_cell_of_the_narrowest_scans_has_a_cup(width, height):
    settings = LineSettings.small(width, height)
    cups = [lay_out(rng(0, "layout", index), settings).cup for index in range(200)]
    assert all(cup.left < cup.right and cup.top < cup.bottom for cup in cups)
