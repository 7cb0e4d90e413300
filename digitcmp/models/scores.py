"""The names of a run's scores: as they are logged, in metrics.csv and in result.json."""

from collections.abc import Sequence

STAGES = ("train", "val", "test")
COMPARISON, DIGITS = ("loss", "acc"), ("digit_acc", "argmax_acc")  # the latter with the auxiliary loss alone


def names(stages: Sequence[str] = STAGES, aux: bool = True) -> list[str]:
    """train_loss, train_acc, val_loss, ... test_acc, and with `aux` train_digit_acc, ... test_argmax_acc."""
    parts = (COMPARISON, DIGITS) if aux else (COMPARISON,)
    return [f"{stage}_{score}" for part in parts for stage in stages for score in part]


def rounded(score: float) -> float:
    """Return a score in the seven digits that float32 holds: .926, not .9259999990463257."""
    return float(f"{score:.7g}")
