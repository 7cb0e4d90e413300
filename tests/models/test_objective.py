"""Tests of the loss."""

import math

import pytest
import torch

from digitcmp.models.network import PairOutput
from digitcmp.models.objective import loss

pytestmark = pytest.mark.pure


def test_loss_by_hand() -> None:
    """The logits 0 and ln 3 are probabilities of 1/2 and 3/4. Each digit's softmax is 1/2 for 7, 1/18 for others."""
    compare = torch.tensor([0.0, math.log(3)])
    target = torch.tensor([1.0, 0.0])
    digits = torch.tensor([[7, 7], [7, 0]])
    logits = torch.zeros(2, 2, 10)
    logits[..., 7] = math.log(9)  # 9 / (9 + 9 * 1)
    bce = (math.log(2) + math.log(4)) / 2
    first = math.log(2)
    second = (math.log(2) + math.log(18)) / 2
    assert loss(PairOutput(compare, None), target, digits, 1.0).item() == pytest.approx(bce, rel=1e-6)
    assert loss(PairOutput(compare, logits), target, digits, 1.0).item() == pytest.approx(
        bce + first + second, rel=1e-6
    )
    assert loss(PairOutput(compare, logits), target, digits, 0.25).item() == pytest.approx(
        bce + 0.25 * (first + second), rel=1e-6
    )


def test_smoothed_labels_by_hand() -> None:
    """Smoothing by 0.2 turns the target 1 into 0.9, and the digit's target into 0.82 and nine times 0.02."""
    compare, target = torch.tensor([math.log(3)]), torch.tensor([1.0])
    logits = torch.zeros(1, 2, 10)
    logits[..., 7] = math.log(9)
    bce = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    digit = 0.82 * math.log(2) + 0.18 * math.log(18)
    output = PairOutput(compare, logits)
    smoothed = loss(output, target, torch.tensor([[7, 7]]), 0.5, label_smoothing=0.2)
    assert smoothed.item() == pytest.approx(bce + 0.5 * 2 * digit, rel=1e-6)


def test_loss_of_extreme_logits_is_finite() -> None:
    output = PairOutput(torch.tensor([1e4, -1e4]), None)
    assert loss(output, torch.tensor([0.0, 1.0]), torch.zeros(2, 2, dtype=torch.int64), 1.0).item() == 1e4
