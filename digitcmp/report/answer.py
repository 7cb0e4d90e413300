"""The answer of a study of other images or another task: what do the auxiliary loss and sharing do here?"""

from __future__ import annotations

from digitcmp.report.contrasts.cell_grid import Contrast, Grid
from digitcmp.report.contrasts.factors import CLAIMS
from digitcmp.report.contrasts.planned import mean_of, of_family
from digitcmp.report.contrasts.tables import differences
from digitcmp.report.formats import interval, spread
from digitcmp.report.results import Results
from digitcmp.report.statistics.estimates import estimate

PAIRS = 4  # pairs of the paper's networks that differ in the auxiliary loss alone, or in sharing alone


def answer(results: Results) -> list[str]:
    """Return the answer as sentences.

    Returns:
        Empty unless the runs are the paper's networks, one cell each, on one question and data set that are not both
        the paper's.
    """
    cells, runs = results.cells, results.runs
    asked = [set(runs[key].dropna()) if key in runs else set() for key in ("task", "dataset")]
    papers = [values <= {own} for values, own in zip(asked, ("leq", "mnist"), strict=True)]
    single = all(len(values) <= 1 for values in asked)
    if all(papers) or not single or not cells.label.is_unique:
        return []
    found = {family: of_family(results.grid, family) for family in CLAIMS}
    if any(len(contrasts) != PAIRS for contrasts in found.values()):
        return []
    majority = f"The majority answer has {cells.majority.mean():.3f}"
    if results.collapsed.all():
        return [
            f"On these images every network collapsed: none of {len(runs)} runs is better than the majority answer, "
            f"{cells.majority.mean():.3f}.",
            "The effects of the auxiliary loss and sharing are unknown here. More images, epochs=N with a larger N, or "
            "another task may help.",
        ]
    sentences = []
    for family, contrasts in found.items():
        name = family if family == "sharing" else f"the {family}"
        sentences.append(effect(name, results.grid, Contrast(family, "", "", mean_of(contrasts))))
    best = cells.loc[cells.test_acc_mean.idxmax()]
    sentences.append(f"{majority}, the best network, {best.label}, {spread(best.test_acc_mean, best.test_acc_std)}.")
    lost = runs[results.collapsed].label.value_counts()
    where = ", ".join(f"{label} {n}" for label, n in lost.items())
    sentences.append(f"{lost.sum()} of {len(runs)} runs collapsed" + (f": {where}." if len(lost) else "."))
    return sentences


def effect(name: str, grid: Grid, contrast: Contrast) -> str:
    """Return a sentence on an effect on test accuracy.

    Args:
        name: what differs in each pair of networks.
        grid: the cells by seeds.
        contrast: the mean over the pairs. Seeds that lack one of the networks are left out.
    """
    n, mean, low, high, _ = estimate(differences(grid, [contrast])).iloc[0]
    if n < 2:
        return f"The effect of {name} on these images is unknown: fewer than two seeds have all networks."
    verb = "raises" if low > 0 else "lowers" if high < 0 else "has no visible effect on"
    size = f"{mean:+.3f} {interval(low, high, '+.3f', int(n))}".strip()
    counted = f"mean of {PAIRS} pairs of networks with its 95 % interval, n = {int(n)} seeds"
    return f"On these images {name} {verb} test accuracy: {size} ({counted})."
