"""The loss and the scores, as pure functions of a network's output and the true answers."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_accuracy, multiclass_accuracy

from digitcmp.data.tasks import CLASSES, TASKS, labels_of
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


@torch.inference_mode()
def scores(
    output: PairOutput, target: Target, digits: Digits, classes: int, task: str = "leq", aux_labels: str = "digits"
) -> dict[str, Float[Tensor, ""]]:
    """Return the means of a network's scores over all pairs of a set.

    Args:
        output: the logits.
        target: (B,), 0 or 1.
        digits: (B, 2), the classes of the images.
        classes: the number of classes.
        task: a name in TASKS.
        aux_labels: a name in AUX_LABELS, the labels of the digit head.

    Returns:
        `loss`, the comparison BCE alone in nats, and `acc`. With digit logits also `digit_acc`, the accuracy of the
        predicted auxiliary labels, and, if the labels are classes, `argmax_acc`, the accuracy of the task's answer for
        the two predicted classes.
    """
    compare = output.compare.float()  # in mixed precision the logits have fewer bits
    values = {
        "loss": F.binary_cross_entropy_with_logits(compare, target.float()),
        "acc": binary_accuracy((compare > 0).int(), target.int(), validate_args=False),
    }
    if output.digits is not None:
        predicted, labels = output.digits.argmax(dim=2), labels_of(digits, aux_labels, classes)
        values["digit_acc"] = multiclass_accuracy(
            predicted.flatten(), labels.flatten(), classes, average="micro", validate_args=False
        )
        if aux_labels in CLASSES:
            answer = TASKS[task].holds(predicted[:, 0], predicted[:, 1])
            values["argmax_acc"] = binary_accuracy(answer.int(), target.int(), validate_args=False)
    return values
