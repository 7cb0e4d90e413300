"""The labels of the auxiliary loss: the digits, or controls with less information about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

AUX_LABELS = ("digits", "shuffled", "parity", "half")
CLASSES = ("digits", "shuffled")  # the labels that are classes. Shuffled ones are permuted among the training images


def labels_of(digits: Tensor, aux_labels: str, classes: int) -> Tensor:
    """Return the auxiliary labels of digits (B, 2). The digit head has an output for each class with all labels.

    Args:
        digits: the classes of the images, in the training set already shuffled if requested.
        aux_labels: a name in AUX_LABELS.
        classes: the number of classes.
    """
    if aux_labels == "parity":
        return digits % 2
    if aux_labels == "half":
        return (digits >= classes / 2).long()
    return digits
