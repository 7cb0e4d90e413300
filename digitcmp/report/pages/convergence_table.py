"""The section on convergence: its tables and what they mean."""

from typing import Any

import numpy as np
import pandas as pd

from digitcmp.report.contrasts.convergence import AT_TRAIN, OUTCOMES
from digitcmp.report.pages.formats import p_value, readable
from digitcmp.report.pages.tables import Column, Table, marked_interval, measure, name, setting, table
from digitcmp.report.results import Results

HEADINGS = {
    "epochs_to_75": "epochs to .75",
    "epochs_to_80": "to .80",
    "epochs_to_gain": "to 90 % of its gain",
    "area": "mean over epochs",
    "gap": "gap",
    "test_at_train_85": "test at training .85",
    "test_at_train_90": "at .90",
}
FORMATS = dict.fromkeys(("epochs_to_75", "epochs_to_80", "epochs_to_gain"), ".1f")
MANY_CELLS = 60  # more than these have their convergence in the CSV files alone
CELLS = (
    "How fast and how far the runs of each cell learn: means over seeds. to .75, to .80: the first epoch with that "
    "test accuracy; where a run never reaches it, the number of runs that do. to 90 % of its gain: the first epoch "
    "with 90 % of the way from the share of the majority answer to the own last accuracy. mean over epochs: of the "
    "test accuracy. gap: training less test accuracy of the last epoch; training accuracies are means over the steps "
    "of the epoch. test at training .85, .90: the test accuracy of the first epoch with that training accuracy, of the "
    "runs that reach it. ms a batch: wall time of training with its evaluations, over the number of batches."
)
DIFFERENCES = (
    "The same, first side less second, paired by seed, with the 95 % t-interval. Where a run of either side never "
    "reaches the accuracy there is no mean: earlier and later count the seeds, with the p of the sign test, in which a "
    "run that never reaches it is later than one that does. Test accuracies at a training accuracy are of the seeds "
    "that reach it on both sides. `convergence.csv` has p, Holm's p inside each outcome and family, the counts and the "
    "time of a batch; `seed_curves.csv` has the curves."
)


def parts(results: Results) -> list[Table | str]:
    """Return the parts of the section; none without curves, or of more than MANY_CELLS cells."""
    if results.outcomes.empty or len(results.cells) > MANY_CELLS:
        return []
    found: list[Table | str] = [cells(results), CELLS]
    return [*found, differences(results), DIFFERENCES] if len(results.convergence) else found


def cells(results: Results) -> Table:
    """Return how fast and how far the runs of each cell learn."""
    rows = []
    titles = dict(zip(results.cells.cell, results.titles(), strict=True))
    params = results.cells.set_index("cell").params
    for cell, group in results.outcomes.groupby("cell", sort=False):
        reached = np.isfinite(group[list(OUTCOMES)])
        means = group[list(OUTCOMES)].where(reached).mean()
        row = {"cell": titles[cell], "n": len(group), "params": params[cell], "batch_ms": group.batch_ms.mean()}
        for outcome in OUTCOMES:
            few = reached[outcome].sum() < len(group) and group[outcome].notna().all()
            row[outcome] = f"{reached[outcome].sum()} of {len(group)}" if few else ""
            if not few or (outcome in AT_TRAIN and reached[outcome].any()):
                text = readable(means[outcome], FORMATS.get(outcome, ".3f"))
                row[outcome] = f"{text} ({row[outcome]})" if few else text
        rows.append(row)
    columns = [name("cell"), setting("n"), *(setting(key, HEADINGS[key]) for key in OUTCOMES)]
    columns += [measure("parameters", "params", ","), measure("ms a batch", "batch_ms", ".1f")]
    return table(pd.DataFrame(rows), columns)


def differences(results: Results) -> Table:
    """Return what the auxiliary loss and sharing change in each outcome, a column per outcome."""
    frame = results.convergence.copy()
    frame["text"] = [difference(row) for row in frame.to_dict("records")]
    keys = ["family", "effect", "lr", "params_plus", "params_minus"]
    order = pd.MultiIndex.from_frame(frame[keys].drop_duplicates())
    wide = frame.pivot(index=keys, columns="outcome", values="text").fillna("").reindex(order).reset_index()
    columns = [name("family"), name("effect"), setting("lr")]
    columns += [setting(key, HEADINGS[key]) for key in OUTCOMES if key in wide]
    parameters = Column(
        "parameters", lambda row: f"{row['params_plus']:,.0f} / {row['params_minus']:,.0f}", "params_plus"
    )
    return table(wide, [*columns, parameters])


def difference(row: dict[str, Any]) -> str:
    """Format a row of `Results.convergence`: '-5.2 [-6.1, -4.3]', or who was earlier if an epoch is not reached."""
    form = "+" + FORMATS.get(row["outcome"], ".3f")
    if row["mean"] != row["mean"]:
        if row["outcome"] in AT_TRAIN:
            return ""
        counts = f"earlier {row['less']}, later {row['more']} of {row['n']}"
        return f"{counts}, p {p_value(row['p_sign'])}"
    text = f"{row['mean']:{form}} {marked_interval(row, form)}".rstrip()
    fewer = row["outcome"] in AT_TRAIN and row["n"] < max(row["reached_plus"], row["reached_minus"])
    return f"{text} (n = {row['n']})" if fewer else text
