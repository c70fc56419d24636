import torch

from blemish.gan.composed.perception import Perception


def textures(seed: int, stripes: bool) -> torch.Tensor:
    torch.manual_seed(seed)
    columns = torch.sign(torch.sin(torch.arange(64) / 1.5 + seed)) * 0.2 if stripes else torch.zeros(64)
    return (columns + 0.05 * torch.randn(1, 1, 64, 64)).clamp(-1, 1)


def region() -> torch.Tensor:
    mask = torch.zeros(1, 2, 64, 64)
    mask[:, 0, 8:56, 8:56] = 1
    return mask


def test_same_texture_elsewhere_is_nearer_than_another_texture():
    perception, real = Perception(), textures(1, True)
    same, other = (perception(textures(2, stripes), real, region()).item() for stripes in (True, False))
    assert same < other / 2


def test_equal_pictures_are_not_apart_and_gradients_reach_the_painted_one():
    perception, real = Perception(), textures(1, True)
    made = textures(3, False).requires_grad_()
    assert perception(real, real, region()).item() == 0
    perception(made, real, region()).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0


def test_nothing_beyond_the_regions_counts():
    perception, real = Perception(), textures(1, True)
    far = real.clone()
    far[..., 60:, 60:] = 1
    near = real.clone()
    near[..., 30:34, 30:34] = 1
    assert perception(near, real, region()) > 3 * perception(far, real, region())


def test_without_any_region_it_is_zero():
    assert Perception()(textures(1, True), textures(2, False), torch.zeros(1, 2, 64, 64)).item() == 0
