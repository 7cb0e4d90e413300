"""The loss, as a pure function of a network's output and the true answers."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from digitcmp.data.labels import AUX_LABELS
from digitcmp.models.network import PairOutput

Target = Float[Tensor, "batch"]
Digits = Int[Tensor, "batch 2"]


def loss(
    output: PairOutput, target: Target, labels: Digits, aux_weight: float, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Return BCE(compare) + aux_weight * (CE(label of image 1) + CE(label of image 2)), in nats (section II.C).

    Without digit logits the loss is the first term.

    Args:
        output: the logits.
        target: (B,), 0 or 1.
        labels: (B, 2), the auxiliary labels.
        aux_weight: lambda.
        label_smoothing: the share of each true label that is spread evenly over all labels.
    """
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / 2
    compare = F.binary_cross_entropy_with_logits(output.compare, target)
    if output.digits is None:
        return compare
    named = F.cross_entropy(output.digits.flatten(0, 1), labels.flatten(), label_smoothing=label_smoothing)
    return compare + 2 * aux_weight * named  # the mean over 2B digits is half the sum of the two means over B


def labels_of(digits: Digits, aux_labels: str, classes: int) -> Digits:
    """Return the auxiliary labels of digits (B, 2). `aux_labels` is a name in AUX_LABELS."""
    of = AUX_LABELS[aux_labels].of
    return digits if of is None else of(digits, classes)
