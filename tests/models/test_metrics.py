"""Tests of the scores, and of their comparison with the majority answer."""

import math

import pytest
import torch
from torch.nn import functional as F

from digitcmp.data.tasks import AUX_LABELS
from digitcmp.models import objective
from digitcmp.models.network import PairOutput
from digitcmp.models.scores import exceeds, majority

pytestmark = pytest.mark.pure


def scores(output: PairOutput, target: torch.Tensor, digits: torch.Tensor, **labels: str) -> dict[str, float]:
    return {name: score.item() for name, score in objective.scores(output, target, digits, 10, **labels).items()}


def test_scores_by_hand() -> None:
    compare = torch.tensor([1.0, -1.0, 2.0, 3.0])
    target = torch.tensor([1.0, 1.0, 0.0, 1.0])
    digits = torch.tensor([[1, 2], [3, 3], [5, 4], [0, 9]])
    named = torch.tensor([[1, 2], [3, 2], [4, 4], [0, 8]])  # the predicted digits: 5 of 8 are right
    result = scores(PairOutput(compare, F.one_hot(named, 10).float()), target, digits)
    assert result["acc"] == 0.5
    assert result["digit_acc"] == 0.625
    assert result["argmax_acc"] == 0.5  # right on the first and last pair
    expected = [math.log1p(math.exp(-1)), math.log1p(math.exp(1)), math.log1p(math.exp(2)), math.log1p(math.exp(-3))]
    assert result["loss"] == pytest.approx(sum(expected) / 4, rel=1e-6)
    assert scores(PairOutput(compare, None), target, digits).keys() == {"loss", "acc"}


@pytest.mark.parametrize("n", [1, 7, 1000, 4999])
def test_scores_are_plain_means_bit_for_bit(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    compare, logits = torch.randn(n, generator=generator), torch.randn(n, 2, 10, generator=generator)
    digits = torch.randint(10, (n, 2), generator=generator)
    target = (digits[:, 0] <= digits[:, 1]).float()
    named = logits.argmax(dim=2)
    expected = {
        "loss": F.binary_cross_entropy_with_logits(compare, target),
        "acc": ((compare > 0) == target.bool()).float().mean(),
        "digit_acc": (named == digits).float().mean(),
        "argmax_acc": ((named[:, 0] <= named[:, 1]) == target.bool()).float().mean(),
    }
    assert scores(PairOutput(compare, logits), target, digits) == {name: mean.item() for name, mean in expected.items()}


@pytest.mark.parametrize("aux_labels", AUX_LABELS)
def test_scores_of_labels_that_are_no_digits(aux_labels: str) -> None:
    """The predictions 1 and 0 for the digits 3 and 4 are right as parities and wrong as digits.

    Parities and halves have no argmax accuracy.
    """
    logits = torch.zeros(1, 2, 10)
    logits[0, 0, 1] = logits[0, 1, 0] = 1.0
    output = PairOutput(torch.tensor([1.0]), logits)
    measured = scores(output, torch.tensor([1.0]), torch.tensor([[3, 4]]), aux_labels=aux_labels)
    assert measured["digit_acc"] == {"digits": 0.0, "shuffled": 0.0, "parity": 1.0, "half": 0.5}[aux_labels]
    assert ("argmax_acc" in measured) == (aux_labels in ("digits", "shuffled"))


def test_the_majority_answer_by_hand() -> None:
    assert majority(torch.tensor([1.0, 0.0, 0.0, 0.0])) == 0.75
    assert majority(torch.tensor([1.0, 1.0, 0.0])) == 0.6666667  # rounded to float32's precision, like all scores


def test_an_accuracy_is_told_from_the_majority_by_wilsons_interval() -> None:
    """The interval begins at 0.4038 for 50 of 100 correct answers, at 0.99617 for 1000 of 1000 (Newcombe 1998)."""
    assert exceeds(0.5, 0.4038, 100) and not exceeds(0.5, 0.4039, 100)
    assert exceeds(1.0, 0.9961, 1000) and not exceeds(1.0, 0.9963, 1000)
    assert not exceeds(0.901, 0.9, 1000) and not exceeds(0.5, 0.9, 1000) and exceeds(0.926, 0.9, 1000)
