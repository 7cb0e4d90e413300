"""The loss and the scores: pure functions of a network's output and the truth."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_accuracy, multiclass_accuracy

from digitcmp.model import PairOutput

Target = Float[Tensor, "batch"]
Digits = Int[Tensor, "batch 2"]


def loss(
    output: PairOutput, target: Target, digits: Digits, aux_weight: float, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """L = BCE(compare) + aux_weight * (CE(digits of image 1) + CE(digits of image 2)), in nats (section II.C).

    Without digit logits the second term is absent. `label_smoothing` of each true label goes to all evenly.
    """
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / 2
    compare = F.binary_cross_entropy_with_logits(output.compare, target)
    if output.digits is None:
        return compare
    named = F.cross_entropy(output.digits.flatten(0, 1), digits.flatten(), label_smoothing=label_smoothing)
    return compare + 2 * aux_weight * named  # the mean over 2B digits is half the sum of the two means over B


def scores(output: PairOutput, target: Target, digits: Digits) -> dict[str, float]:
    """`loss` (comparison BCE alone, nats), `acc`, and with digit logits `digit_acc` and `argmax_acc`.

    All are means over the batch; `argmax_acc` is the accuracy of comparing the two predicted digits.
    """
    result = {
        "loss": F.binary_cross_entropy_with_logits(output.compare, target),
        # torchmetrics takes numbers that all lie in [0, 1] for probabilities, and those of a constant answer may
        "acc": binary_accuracy(output.compare > 0, target, validate_args=False),
    }
    if output.digits is not None:
        predicted = output.digits.argmax(dim=2)
        result["digit_acc"] = multiclass_accuracy(
            predicted.flatten(), digits.flatten(), num_classes=10, average="micro", validate_args=False
        )
        result["argmax_acc"] = ((predicted[:, 0] <= predicted[:, 1]) == target.bool()).float().mean()
    return {name: value.item() for name, value in result.items()}
