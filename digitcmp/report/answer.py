"""The answer of a study of other images or another task: what do the auxiliary loss and sharing do here?"""

from __future__ import annotations

from typing import Any

from digitcmp.report.contrasts.accuracy_effects import paired
from digitcmp.report.contrasts.cell_grid import Contrast
from digitcmp.report.contrasts.planned import CLAIMS, mean_of, of_family, question_names
from digitcmp.report.formats import interval, spread
from digitcmp.report.results import Results

PAIRS = 4  # pairs of the paper's networks that differ in the auxiliary loss alone, or in sharing alone


def answer(results: Results) -> list[str]:
    """Return the answer as sentences.

    Returns:
        Empty unless the runs are the paper's networks, one cell each, on one question and data set that are not both
        the paper's.
    """
    cells, runs = results.cells, results.runs
    asked, *others = question_names(results.grid)
    if others or not any(asked) or not cells.label.is_unique:
        return []
    found = {family: of_family(results.grid, family) for family in CLAIMS}
    if any(len(contrasts) != PAIRS for contrasts in found.values()):
        return []
    majority = f"{cells.majority.mean():.3f}"
    if results.collapsed.all():
        return [
            f"On these images every network collapsed: none of {len(runs)} runs is better than the majority answer, "
            f"{majority}.",
            "The effects of the auxiliary loss and sharing are unknown here. More images, epochs=N with a larger N, or "
            "another task may help.",
        ]
    means = [Contrast(family, "", "", mean_of(contrasts)) for family, contrasts in found.items()]
    sentences = [effect(row) for row in paired(results.grid, means).to_dict("records")]
    best = cells.loc[cells.test_acc_mean.idxmax()]
    accuracy = spread(best.test_acc_mean, best.test_acc_std)
    sentences.append(f"The majority answer has {majority}, the best network, {best.label}, {accuracy}.")
    lost = runs[results.collapsed].label.value_counts()
    where = ", ".join(f"{label} {n}" for label, n in lost.items())
    sentences.append(f"{lost.sum()} of {len(runs)} runs collapsed" + (f": {where}." if len(lost) else "."))
    return sentences


def effect(row: dict[str, Any]) -> str:
    """Return a sentence on a mean effect on test accuracy. Seeds that lack one of the networks are left out."""
    name = row["family"] if row["family"] == "sharing" else f"the {row['family']}"
    if row["n"] < 2:
        return f"The effect of {name} on these images is unknown: fewer than two seeds have all networks."
    verb = "raises" if row["ci_low"] > 0 else "lowers" if row["ci_high"] < 0 else "has no visible effect on"
    size = f"{row['mean']:+.3f} {interval(row['ci_low'], row['ci_high'], '+.3f', row['n'])}".strip()
    counted = f"mean of {PAIRS} pairs of networks with its 95 % interval, n = {row['n']} seeds"
    return f"On these images {name} {verb} test accuracy: {size} ({counted})."
