"""Tests of the share of the majority answer and of its comparison with accuracies."""

import pytest
import torch

from digitcmp.models.scores import exceeds, majority

pytestmark = pytest.mark.pure


def test_the_majority_answer_by_hand() -> None:
    assert majority(torch.tensor([1.0, 0.0, 0.0, 0.0])) == 0.75
    assert majority(torch.tensor([1.0, 1.0, 0.0])) == 0.6666667  # rounded to float32's precision, like all scores


def test_an_accuracy_is_told_from_the_majority_by_wilsons_interval() -> None:
    """The interval begins at 0.4038 for 50 of 100 correct answers, at 0.99617 for 1000 of 1000 (Newcombe 1998)."""
    assert exceeds(0.5, 0.4038, 100) and not exceeds(0.5, 0.4039, 100)
    assert exceeds(1.0, 0.9961, 1000) and not exceeds(1.0, 0.9963, 1000)
    assert not exceeds(0.901, 0.9, 1000) and not exceeds(0.5, 0.9, 1000) and exceeds(0.926, 0.9, 1000)
