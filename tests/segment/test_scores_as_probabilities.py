"""Of the maps from scores to probabilities the one stays that other folds bear out."""

import numpy as np
import pytest

from blemish.segment.scores_as_probabilities import _told


def told(rights, scores=(0.2, 0.5, 0.8), parts=200):
    """What is told of folds where of each score so large a share is right."""
    s = np.repeat(np.tile(scores, len(rights)), parts).astype(np.float32)
    y = np.concatenate([np.arange(parts) < parts * share for fold in rights for share in fold])
    fold = np.repeat(np.arange(len(rights)), parts * len(scores))
    return _told(s, y, np.ones(len(s), np.float32), fold)


def test_a_map_that_all_folds_want_is_kept():
    values, mapped = told([(0.02, 0.1, 0.3)] * 3)
    assert values["kept"] == "both"
    assert values["offset"] < -1
    assert values["both"]["log_loss"] < values["raw"]["log_loss"]
    assert mapped[:200] == pytest.approx(0.02, abs=0.02)


def test_a_map_that_the_next_fold_contradicts_is_not():
    """One fold finds more real than the scores say and one fewer: what two teach harms the third, and so in turn."""
    values, mapped = told([(0.34, 0.8, 0.97), (0.03, 0.2, 0.66), (0.11, 0.5, 0.89)])
    assert values["kept"] == "raw"
    assert (values["temperature"], values["offset"]) == (1.0, 0.0)
    assert values["raw"]["log_loss"] <= min(values["both"]["log_loss"], values["temperature_alone"]["log_loss"])
    assert mapped[:200] == pytest.approx(0.2)


def test_one_fold_alone_keeps_the_raw_scores():
    assert told([(0.02, 0.1, 0.3)])[0]["kept"] == "raw"
