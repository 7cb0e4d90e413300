"""The claims of the paper, each with the experiment that tests it and the evidence: `digitcmp report DIR --claims`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from digitcmp.errors import RunError
from digitcmp.report.evidence import (
    Evidence,
    best_level,
    directed,
    equal_parameters,
    faster,
    other_tasks,
    padding,
    regularization,
    sized,
    small,
    specific,
)

PAPERS_LAMBDA, PAPERS_BATCH = 1.0, 20.0  # section III
MOST_NUMBERS, MOST_ROW = 125, 298  # letters of the numbers and of a row in claims.md, before " …"


class Claim(NamedTuple):
    """A claim of the paper, in its words where they are quoted, and the sweep that tests it."""

    words: str
    section: str  # of the paper
    experiment: str
    judge: Callable[[Path], Evidence]  # takes the report's folder of the experiment


def claims_table(folder: Path) -> pd.DataFrame:
    """Return one row per claim whose experiment has a report in this folder of sweeps.

    Returns:
        Columns `claim section experiment numbers verdict`.

    Raises:
        RunError: The folder has none of these reports.
    """
    rows = []
    for claim in CLAIMS:
        report = folder / claim.experiment / "report"
        if (report / "effects.csv").exists():
            try:
                found = claim.judge(report)
            except (LookupError, OSError, ValueError):  # unfinished, or with other cells than the experiment's
                found = Evidence("not all runs of the experiment are in this report", "open")
            rows.append((*claim[:3], *found))
    if not rows:
        known = ", ".join(dict.fromkeys(claim.experiment for claim in CLAIMS))
        raise RunError(
            f"{folder} has no report of {known}; a folder of sweeps is expected. Run digitcmp report on each."
        )
    return pd.DataFrame(rows, columns=["claim", "section", "experiment", "numbers", "verdict"])


def markdown(table: pd.DataFrame) -> str:
    """Return claims.md: a row per claim, its verdict first, and below the numbers that are longer than a row."""
    lines = [
        "# The claims of the paper\n",
        "Made by `digitcmp report multirun --claims` from the reports beside it. Differences are in test accuracy and",
        "paired by seed, with 95 % t-intervals. [Methods](../docs/methods.md) defines the verdicts on sizes. A claim",
        "of a direction *holds* if every interval lies on its side of 0, *holds in part* if some do. After a …, the",
        "other numbers follow [below](#all-numbers).\n",
        "| verdict | claim | section | numbers |",
        "|:--|:--|:--|:--|",
    ]
    details = ["\n## All numbers"]
    for row in table.to_dict("records"):
        link = f"[report]({row['experiment']}/report/report.md)"
        numbers, *more = row["numbers"].split("; ")
        n = "".join(f", {part}" for part in more if part.startswith("n = "))
        start, end = f"| **{row['verdict']}** | {row['claim']} | {row['section']} | ", f"{n} ({link}) |"
        short = shortened(numbers, min(MOST_NUMBERS, MOST_ROW - len(start + end)))
        if short != numbers or len(more) > bool(n):
            short = f"{short} …"
            details.append(f"\n**{row['claim']}** ({link}): {row['verdict']}.\n")
            details += [f"- {part}" for part in (numbers, *more)]
        lines.append(start + short + end)
    return "\n".join(lines + details * (len(details) > 1)) + "\n"


def shortened(numbers: str, most: int) -> str:
    """Return the first of some numbers, at most this many letters. Do not cut at a comma inside brackets."""
    parts = re.split(r", (?![^\[(]*[\])])", numbers)
    while len(parts) > 1 and len(", ".join(parts)) > most:
        parts.pop()
    return ", ".join(parts)


CLAIMS = (
    Claim("“AL had a considerable impact on the test accuracy (+0.1)”", "V", "table1", sized("auxiliary loss")),
    Claim("“WS only added +0.03”", "V", "table1", sized("sharing")),
    Claim(
        "“The best model results from the combination of both methods”: AL4 exceeds AL2, WS3 and AL3",
        "V",
        "table1",
        directed(("auxiliary loss", "sharing", "backbone, same sharing"), ("AL4 − AL2", "AL4 − WS3", "AL4 − AL3")),
    ),
    Claim("Weight sharing “enables faster convergence”, “faster training”", "II, IV", "equal_rates", faster),
    Claim(
        "“Simply playing with the number of nodes or layers ... does not significantly improve the accuracy”",
        "IV",
        "figure5",
        small("hidden"),
    ),
    Claim("“Splitting the layers per image does not significantly improve”", "IV", "table1", small("branches")),
    Claim("“The learning rate chosen for each model is model-specific”", "III", "equal_rates", specific),
    Claim("λ = 1 “as both losses have similar scale”", "III", "lambda", best_level("aux_weight", PAPERS_LAMBDA)),
    Claim(
        "Batch size 20, a “trade-off between speed and accuracy”",
        "III",
        "batch_size",
        best_level("batch_size", PAPERS_BATCH, steps=True),
    ),
    Claim("The CNN gains little because it has no padding and the images are tiny", "IV", "resolution", padding),
    Claim("AL “provides stronger regularization”", "IV", "aux_labels", regularization),
    Claim("“The number of parameters can yield drastically different results”", "IV", "parameters", equal_parameters),
    Claim("“For other projects AL and WS may not bring the same effects”: tasks", "V", "tasks", other_tasks),
    Claim("“For other projects AL and WS may not bring the same effects”: data sets", "V", "transfer", other_tasks),
    Claim(
        "Future work: dropout, max-pooling and DropBlock “to reduce overfitting”",
        "V",
        "beyond_regularization",
        directed(("regularization",)),
    ),
)
