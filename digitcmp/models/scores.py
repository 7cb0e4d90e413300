"""The names of a run's scores in logs, metrics.csv and result.json, and the comparison with the majority answer."""

import math
from collections.abc import Sequence
from typing import Any

NOT_TOLD_APART = "Not distinguishable from always giving the majority answer: the 95 % interval includes its share."
STAGES = ("train", "val", "test")
COMPARISON, DIGITS = ("loss", "acc"), ("digit_acc", "argmax_acc")  # the latter only with the auxiliary loss


def names(stages: Sequence[str] = STAGES, aux: bool = True) -> list[str]:
    """Return train_loss, train_acc, val_loss, ..., test_acc, and with `aux` train_digit_acc, ..., test_argmax_acc."""
    parts = (COMPARISON, DIGITS) if aux else (COMPARISON,)
    return [f"{stage}_{score}" for part in parts for stage in stages for score in part]


def rounded(score: float) -> float:
    """Return a score rounded to seven digits, the precision of float32: .926, not .9259999990463257."""
    return float(f"{score:.7g}")


def majority(target: Any) -> float:
    """Return the accuracy of always giving the more frequent answer.

    Args:
        target: a tensor or an array (B,) of 0 and 1.
    """
    share = float(target.mean())
    return rounded(max(share, 1 - share))


def exceeds(accuracy: float, majority: float, pairs: int) -> bool:
    """Return whether the 95 % Wilson interval of an accuracy lies above the share of the majority answer.

    Args:
        accuracy: the share of correct answers.
        majority: the share of the more frequent answer among the same pairs.
        pairs: the number of pairs.
    """
    z = 1.96
    center = accuracy + z**2 / (2 * pairs)
    spread = z * math.sqrt(accuracy * (1 - accuracy) / pairs + z**2 / (4 * pairs**2))
    return (center - spread) / (1 + z**2 / pairs) > majority
