import numpy as np

from blemish.gan.bank import build_bank
from blemish.gan.shape_sheet import shape_sheet


def test_real_tiles_stand_left_drawn_ones_right_and_missing_cells_stay_empty(small_set):
    sheet = shape_sheet(small_set, build_bank(small_set, [2]), 2, side=3, cell_px=48)
    assert sheet.shape == (3 * 48, 2 * 3 * 48 + 12)
    cells = [
        sheet[r : r + 48, c : c + 48]
        for half in (0, 156)
        for r in range(0, 144, 48)
        for c in range(half, half + 144, 48)
    ]
    assert [(cell == 255).any() for cell in cells] == [True] * 3 + [False] * 6 + [True] * 9
    assert (cells[3] == cells[8][0, 0]).all()
    assert not np.array_equal(cells[9], cells[10])
