"""Collapsed runs: networks that are hardly better than the majority answer, or far below the other seeds."""

import numpy as np
import pandas as pd

from digitcmp.data.sources import SOURCES
from digitcmp.data.tasks import TASKS

CLASSES = 10  # for which a task knows the share of the majority answer
STANDARD_ERRORS = 3  # a run up to this far above the base rate counts as collapsed
DEVIATIONS, DROP = 5, 0.05  # a run further below the median of its cell than both counts as collapsed

RULE = (
    f"A run counts as *collapsed* if its test accuracy is not more than {STANDARD_ERRORS} standard errors above the "
    "share of the majority answer (that of the task if a result does not record it). It also counts if it is below the "
    f"median of its cell by more than {DROP} and by more than {DEVIATIONS} deviations. A deviation is the median "
    "absolute deviation of the cell's seeds, or the standard error of an accuracy on its test pairs, whichever is "
    "larger. Collapsed runs stay in every mean and test."
)


def collapsed(runs: pd.DataFrame) -> pd.Series:
    """Return the runs that collapsed, by RULE.

    The deviation of a few seeds can be close to 0 by chance. The standard error on the test pairs is its lower bound.

    Args:
        runs: One row per run, with `cell test_acc test_pairs`, and `majority` if it is recorded.

    Returns:
        Booleans, with the index of `runs`.
    """
    base = base_rate(runs)
    at_base = runs.test_acc <= base + STANDARD_ERRORS * standard_error(base, runs.test_pairs)
    median = runs.groupby("cell").test_acc.transform("median")
    deviation = (runs.test_acc - median).abs().groupby(runs.cell).transform("median")
    deviation = np.maximum(deviation, standard_error(median, runs.test_pairs))
    drop = median - runs.test_acc
    return at_base | ((drop > DROP) & (drop > DEVIATIONS * deviation))


def base_rate(runs: pd.DataFrame) -> pd.Series:
    """Return the share of the majority answer among the test pairs of each run, nan if it is unknown."""
    recorded = runs.majority.astype(float) if "majority" in runs else pd.Series(np.nan, runs.index)
    tasks = runs.task.fillna("leq") if "task" in runs else pd.Series("leq", runs.index)
    datasets = runs.dataset.fillna("mnist") if "dataset" in runs else pd.Series("mnist", runs.index)
    expected = tasks.map({name: task.majority for name, task in TASKS.items()}).astype(float)
    ten = datasets.map({name: source.images.classes == CLASSES for name, source in SOURCES.items()}).eq(True)
    return recorded.where(recorded.notna(), expected.where(ten))


def standard_error(accuracy: pd.Series, pairs: pd.Series) -> pd.Series:
    """Return the binomial standard error of each accuracy on its number of pairs."""
    return np.sqrt(accuracy * (1 - accuracy) / pairs)
