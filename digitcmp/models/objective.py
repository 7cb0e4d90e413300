"""The loss and the scores: pure functions of a network's output and the truth."""

from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from digitcmp.data.tasks import TASKS
from digitcmp.models.network import PairOutput

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


def scores(output: PairOutput, target: Target, digits: Digits, task: str = "leq") -> dict[str, float]:
    """`loss` (comparison BCE alone, nats), `acc`, and with digit logits `digit_acc` and `argmax_acc`.

    All are means over the batch; `argmax_acc` is the accuracy of the task's relation between the predicted digits.
    """
    result = {
        "loss": F.binary_cross_entropy_with_logits(output.compare, target),
        "acc": accuracy(output.compare > 0, target.bool()),
    }
    if output.digits is not None:
        predicted = output.digits.argmax(dim=2)
        result["digit_acc"] = accuracy(predicted, digits)
        result["argmax_acc"] = accuracy(TASKS[task].holds(predicted[:, 0], predicted[:, 1]), target.bool())
    return {name: value.item() for name, value in result.items()}


def accuracy(predicted: Shaped[Tensor, "*shape"], truth: Shaped[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """The share of entries that are equal."""
    return (predicted == truth).float().mean()
