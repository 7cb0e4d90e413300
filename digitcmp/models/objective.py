"""The loss and the scores: pure functions of a network's output and the truth."""

from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from digitcmp.data.labels import AUX_LABELS
from digitcmp.data.tasks import TASKS
from digitcmp.models.network import PairOutput

Target = Float[Tensor, "batch"]
Digits = Int[Tensor, "batch 2"]


def loss(
    output: PairOutput, target: Target, labels: Digits, aux_weight: float, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """L = BCE(compare) + aux_weight * (CE(label of image 1) + CE(label of image 2)), in nats (section II.C).

    Without digit logits the second term is absent. `label_smoothing` of each true label goes to all evenly.
    """
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / 2
    compare = F.binary_cross_entropy_with_logits(output.compare, target)
    if output.digits is None:
        return compare
    named = F.cross_entropy(output.digits.flatten(0, 1), labels.flatten(), label_smoothing=label_smoothing)
    return compare + 2 * aux_weight * named  # the mean over 2B digits is half the sum of the two means over B


def scores(
    output: PairOutput, target: Target, digits: Digits, task: str = "leq", aux_labels: str = "digits"
) -> dict[str, float]:
    """`loss` (comparison BCE alone, nats), `acc`, and with digit logits `digit_acc` and `argmax_acc`.

    All are means over the batch. `digit_acc` is the accuracy of the predicted auxiliary labels, `argmax_acc` that of
    the task's relation between the two predicted digits; absent where the labels are no digits.
    """
    result = {
        "loss": F.binary_cross_entropy_with_logits(output.compare, target),
        "acc": accuracy(output.compare > 0, target.bool()),
    }
    if output.digits is not None:
        predicted = output.digits.argmax(dim=2)
        result["digit_acc"] = accuracy(predicted, labels_of(digits, aux_labels, output.digits.shape[2]))
        if AUX_LABELS[aux_labels].comparable:
            result["argmax_acc"] = accuracy(TASKS[task].holds(predicted[:, 0], predicted[:, 1]), target.bool())
    return {name: value.item() for name, value in result.items()}


def labels_of(digits: Digits, aux_labels: str, classes: int) -> Digits:
    """Return the auxiliary labels of digits (B, 2) among `classes`, by a name in AUX_LABELS."""
    of = AUX_LABELS[aux_labels].of
    return digits if of is None else of(digits, classes)


def accuracy(predicted: Shaped[Tensor, "*shape"], truth: Shaped[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """The share of entries that are equal."""
    return (predicted == truth).float().mean()
