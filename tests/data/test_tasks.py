"""Tests of the tasks and of the auxiliary labels."""

import pytest
import torch

from digitcmp.data.datamodule import PairData
from digitcmp.data.tasks import TASKS, labels_of, shuffled_order

FIRST, SECOND = torch.tensor([3, 3, 9, 0]), torch.tensor([3, 4, 8, 5])


@pytest.mark.parametrize(
    ("task", "answers"),
    [
        ("leq", [True, True, False, True]),
        ("same", [True, False, False, False]),
        ("odd_sum", [False, True, True, True]),
        ("shuffled_leq", [True, False, True, True]),  # the order is 9 8 4 3 0 1 7 2 6 5
    ],
)
def test_answers_by_hand(task: str, answers: list[bool]) -> None:
    assert TASKS[task].holds(FIRST, SECOND).tolist() == answers


def test_a_shuffled_order_does_not_depend_on_the_number_of_classes() -> None:
    few, many = shuffled_order(10), shuffled_order(100)
    assert sorted(few) == list(range(10))
    assert sorted(range(10), key=few.__getitem__) == sorted(range(10), key=many.__getitem__)


@pytest.mark.parametrize("task", TASKS)
def test_targets_answer_the_question(task: str) -> None:
    data = PairData("mnist", 40, 40, 40, seed=0, task=task)
    data.setup()
    for pairs in data.sets.values():
        digits = pairs.digits
        assert torch.equal(pairs.target.bool(), TASKS[task].holds(digits[:, 0], digits[:, 1]))


def test_labels_by_hand() -> None:
    digits = torch.tensor([[3, 4], [9, 0]])
    assert labels_of(digits, "digits", 10).tolist() == [[3, 4], [9, 0]]
    assert labels_of(digits, "parity", 10).tolist() == [[1, 0], [1, 0]]
    assert labels_of(digits, "half", 10).tolist() == [[0, 0], [1, 0]]
    assert labels_of(torch.tensor([[2, 3]]), "half", 5).tolist() == [[0, 1]]


def test_shuffled_labels_leave_the_targets_and_the_other_sets_right() -> None:
    right, shuffled = (
        PairData("mnist", 100, 20, 20, seed=0),
        PairData("mnist", 100, 20, 20, seed=0, aux_labels="shuffled"),
    )
    right.setup()
    shuffled.setup()
    before, after = right.sets["train"], shuffled.sets["train"]
    assert torch.equal(before.target, after.target) and torch.equal(before.pairs, after.pairs)
    assert sorted(before.digits.flatten().tolist()) == sorted(after.digits.flatten().tolist())
    assert (before.digits == after.digits).float().mean() < 0.3
    for name in ("val", "test"):
        assert torch.equal(right.sets[name].digits, shuffled.sets[name].digits)
