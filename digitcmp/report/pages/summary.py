"""The head of a report: its title, conclusion and question."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd

from digitcmp.data.tasks import TASKS
from digitcmp.report.contrasts.averages import MAIN
from digitcmp.report.contrasts.contrast import CLAIMS
from digitcmp.report.formats import spread
from digitcmp.report.loading.sources import sweep_name
from digitcmp.report.results import Results


def conclusion(results: Results) -> str:
    """Return the finding of the report as one sentence."""
    cells = results.cells
    best = cells.loc[cells.test_acc_mean.idxmax()]
    accuracy = spread(best.test_acc_mean, best.test_acc_std)
    highest = f"{results.titles()[cells.index.get_loc(best.name)]} has the highest mean test accuracy, {accuracy}"
    measured = results.effects[results.effects.refused.isna()]
    parts = []
    if len(results.averages):
        main = results.averages[results.averages.order == MAIN].sort_values("p", kind="stable")
        largest = main.loc[main["mean"].abs().idxmax()] if len(main) else None
        seen = int((main.verdict == "effect seen").sum())
        parts.append(f"{seen} of {len(main)} main effects are seen")
        if largest is not None:
            parts.append(f"the largest is {largest.effect} with {largest['mean']:+.3f}")
    else:
        for family in CLAIMS:
            rows = measured[measured.family == family]
            if len(rows):
                name = family if family == "sharing" else f"the {family}"
                parts.append(f"{name} adds {extent(rows)} ({verdict_counts(rows)})")
    sentence = "; ".join([*parts, highest])
    return f"{sentence[0].upper()}{sentence[1:]} (n = {best.n})."


def extent(rows: pd.DataFrame) -> str:
    """Return the range of the means of some effects: '+0.041 to +0.111', or one number."""
    low, high = f"{rows['mean'].min():+.3f}", f"{rows['mean'].max():+.3f}"
    return low if low == high else f"{low} to {high}"


def verdict_counts(rows: pd.DataFrame) -> str:
    """Return the number of effects with each verdict: 'as claimed in 2 of 4, undecided in 2'."""
    counts = Counter(re.split(r" \(|[;:]", verdict)[0] for verdict in rows.verdict).most_common()
    if len(counts) == 1:
        return str(counts[0][0])
    texts = [f"{verdict} in {n}" for verdict, n in counts]
    return ", ".join([f"{texts[0]} of {len(rows)}", *texts[1:]])


def question(results: Results) -> str:
    """Return the question that the networks answer, the data and the number of runs."""
    runs, n = results.runs, results.cells.n
    tasks = dict.fromkeys(runs.task.dropna()) if "task" in runs else ["leq"]
    questions = " ".join(TASKS[task].question if task in TASKS else f"{task}?" for task in tasks)
    data = ", ".join(dict.fromkeys(runs.dataset.dropna())) if "dataset" in runs else "mnist"
    pairs = sorted({int(pairs) for pairs in runs.train_pairs})
    counted = f"{pairs[0]:,}" if len(pairs) == 1 else f"{pairs[0]:,} to {pairs[-1]:,}"
    per_cell = f"{n.min()}" if n.nunique() == 1 else f"{n.min()} to {n.max()}"
    size = f"{len(runs):,} runs: {len(n):,} cells, n = {per_cell} seeds each"
    shares = results.cells.majority.dropna().round(2).unique()
    majority = f" Majority answer: {100 * shares[0]:.0f} %." if len(shares) == 1 and len(tasks) == 1 else ""
    return f"Question: {questions}{majority} Data: {data}, {counted} training pairs. {size}."


def title(results: Results) -> str:
    """Return the title of the report: the names of its folders."""
    return ", ".join(map(sweep_name, results.roots))
