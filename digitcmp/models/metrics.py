"""The scores of a set of pairs as torchmetrics objects."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

from digitcmp.data.labels import AUX_LABELS
from digitcmp.data.tasks import TASKS
from digitcmp.models.network import PairOutput
from digitcmp.models.objective import Digits, Target, labels_of


class PairMetrics(nn.Module):
    """The loss and the accuracies of a network's output for a set of pairs.

    Args:
        classes: the number of classes.
        task: a name in TASKS.
        aux_labels: a name in AUX_LABELS, the labels of the digit head.
    """

    def __init__(self, classes: int, task: str = "leq", aux_labels: str = "digits") -> None:
        super().__init__()
        self.task = TASKS[task]
        self.classes, self.aux_labels = classes, aux_labels
        self.loss = MeanMetric(nan_strategy="disable")
        self.acc = BinaryAccuracy(validate_args=False)
        self.digit_acc = MulticlassAccuracy(classes, average="micro", validate_args=False)
        self.argmax_acc = BinaryAccuracy(validate_args=False)

    @torch.inference_mode()
    def forward(self, output: PairOutput, target: Target, digits: Digits) -> dict[str, Float[Tensor, ""]]:
        """Return the scores of all pairs of a set, means over its pairs.

        Args:
            output: the logits.
            target: (B,), 0 or 1.
            digits: (B, 2), the classes of the images.

        Returns:
            `loss`, the comparison BCE alone in nats, and `acc`. With digit logits also `digit_acc`, the accuracy of the
            predicted auxiliary labels, and, if the labels are digits, `argmax_acc`, the accuracy of the task's answer
            for the two predicted digits.
        """
        compare = output.compare.float()  # in mixed precision the logits have fewer bits
        self.loss.update(F.binary_cross_entropy_with_logits(compare, target.float(), reduction="none"))
        self.acc.update((compare > 0).int(), target.int())
        computed = {"loss": self.loss, "acc": self.acc}
        if output.digits is not None:
            predicted = output.digits.argmax(dim=2)
            self.digit_acc.update(predicted.flatten(), labels_of(digits, self.aux_labels, self.classes).flatten())
            computed["digit_acc"] = self.digit_acc
            if AUX_LABELS[self.aux_labels].comparable:
                self.argmax_acc.update(self.task.holds(predicted[:, 0], predicted[:, 1]).int(), target.int())
                computed["argmax_acc"] = self.argmax_acc
        scores = {name: metric.compute() for name, metric in computed.items()}
        for metric in computed.values():
            metric.reset()
        return scores
