"""The answer of a study of other images or another task: what do the auxiliary loss and sharing do here?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from digitcmp.report.formats import interval, spread
from digitcmp.report.results import Results
from digitcmp.report.statistics.estimates import estimate

PAIRS = {  # the networks of each comparison, by the paper's labels
    "the auxiliary loss": (("AL1", "FCNN3"), ("AL2", "WS1"), ("AL3", "WS2"), ("AL4", "WS3")),
    "sharing": (("WS2", "FCNN3"), ("WS3", "WS1"), ("AL3", "AL1"), ("AL4", "AL2")),
}


def answer(results: Results) -> list[str]:
    """Return the answer as sentences.

    Returns:
        Empty unless the runs are the paper's networks, one cell each, on one question and data set that are not both
        the paper's.
    """
    cells, runs = results.cells, results.runs
    labels = {label for pairs in PAIRS.values() for pair in pairs for label in pair}
    asked = [set(runs[key].dropna()) if key in runs else set() for key in ("task", "dataset")]
    papers = [values <= {own} for values, own in zip(asked, ("leq", "mnist"), strict=True)]
    single = all(len(values) <= 1 for values in asked)
    if all(papers) or not single or not cells.label.is_unique or not labels <= {*cells.label}:
        return []
    majority = f"The majority answer has {cells.majority.mean():.3f}"
    if results.collapsed.all():
        return [
            f"On these images every network collapsed: none of {len(runs)} runs is better than the majority answer, "
            f"{cells.majority.mean():.3f}.",
            "The effects of the auxiliary loss and sharing are unknown here. More images, epochs=N with a larger N, or "
            "another task may help.",
        ]
    accuracy = runs.pivot(index="seed", columns="label", values="test_acc")
    sentences = [effect(name, accuracy, pairs) for name, pairs in PAIRS.items()]
    best = cells.loc[cells.test_acc_mean.idxmax()]
    sentences.append(f"{majority}, the best network, {best.label}, {spread(best.test_acc_mean, best.test_acc_std)}.")
    lost = runs[results.collapsed].label.value_counts()
    where = ", ".join(f"{label} {n}" for label, n in lost.items())
    sentences.append(f"{lost.sum()} of {len(runs)} runs collapsed" + (f": {where}." if len(lost) else "."))
    return sentences


def effect(name: str, accuracy: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> str:
    """Return the effect on test accuracy, the mean over pairs of networks, as a sentence.

    Args:
        name: what differs in each pair.
        accuracy: the test accuracies, a row for each seed and a column for each network.
        pairs: the networks with and without it.
    """
    whole = accuracy.dropna()
    if len(whole) < 2:
        return f"The effect of {name} on these images is unknown: fewer than two seeds have all networks."
    first, second = (np.mean([whole[pair[side]] for pair in pairs], axis=0) for side in (0, 1))
    n, mean, low, high, _ = estimate((first - second)[None]).iloc[0]
    verb = "raises" if low > 0 else "lowers" if high < 0 else "has no visible effect on"
    size = f"{mean:+.3f} {interval(low, high, '+.3f', int(n))}".strip()
    counted = f"mean of {len(pairs)} pairs of networks with its 95 % interval, n = {int(n)} seeds"
    return f"On these images {name} {verb} test accuracy: {size} ({counted})."
