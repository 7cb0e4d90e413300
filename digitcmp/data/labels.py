"""The labels of the auxiliary loss, by name: the digits, or controls with less information about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class AuxLabels(NamedTuple):
    """A rule that makes auxiliary labels of the classes of the images.

    The digit head has an output for each class. The network is the same for all labels.

    Attributes:
        of: a function of classes (B, 2) and their number K that returns labels (B, 2); None if the labels are the
            classes.
        shuffled: whether the labels of the training images are permuted once. The targets stay correct.
    """

    of: Callable[[Tensor, int], Tensor] | None = None
    shuffled: bool = False

    @property
    def comparable(self) -> bool:
        """Whether two predicted labels answer the task's question, as two classes do."""
        return self.of is None


AUX_LABELS = {
    "digits": AuxLabels(),
    "shuffled": AuxLabels(shuffled=True),
    "parity": AuxLabels(lambda digits, classes: digits % 2),
    "half": AuxLabels(lambda digits, classes: (digits >= classes / 2).long()),
}
