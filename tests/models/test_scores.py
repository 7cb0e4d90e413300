"""The share of the majority answer, and which accuracies are told apart from it."""

import pytest
import torch

from digitcmp.models.scores import exceeds, majority

pytestmark = pytest.mark.pure


def test_the_majority_answer_by_hand() -> None:
    assert majority(torch.tensor([1.0, 0.0, 0.0, 0.0])) == 0.75
    assert majority(torch.tensor([1.0, 1.0, 0.0])) == 0.6666667  # in float32's digits, as every score


def test_an_accuracy_is_told_from_the_majority_by_wilsons_interval() -> None:
    """Of 50 of 100 correct answers it begins at .4038, of 1000 of 1000 at .99617 (Newcombe 1998)."""
    assert exceeds(0.5, 0.4038, 100) and not exceeds(0.5, 0.4039, 100)
    assert exceeds(1.0, 0.9961, 1000) and not exceeds(1.0, 0.9963, 1000)
    assert not exceeds(0.901, 0.9, 1000) and not exceeds(0.5, 0.9, 1000) and exceeds(0.926, 0.9, 1000)
