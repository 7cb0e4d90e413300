"""The tasks, yes-or-no questions about two classes, and the labels of the auxiliary loss."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from digitcmp.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

AUX_LABELS = ("digits", "shuffled", "parity", "half")  # of the auxiliary loss; the last three are controls
CLASSES = ("digits", "shuffled")  # the labels that are classes. Shuffled ones are permuted among the training images


class Task(NamedTuple):
    """A yes-or-no question about the classes of two images.

    Attributes:
        holds: a function of the classes of the first and of the second images, int64 (B,), that returns the answers,
            boolean (B,).
        question: the question in words: 'Is the first <= the second?'
        yes: the answer yes in words: 'first <= second'.
        no: the answer no in words.
        majority: the share of the majority answer among random pairs of ten equally frequent classes; None if unknown.
    """

    holds: Callable[[Tensor, Tensor], Tensor]
    question: str
    yes: str = "yes"
    no: str = "no"
    majority: float | None = None

    def probability(self, first: str, second: str) -> str:
        """Return the name of the probability of yes for two classes: "P(3 ≤ 5)", or "3, 5: P(the sum is odd)"."""
        sign = relation(self.yes)
        return f"P({first} {sign} {second})" if sign else f"{first}, {second}: P({typeset(self.yes)})"


def typeset(text: str) -> str:
    """Return a question or an answer with typographic signs: "first <= second" -> "first ≤ second"."""
    return text.replace("<=", "≤").replace(">=", "≥").replace("==", "=").replace("!=", "≠")


def relation(answer: str) -> str | None:
    """Return the sign of an answer, "first <= second" -> "≤"; None if its form is another one."""
    between = re.fullmatch(r"first (\W+) second", typeset(answer))
    return between[1] if between else None


TASKS: Registry[Task] = Registry("task", Task)


@TASKS.register(question="Is the first <= the second?", yes="first <= second", no="first > second", majority=0.55)
def leq(first: Tensor, second: Tensor) -> Tensor:
    """Return whether the first class number is at most the second."""
    return first <= second


@TASKS.register(question="Are both of the same class?", yes="both the same", no="different", majority=0.9)
def same(first: Tensor, second: Tensor) -> Tensor:
    """Return whether both classes are the same."""
    return first == second


@TASKS.register(question="Is the sum of both odd?", yes="the sum is odd", no="the sum is even", majority=0.5)
def odd_sum(first: Tensor, second: Tensor) -> Tensor:
    """Return whether the sum of two class numbers is odd."""
    return (first + second) % 2 == 1


@TASKS.register(
    question="Is the first <= the second, in a random order of the classes?",
    yes="first <= second (shuffled)",
    no="first > second (shuffled)",
    majority=0.55,
)
def shuffled_leq(first: Tensor, second: Tensor) -> Tensor:
    """Return whether the first class comes before the second in `shuffled_order` or equals it."""
    ranks = first.new_tensor(shuffled_order(int(first.maximum(second).max()) + 1))
    return ranks[first] <= ranks[second]


@cache
def shuffled_order(classes: int) -> list[int]:
    """Return the rank of each class in a fixed random order.

    The classes are sorted by the SHA-256 of their number. The order of two classes does not depend on the number of
    classes. The order of the ten digits is 9 8 4 3 0 1 7 2 6 5.
    """
    ordered = sorted(range(classes), key=lambda number: hashlib.sha256(str(number).encode()).digest())
    return [ordered.index(number) for number in range(classes)]


def labels_of(digits: Tensor, aux_labels: str, classes: int) -> Tensor:
    """Return the auxiliary labels of digits (B, 2). The digit head has an output for each class with all labels.

    Args:
        digits: the classes of the images, in the training set already shuffled if requested.
        aux_labels: a name in AUX_LABELS.
        classes: the number of classes.
    """
    if aux_labels == "parity":
        return digits % 2
    return (digits >= classes / 2).long() if aux_labels == "half" else digits
