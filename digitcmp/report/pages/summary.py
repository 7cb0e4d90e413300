"""The head of a report: its title and question, what was found, and what to distrust."""

from typing import Any

import pandas as pd

from digitcmp.data.tasks import TASKS
from digitcmp.report.contrasts.accuracy_effects import paired
from digitcmp.report.contrasts.cell_grid import Contrast
from digitcmp.report.contrasts.planned import CLAIMS, MAIN, NAMES, mean_of, of_family, question_names
from digitcmp.report.estimates import SIGNIFICANT
from digitcmp.report.formats import ACCURACY, estimated, seeds, spread, to_text, verdict_words
from digitcmp.report.loader import sweep_name
from digitcmp.report.results import Results

WIDE_BELOW = 5  # fewer seeds give wide intervals
PAIRS = 4  # pairs of the paper's networks that differ in the auxiliary loss alone, or in sharing alone
MANY = 20  # the best of more cells is lucky


def title(results: Results) -> str:
    """Return the title of the report: the names of its folders."""
    return ", ".join(sweep_name(root) for root in results.roots)


def question(results: Results) -> str:
    """Return the question that the networks answer, the data and the number of runs."""
    runs, cells = results.runs, results.cells
    tasks = runs.get("task", pd.Series(["leq"])).dropna().unique()
    questions = " ".join(TASKS[task].question if task in TASKS else f"{task}?" for task in tasks)
    data = ", ".join(runs.get("dataset", pd.Series(["mnist"])).dropna().unique())
    pairs = extent(runs.train_pairs.astype(int), ",")
    size = f"{len(runs):,} runs: {len(cells):,} cells, {seeds(cells.n)} each"
    shares = cells.majority.dropna().round(2).unique()
    majority = f" Majority answer: {100 * shares[0]:.0f} %." if len(shares) == 1 and len(tasks) == 1 else ""
    return f"Question: {questions}{majority} Data: {data}, {pairs} training pairs. {size}."


def conclusion(results: Results) -> str:
    """Return the findings of the report as one sentence, or those of a study."""
    return " ".join(study_findings(results)) or sentence("; ".join([*effects_found(results), highest(results)]))


def sentence(text: str) -> str:
    """Return a text as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def study_findings(results: Results) -> list[str]:
    """Return what the auxiliary loss and sharing do in a study of other images or another task, as sentences.

    Returns:
        Empty unless the runs are the paper's networks, one cell each, on one question and data set that are not both
        the paper's.
    """
    cells, runs = results.cells, results.runs
    asked, *others = question_names(results.grid)
    if others or not any(asked) or not cells.label.is_unique:
        return []
    contrasts_of = {family: of_family(results.grid, family) for family in CLAIMS}
    if any(len(contrasts) != PAIRS for contrasts in contrasts_of.values()):
        return []
    majority = f"{cells.majority.mean():.3f}"
    if results.collapsed.all():
        return [
            f"On these images every network collapsed: none of {len(runs)} runs is better than the majority answer, "
            f"{majority}.",
            "The effects of the auxiliary loss and sharing are unknown here. More images, epochs=N with a larger N, or "
            "another task may help.",
        ]
    means = [Contrast(family, "", "", mean_of(contrasts)) for family, contrasts in contrasts_of.items()]
    sentences = [effect(row) for row in paired(results.grid, means).to_dict("records")]
    best = cells.loc[cells.test_acc_mean.idxmax()]
    accuracy = spread(best.test_acc_mean, best.test_acc_std)
    sentences.append(f"The majority answer has {majority}, the best network, {best.label}, {accuracy}.")
    lost = runs[results.collapsed].label.value_counts()
    where = ", ".join(f"{label} {n}" for label, n in lost.items())
    return [*sentences, f"{lost.sum()} of {len(runs)} runs collapsed" + (f": {where}." if len(lost) else ".")]


def effect(row: dict[str, Any]) -> str:
    """Return a sentence on a mean effect on test accuracy. Seeds that lack one of the networks are left out."""
    name, n, low, high = NAMES[row["family"]], row["n"], row["ci_low"], row["ci_high"]
    if n < 2:
        return f"The effect of {name} on these images is unknown: fewer than two seeds have all networks."
    verb = "raises" if low > 0 else "lowers" if high < 0 else "has no visible effect on"
    counted = f"mean of {PAIRS} pairs of networks with its 95 % interval, n = {n} seeds"
    return f"On these images {name} {verb} test accuracy: {estimated(row['mean'], low, high, n=n)} ({counted})."


def effects_found(results: Results) -> list[str]:
    """Return what was found on effects: the averages of a large design, else the auxiliary loss and sharing."""
    main = results.averages[results.averages.order == MAIN]
    if len(main):
        largest = main.loc[main["mean"].abs().idxmax()]
        seen = f"{(main.verdict == 'effect seen').sum()} of {len(main)} main effects are seen"
        return [seen, f"the largest is {largest.effect} with {largest['mean']:+.3f}"]
    measured = results.effects[results.effects.refused.isna()]
    parts = []
    for family in CLAIMS:
        rows = measured[measured.family == family]
        if len(rows):
            parts.append(f"{NAMES[family]} adds {extent(rows['mean'], '+.3f')} ({verdict_counts(rows.verdict)})")
    return parts


def highest(results: Results) -> str:
    """Return the cell with the highest mean test accuracy, and that accuracy."""
    best = results.cells.loc[results.cells.test_acc_mean.idxmax()]
    accuracy = spread(best.test_acc_mean, best.test_acc_std)
    return f"{best.title} has the highest mean test accuracy, {accuracy} (n = {best.n})"


def findings(results: Results) -> list[str]:
    """Return the findings as up to three sentences with numbers, the strongest other effects if there is room."""
    if sentences := study_findings(results):
        return sentences
    parts, chosen = effects_found(results), results.selected_rates
    if len(chosen) and len(parts) < 2:
        low, high = chosen.loc[chosen.lr.idxmin()], chosen.loc[chosen.lr.idxmax()]
        rates = f"from {to_text(low.lr)} ({low.title}) to {to_text(high.lr)} ({high.title})"
        parts.append(f"validation pairs select learning rates {rates}")
        low, high = chosen.loc[chosen.test_acc.idxmin()], chosen.loc[chosen.test_acc.idxmax()]
        ends = [f"{to_text(row.test_acc, ACCURACY)} ({row.title})" for row in (low, high)]
        parts.append(f"at these rates, the mean test accuracy is {' to '.join(ends)}")
    others = results.effects[results.effects.p_holm.notna() & ~results.effects.family.isin([*CLAIMS, "lr"])]
    if len(others) and len(parts) < 2:
        row = others.loc[others["mean"].abs().idxmax()]
        seen = f"{(others.p_holm < SIGNIFICANT).sum()} of {len(others)} other effects are seen"
        parts.append(f"{seen}; the largest is {row.effect} with {estimated(row['mean'], row.ci_low, row.ci_high)}")
    return [sentence(part) for part in [*parts, highest(results)]]


def distrusted(results: Results) -> list[str]:
    """Return what weakens the findings: few seeds, collapsed runs, rates at an end, a choice by test pairs."""
    cells, chosen, lines = results.cells, results.selected_rates, []
    lines.append(f"{seeds(cells.n)}{', so intervals are wide' if cells.n.min() < WIDE_BELOW else ''}.")
    runs, collapsed = len(results.runs), int(results.collapsed.sum())
    where = f"{collapsed} of {runs:,} runs collapsed, in {(cells.collapsed > 0).sum()} of {len(cells):,} cells"
    lines.append(f"{where}. They stay in every mean." if collapsed else "No run collapsed.")
    if len(chosen):
        edge = f"{chosen.at_edge.sum()} of {len(chosen)} selected learning rates are at an end of their list"
        lines.append(f"{edge}; a better one may lie beyond." if chosen.at_edge.any() else f"{edge}.")
    if len(cells) > MANY:
        lines.append(f"The highest accuracy is the best of {len(cells):,} cells by test pairs, so it is optimistic.")
    if refused := int(results.effects.refused.notna().sum()):
        lines.append(f"{refused} effects have no statistics; the section on effects gives the reasons.")
    if results.missing:
        lines.append(f"{len(results.missing)} runs are missing.")
    return lines


def extent(values: pd.Series, form: str) -> str:
    """Return the range of some values: '+0.041 to +0.111', or one number."""
    return " to ".join(dict.fromkeys(to_text(value, form) for value in (values.min(), values.max())))


def verdict_counts(verdicts: pd.Series) -> str:
    """Return the number of effects with each verdict: 'as claimed in 2 of 4, undecided in 2'."""
    counts = verdicts.map(verdict_words).value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    texts = [f"{words} in {n}" for words, n in counts.items()]
    return ", ".join([f"{texts[0]} of {len(verdicts)}", *texts[1:]])
