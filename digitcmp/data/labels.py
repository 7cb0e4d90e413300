"""The labels that the auxiliary loss teaches, by name: the digits, or controls that hold less about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class AuxLabels(NamedTuple):
    """How the auxiliary labels follow from the classes of the images.

    The digit head keeps an output for each class, so that the network is the same for all labels.

    Attributes:
        of: Takes classes (B, 2) and their number K, and returns the labels (B, 2); None where a label is the class.
        shuffled: Whether the labels of the training images are permuted among them once, the targets staying right.
    """

    of: Callable[[Tensor, int], Tensor] | None = None
    shuffled: bool = False

    @property
    def comparable(self) -> bool:
        """Whether two predicted labels answer the task's question, as classes do."""
        return self.of is None


AUX_LABELS = {
    "digits": AuxLabels(),
    "shuffled": AuxLabels(shuffled=True),
    "parity": AuxLabels(lambda digits, classes: digits % 2),
    "half": AuxLabels(lambda digits, classes: (digits >= classes / 2).long()),
}
