import json

import cv2
import numpy as np
import pytest

from blemish.core.errors import BundleError, InputError, PictureError
from blemish.inspect.strangeness import Familiar, cell_figures, picture_figures
from blemish.metrics.auroc import auroc


def surface(seed, std=6.0, mean=120):
    return np.random.default_rng(seed).normal(mean, std, (96, 128)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def familiar():
    return Familiar.of((surface(seed) for seed in range(200)), [str(seed) for seed in range(200)], quantile=0.95)


def test_about_the_asked_share_of_new_own_pictures_is_above_the_limit(familiar):
    above = np.mean([familiar.strangeness(surface(seed)) > 1 for seed in range(1000, 1200)])
    assert 0.01 < above < 0.12


@pytest.mark.parametrize("change", [{"std": 14.0}, {"mean": 170}], ids=["other grain", "other lamp"])
def test_another_surface_or_lamp_is_strange(familiar, change):
    own = [familiar.strangeness(surface(seed)) for seed in range(100, 120)]
    other = [familiar.strangeness(surface(seed, **change)) for seed in range(100, 120)]
    assert auroc(own, other) == 1
    assert min(other) > 1


def test_a_spot_like_nothing_before_is_strange_though_the_rest_is_not(familiar):
    picture = surface(200)
    picture[40:60, 50:70] = 250
    assert familiar.strangeness(picture) > 2 > familiar.strangeness(surface(200))


def test_it_is_the_same_after_a_file(familiar):
    again = Familiar.from_dict(json.loads(json.dumps(familiar.to_dict())))
    assert again.strangeness(surface(7)) == familiar.strangeness(surface(7))
    with pytest.raises(BundleError, match="make it with segment strangeness"):
        Familiar.from_dict({**familiar.to_dict(), "cell_px": 8})
    with pytest.raises(BundleError, match="lacks or garbles 'whiten'"):
        Familiar.from_dict({"kind": "strangeness", "mean": []})


def test_a_picture_of_another_size_cannot_be_told(familiar):
    assert familiar.size_hw == (96, 128)
    assert familiar.strangeness(surface(3)[:60]) > 0  # Cut to less than half: its extremes are not these.
    for other in (surface(3)[:40], np.tile(surface(3), (2, 2))):
        with pytest.raises(PictureError, match="learned were pictures of 128 x 96 px"):
            familiar.strangeness(other)


def test_a_large_picture_is_looked_at_reduced():
    large = np.tile(surface(0), (30, 30))  # 11 million pixels.
    assert cell_figures(large).shape[0] == 90 * 120
    assert picture_figures(large)[0] == pytest.approx(cell_figures(large)[:, 0].mean(), abs=0.05)
    assert picture_figures(large)[0] == picture_figures(cv2.resize(large, (1280, 960), interpolation=cv2.INTER_AREA))[0]


def test_any_size_and_colour_can_be_asked(familiar):
    assert cell_figures(np.zeros((20, 9), np.uint8)).shape == (1, 10)
    assert cell_figures(np.zeros((70, 100), np.uint8)).shape == (6, 10)
    gray = surface(1)
    assert familiar.strangeness(np.repeat(gray[:, :, None], 3, axis=2)) == pytest.approx(familiar.strangeness(gray))


def test_pictures_of_one_group_are_refused():
    with pytest.raises(InputError, match="2 groups or more, got 1"):
        Familiar.of([surface(0)] * 3, ["one"] * 3)
