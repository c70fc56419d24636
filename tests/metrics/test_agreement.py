import math

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.metrics.agreement import cohen_kappa, fleiss_kappa

# Fleiss (1971), the worked example of ten subjects, fourteen raters, five categories: kappa 0.210.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
# AIAG, MSA, 4th ed., chapter III-C: cross tables of three appraisers and the reference (both NG, only the second OK,
# only the first OK, both OK), and the kappas printed beside them.
AIAG = [
    ((44, 6, 3, 97), 0.86), ((42, 5, 9, 94), 0.79), ((43, 7, 8, 92), 0.78),
    ((45, 5, 3, 97), 0.88), ((45, 2, 3, 100), 0.92), ((42, 9, 6, 93), 0.77),
]  # fmt: skip


def listed(cells: tuple[int, int, int, int]) -> tuple[list[int], list[int]]:
    pairs = [pair for pair, count in zip([(0, 0), (0, 1), (1, 0), (1, 1)], cells, strict=True) for _ in range(count)]
    return [first for first, _ in pairs], [second for _, second in pairs]


@pytest.mark.parametrize(("cells", "printed"), AIAG)
def test_cohens_kappa_agrees_with_the_manual_of_aiag(cells, printed):
    assert cohen_kappa(*listed(cells)).value == pytest.approx(printed, abs=0.0051)


def test_fleiss_kappa_agrees_with_its_first_paper():
    decisions = [[kind for kind, count in enumerate(row) for _ in range(count)] for row in FLEISS]
    assert fleiss_kappa(decisions).value == pytest.approx(0.210, abs=0.0005)


@pytest.mark.parametrize("cells", [cells for cells, _ in AIAG])
def test_the_limits_agree_with_the_delta_method_by_differences(cells):
    def kappa(p):
        chance = p.sum(axis=1) @ p.sum(axis=0)
        return (np.trace(p) - chance) / (1 - chance)

    p, slope, step = np.array(cells, float).reshape(2, 2) / sum(cells), np.zeros((2, 2)), 1e-6
    for place in np.ndindex(2, 2):
        more, less = p.copy(), p.copy()
        more[place] += step
        less[place] -= step
        slope[place] = (kappa(more) - kappa(less)) / (2 * step)
    error = math.sqrt(((p * slope**2).sum() - (p * slope).sum() ** 2) / sum(cells))
    found = cohen_kappa(*listed(cells))
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, rel=1e-4)


def test_chance_is_zero_and_the_opposite_is_below():
    assert cohen_kappa([0, 0, 1, 1], [0, 1, 0, 1]).value == 0.0
    assert cohen_kappa([0, 1], [1, 0]).value == -1.0
    assert cohen_kappa(["a", "b"], ["a", "b"]).value == 1.0


def test_one_answer_throughout_is_not_defined_and_not_one():
    assert math.isnan(cohen_kappa([1, 1], [1, 1]).value)
    assert math.isnan(fleiss_kappa([[1, 1], [1, 1]]).value)
    assert math.isnan(cohen_kappa([], []).value)
    assert cohen_kappa([], []).words.startswith("not defined")


def test_unequal_numbers_of_decisions_are_refused():
    with pytest.raises(InputError, match="as many decisions"):
        cohen_kappa([1], [1, 0])
    with pytest.raises(InputError, match="same number of decisions"):
        fleiss_kappa([[1, 0], [1]])
