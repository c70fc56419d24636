import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.metrics.likeness import change, psnr, ssim


def picture(seed: int = 0, shape: tuple[int, ...] = (40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def noisy(of: np.ndarray) -> np.ndarray:
    return np.clip(of + np.random.default_rng(9).normal(0, 20, of.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(40, 50), (33, 21, 3)])
def test_psnr_and_ssim_equal_torchmetrics(shape):
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    one = picture(shape=shape)
    other = noisy(one)
    planes = [torch.from_numpy(np.atleast_3d(p).astype(np.float64)).permute(2, 0, 1)[None] for p in (other, one)]
    assert psnr(other, one) == pytest.approx(float(peak_signal_noise_ratio(*planes, data_range=255.0)), rel=1e-6)
    _, places = structural_similarity_index_measure(*planes, data_range=255.0, return_full_image=True)
    inside = places[..., 5:-5, 5:-5]  # It also counts places where the window reaches beyond the picture.
    assert ssim(other, one) == pytest.approx(float(inside.mean()), rel=1e-6)


def test_equal_pictures_are_alike_without_end():
    one = picture()
    assert psnr(one, one) == float("inf")
    assert ssim(one, one) == pytest.approx(1)


def test_a_picture_smaller_than_the_window_has_no_ssim():
    assert np.isnan(ssim(picture(shape=(10, 50)), picture(shape=(10, 50))))


def test_other_sizes_are_refused():
    with pytest.raises(InputError, match=r"one size, got \(40, 50\) and \(50, 40\)"):
        psnr(picture(), picture(shape=(50, 40)))


def test_change_is_told_apart_by_hand_in_mask_ring_and_beyond():
    beneath, mask = np.zeros((5, 9, 3), np.uint8), np.zeros((5, 9), bool)
    mask[2, 4] = True
    made = beneath.copy()
    made[2, 4, 1] = 100
    made[2, 6] = 9  # At a distance of 2: in the ring of 2,
    made[2, 7] = 5  # at 3: beyond.
    found = change(made, beneath, mask, 2)
    ring = np.hypot(*np.mgrid[-2:3, -4:5])
    assert found.inside == 100
    assert found.ring == pytest.approx(9 / ((ring > 0) & (ring < 3)).sum())
    assert found.most_beyond == 5
    assert change(made, beneath, mask, 3).most_beyond == 0


def test_a_tile_without_a_defect_is_all_beyond_and_unknown_pixels_do_not_count():
    beneath, none = np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool)
    made = np.array([[0, 7], [0, 0]], np.uint8)
    assert change(made, beneath, none, 3).most_beyond == 7
    assert np.isnan(change(made, beneath, none, 3).inside)
    assert change(made, beneath, none, 3, known=made == 0).most_beyond == 0
