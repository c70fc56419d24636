import math

import numpy as np
import pytest
from torchmetrics.functional.classification import binary_auroc

from blemish.metrics.auroc import auroc


def test_it_equals_torchmetrics_with_ties():
    import torch

    random = np.random.default_rng(0)
    own, strange = random.integers(0, 8, 40) / 10, random.integers(3, 11, 25) / 10
    scores, truth = torch.tensor([*own, *strange]), torch.tensor([0] * 40 + [1] * 25)
    assert auroc(own, strange) == pytest.approx(float(binary_auroc(scores, truth)), abs=1e-6)


def test_a_missing_side_is_nan():
    assert math.isnan(auroc([], [1.0]))
