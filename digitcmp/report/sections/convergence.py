"""The section on convergence: its tables and notes."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from digitcmp.report.contrasts.convergence_effects import AT_TRAIN, CONVERGENCE_OUTCOMES, CURVE, convergence, outcomes
from digitcmp.report.formats import P_VALUE, estimated, to_text
from digitcmp.report.pages.section import Column, File, Part, Row, Table, named, plain
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
MANY_CELLS = 60  # with more cells, the convergence is in the CSV files only
CELLS = (
    "Means over seeds, from the test accuracy of each epoch. *to .75* and *to .80* are the first epoch with that test "
    "accuracy. If a run never reaches it, the number of runs that do is given instead. *to 90 % of its gain* is the "
    "first epoch at 90 % of the way from the share of the majority answer to the run's own last accuracy. *mean over "
    "epochs* is that of the test accuracy. *gap* is the training accuracy minus the test accuracy of the last epoch; "
    "a training accuracy is the mean over the steps of its epoch. *test at training .85* and *at .90* are the test "
    "accuracy of the first epoch with that training accuracy, over the runs that reach it. *ms per batch* is the wall "
    "time of training, evaluation included, divided by the number of batches."
)
DIFFERENCES = (
    "The same outcomes, first side minus second, paired by seed, with the 95 % t-interval. If a run of either side "
    "never reaches an accuracy, no mean is given. Then *earlier* and *later* count the seeds, and p is that of the "
    "sign test, in which a run that never reaches it is later than one that does. Test accuracies at a training "
    "accuracy are over the seeds that reach it on both sides. `convergence.csv` also has p, Holm's p inside each "
    "outcome and family, the counts and the time per batch. `seed_curves.csv` has the curves."
)


def parts(results: Results) -> Iterator[Part]:
    """Yield the tables of cells and of effects with their notes, or only the files with more than MANY_CELLS cells."""
    computed = results.metrics.reindex(columns=list(CURVE))
    curves = results.collected("seed_curves.csv", computed, ["cell", "seed", "epoch"])
    if curves.empty:
        return
    measured = outcomes(results.runs, curves)
    effects = convergence(results.runs, measured)
    yield File.csv("seed_curves.csv", curves)
    yield File.csv("convergence.csv", effects)
    if measured.empty or len(results.cells) > MANY_CELLS:
        return
    yield cells(measured, results)
    yield CELLS
    if len(effects):
        yield differences(effects)
        yield DIFFERENCES


def cells(measured: pd.DataFrame, results: Results) -> Table:
    """Return the mean outcomes of each cell from those of each run."""
    rows = []
    params = results.cells.set_index("cell").params
    for cell, group in measured.groupby("cell", sort=False):
        row = {"cell": results.title_of[cell], "n": len(group)}
        row |= {outcome: mean_outcome(outcome, group[outcome]) for outcome in CONVERGENCE_OUTCOMES}
        rows.append(row | {"params": params[cell], "batch_ms": group.batch_ms.mean()})
    columns = [named("cell"), *plain("n"), *(Column(HEADINGS[key], key) for key in CONVERGENCE_OUTCOMES)]
    columns += [Column("parameters", "params", ","), Column("ms per batch", "batch_ms", ".1f")]
    return Table.of(pd.DataFrame(rows), columns)


def mean_outcome(outcome: str, values: pd.Series) -> str:
    """Return the mean of an outcome over the runs of a cell, or the number of runs that reach it: '8 of 10'."""
    reached = values[np.isfinite(values)]
    mean = to_text(reached.mean(), FORMATS.get(outcome, ".3f"))
    if len(reached) == len(values) or values.isna().any():
        return mean
    counts = f"{len(reached)} of {len(values)}"
    return f"{mean} ({counts})" if outcome in AT_TRAIN and len(reached) else counts


def differences(effects: pd.DataFrame) -> Table:
    """Return the effects of the auxiliary loss and sharing on the outcomes, one column per outcome."""
    frame = effects.assign(text=[difference(row) for row in effects.to_dict("records")])
    keys = ["family", "effect", "lr", "params_plus", "params_minus"]
    order = pd.MultiIndex.from_frame(frame[keys].drop_duplicates())
    wide = frame.pivot(index=keys, columns="outcome", values="text").fillna("").reindex(order).reset_index()
    columns = [named("family"), named("effect"), *plain("lr")]
    columns += [Column(HEADINGS[key], key) for key in CONVERGENCE_OUTCOMES if key in wide]
    columns.append(
        Column("parameters", "params_plus", lambda row: f"{row['params_plus']:,.0f} / {row['params_minus']:,.0f}")
    )
    return Table.of(wide, columns)


def difference(row: Row) -> str:
    """Format a row of `convergence`.

    Returns:
        The mean and its interval, '-5.2 [-6.1, -4.3]', or the counts of the sign test if an epoch is not reached.
    """
    at_train = row["outcome"] in AT_TRAIN
    if row["mean"] != row["mean"] and not at_train:
        counts = f"earlier {row['less']}, later {row['more']} of {row['n']}"
        return f"{counts}, p {to_text(row['p_sign'], P_VALUE)}"
    form = "+" + FORMATS.get(row["outcome"], ".3f")
    text = estimated(row["mean"], row["ci_low"], row["ci_high"], form, row["n"])
    fewer = at_train and text and row["n"] < max(row["reached_plus"], row["reached_minus"])
    return f"{text} (n = {row['n']})" if fewer else text
