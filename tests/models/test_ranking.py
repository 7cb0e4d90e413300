"""Tests of the order of the classes that follows from a network's comparisons."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from digitcmp.data.pairs import Batch, pair
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError
from digitcmp.models import ranking
from digitcmp.models.network import PairEnsemble, PairOutput

CLASSES = 5


class Judge(PairEnsemble):
    """A network that answers by a rule, with certainty. The rule gets each image's only pixel, its class."""

    def __init__(self, rule: Callable[[Tensor, Tensor], Tensor]) -> None:
        nn.Module.__init__(self)
        self.images, self.rule = ImageSpec(side=1, names=tuple("abcde")), rule

    def predict_all(self, pairs: Tensor) -> PairOutput:
        first, second = pairs.flatten(1).unbind(dim=1)
        return PairOutput(torch.where(self.rule(first, second), 100.0, -100.0), None)


def pairs(labels: list[int]) -> Batch:
    digits = torch.tensor(labels).view(-1, 2)
    return pair(digits.float()[:, :, None, None], digits)


@pytest.mark.parametrize(
    ("rule", "positions", "agreement"),
    [
        (lambda first, second: first <= second, [0, 0.25, 0.5, 0.75, 1], 1),
        (lambda first, second: first >= second, [1, 0.75, 0.5, 0.25, 0], -1),
        (lambda first, second: first == first, [0.5] * 5, 0),  # always yes: no order
        # 3 and 4 are swapped: one of 10 class pairs is in reverse order, 1 - 2/10
        (lambda first, second: first.where(first < 3, 7 - first) <= second.where(second < 3, 7 - second),
         [0, 0.25, 0.5, 1, 0.75], 0.8),
    ],
)  # fmt: skip
def test_known_orders(rule: Callable[[Tensor, Tensor], Tensor], positions: list[float], agreement: float) -> None:
    there = pairs([0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0, 0])
    found = ranking.positions(Judge(rule), there)
    assert found.tolist() == pytest.approx(positions, abs=1e-6)
    assert ranking.agreement(found) == pytest.approx(agreement)


def test_a_class_counts_as_much_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each class has as many compared images as the rarest, all classes together at most IMAGES."""
    compared: list[int] = []

    def rule(first: Tensor, second: Tensor) -> Tensor:
        compared.append(len(first))
        return first <= second

    many = [0] * 20 + list(itertools.chain(*[range(5)] * 4))
    assert ranking.positions(Judge(rule), pairs(many)).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert compared == [20] * 20  # four of each class, as many as the rarest has
    compared.clear()
    monkeypatch.setattr(ranking, "IMAGES", 10)
    ranking.positions(Judge(rule), pairs(many))
    assert compared == [10] * 10


def test_a_class_without_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "order=true is not allowed: none of the 6 test images has the class d"
    with pytest.raises(DataError, match=message):
        ranking.positions(Judge(lambda first, second: first <= second), pairs([0, 1, 2, 4, 4, 0]))
