"""Tests of the loss and of the scores."""

import math

import pytest
import torch
from torchmetrics.functional.classification import binary_accuracy, multiclass_accuracy

from digitcmp.models.network import PairOutput
from digitcmp.models.objective import loss, scores

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


def test_scores_by_hand() -> None:
    compare = torch.tensor([1.0, -1.0, 2.0, 3.0])
    target = torch.tensor([1.0, 1.0, 0.0, 1.0])
    digits = torch.tensor([[1, 2], [3, 3], [5, 4], [0, 9]])
    named = torch.tensor([[1, 2], [3, 2], [4, 4], [0, 8]])  # the predicted digits: 5 of 8 are right
    result = scores(PairOutput(compare, torch.nn.functional.one_hot(named, 10).float()), target, digits)
    assert result["acc"] == 0.5
    assert result["digit_acc"] == 0.625
    assert result["argmax_acc"] == 0.5  # right on the first and last pair
    expected = [math.log1p(math.exp(-1)), math.log1p(math.exp(1)), math.log1p(math.exp(2)), math.log1p(math.exp(-3))]
    assert result["loss"] == pytest.approx(sum(expected) / 4, rel=1e-6)
    assert scores(PairOutput(compare, None), target, digits).keys() == {"loss", "acc"}


@pytest.mark.parametrize(("logit", "accuracy"), [(0.2, 0.75), (-0.2, 0.25), (3.0, 0.75)])
def test_a_constant_answer_is_right_as_often_as_it_is_true(logit: float, accuracy: float) -> None:
    """The outputs are logits: 0.2 is P = 0.55, which is the answer yes."""
    target = torch.tensor([1.0, 1.0, 0.0, 1.0])
    output = PairOutput(torch.full((4,), logit), None)
    assert scores(output, target, torch.zeros(4, 2, dtype=torch.int64))["acc"] == accuracy


@pytest.mark.parametrize("n", [1, 7, 1000, 4999])
def test_scores_are_those_of_torchmetrics_bit_for_bit(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    compare, logits = torch.randn(n, generator=generator), torch.randn(n, 2, 10, generator=generator)
    digits = torch.randint(10, (n, 2), generator=generator)
    target = (digits[:, 0] <= digits[:, 1]).float()
    result = scores(PairOutput(compare, logits), target, digits)
    named = logits.argmax(dim=2)
    assert result["acc"] == binary_accuracy(compare > 0, target).item()
    assert result["argmax_acc"] == binary_accuracy(named[:, 0] <= named[:, 1], target).item()
    expected = multiclass_accuracy(logits.flatten(0, 1), digits.flatten(), num_classes=10, average="micro")
    assert result["digit_acc"] == expected.item()
