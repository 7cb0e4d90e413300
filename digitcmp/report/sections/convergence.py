"""The section on convergence: of each run from its learning curve, and the effects on it.

A run that never reaches an accuracy is censored: its epoch is unknown, not large. If a run of a contrast is censored,
no mean is given. The sign test still counts which seed was earlier, because any epoch is earlier than none.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from digitcmp.report import estimates
from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.accuracy_effects import measured
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, sides
from digitcmp.report.formats import P_VALUE, estimated, to_text
from digitcmp.report.pages.section import Column, File, Part, Row, Table, named, plain
from digitcmp.report.results import Results
from digitcmp.report.rule import base_rate

GAIN = 0.9  # the share of its own gain that a run reaches at epochs_to_gain
CURVE = ("cell", "seed", "epoch", "train_acc", "val_acc", "test_acc")  # the columns of seed_curves.csv
EPOCHS = {"epochs_to_75": 0.75, "epochs_to_80": 0.80}  # outcomes: the test accuracy to reach
AT_TRAIN = {"test_at_train_85": 0.85, "test_at_train_90": 0.90}  # outcomes: the training accuracy to reach
CONVERGENCE_OUTCOMES = (*EPOCHS, "epochs_to_gain", "area", "gap", *AT_TRAIN)
SHORTENED = ("max_steps", "max_time", "limit_train_batches", "overfit_batches", "found_batch_size")  # other epochs
COLUMNS = (
    *("outcome", "family", "effect", "lr", "n", "plus", "minus", "mean", "ci_low", "ci_high", "p", "p_holm"),
    *("reached_plus", "reached_minus", "less", "more", "p_sign"),
    *("params_plus", "params_minus", "batch_ms_plus", "batch_ms_minus"),
)
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


def outcomes(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes of each run that was evaluated in every epoch.

    Args:
        runs: One row per run.
        curves: CURVE, one row per run and evaluated epoch.

    Returns:
        `cell seed`, CONVERGENCE_OUTCOMES and `batch_ms`, one row per run, with the index and order of `runs`.
        epochs_to_75 and epochs_to_80 are the first epoch with that test accuracy. epochs_to_gain is the first epoch at
        GAIN of the way from the share of the majority answer to the accuracy of the last epoch. `area` is the mean test
        accuracy over the epochs. `gap` is the training accuracy minus the test accuracy of the last epoch.
        test_at_train is the test accuracy of the first epoch with that training accuracy. An outcome is inf if it is
        not reached, nan if it is unknown. `batch_ms` is the wall time per batch in milliseconds, evaluation included,
        nan if an epoch is not one pass over all pairs.
    """
    runs = runs.assign(run=range(len(runs)), base=base_rate(runs))
    curves = curves.merge(runs[["cell", "seed", "run", "base"]], on=["cell", "seed"]).sort_values(
        "epoch", kind="stable"
    )
    by_run = curves.groupby("run")
    last = curves.drop_duplicates("run", keep="last").set_index("run").sort_index()
    complete = by_run.size() == last.epoch  # where epochs were left out, the first one at an accuracy is not known
    final = by_run.test_acc.transform("last")

    def first(reached: pd.Series, value: str = "epoch") -> pd.Series:
        """Return a value at the first epoch with `reached`, inf if there is none."""
        return curves[reached].groupby("run")[value].first().astype(float).reindex(last.index, fill_value=np.inf)

    table = pd.DataFrame({name: first(curves.test_acc >= level) for name, level in EPOCHS.items()})
    gained = curves.test_acc >= curves.base + GAIN * (final - curves.base) - estimates.ROUNDING
    table["epochs_to_gain"] = first(gained & (final > curves.base)).where(last.base.notna())
    table["area"], table["gap"] = by_run.test_acc.mean(), last.train_acc - last.test_acc
    for name, level in AT_TRAIN.items():
        table[name] = first(curves.train_acc >= level, "test_acc").where(by_run.train_acc.count() > 0)
    ours = runs.iloc[last.index]
    batches = last.epoch.to_numpy() * -(-ours.train_pairs // ours.batch_size)
    shortened = ours.reindex(columns=list(SHORTENED)).notna().any(axis=1)
    table = table.set_axis(ours.index).assign(batch_ms=(1000 * ours.fit_seconds / batches).mask(shortened))
    return pd.concat([ours[["cell", "seed"]], table], axis=1)[complete.to_numpy()]


def convergence(runs: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing on each of some `outcomes`, paired by seed.

    Returns:
        COLUMNS, one row per outcome and contrast, and per common learning rate for networks with several. `plus` and
        `minus` are the means of the two sides, `mean` is that of their difference, with its 95 % t-interval. All are
        nan if a run is censored. test_at_train uses the seeds that reach it on both sides. `less` and `more` count the
        seeds with a smaller and a larger outcome in `plus`, and p_sign is the exact p of the sign test. p_holm is
        Holm's p inside the outcome and family. Contrasts that cannot be paired have no row.
    """
    if measures.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    grid = Grid(runs.loc[measures.index])
    contrasts = [*planned.claim_contrasts(grid), *planned.at_equal_rates(grid)]
    contrasts = list(itertools.compress(contrasts, grid.refused(contrasts, least=1).isna()))
    tables = [of_outcome(grid, contrasts, outcome, measures[outcome]) for outcome in CONVERGENCE_OUTCOMES]
    table = pd.concat(tables, ignore_index=True)
    weights = grid.matrix(list(table.contrast))
    for name, values in (("params", grid.runs.params), ("batch_ms", measures.batch_ms.fillna(np.inf))):
        for side, by_seed in zip(("plus", "minus"), sides(weights, grid.outcome(values)), strict=True):
            table[f"{name}_{side}"] = pd.DataFrame(by_seed).mean(axis=1).replace(np.inf, np.nan)
    return table[list(COLUMNS)]


def of_outcome(grid: Grid, contrasts: Sequence[Contrast], outcome: str, values: pd.Series) -> pd.DataFrame:
    """Return the rows of `convergence` for one outcome from its value of each run, with the column `contrast`.

    A contrast is left out if the outcome of one of its runs is unknown.
    """
    y = grid.outcome(values)
    known = (np.isnan(y) == ~grid.finished).all(axis=1)
    contrasts = [contrast for contrast in contrasts if known[list(contrast.weights)].all()]
    plus, minus = sides(grid.matrix(contrasts), y)
    reached = np.isfinite(plus) & np.isfinite(minus)
    used = reached if outcome in AT_TRAIN else ~np.isnan(plus)
    mean = used & (reached | ~used).all(axis=1, keepdims=True)  # the seeds of the mean, none if a run is censored
    table = measured(contrasts, np.subtract(plus, minus, out=np.full(plus.shape, np.nan), where=mean))
    table = table.assign(outcome=outcome, lr=pd.to_numeric(table.context), n=used.sum(axis=1))
    table["less"], table["more"] = (used & (plus < minus)).sum(axis=1), (used & (plus > minus)).sum(axis=1)
    table["p_sign"] = estimates.sign_test(table.less.to_numpy(), table.more.to_numpy())
    for name, side in (("plus", plus), ("minus", minus)):
        table[f"reached_{name}"] = np.isfinite(side).sum(axis=1)
        table[name] = pd.DataFrame(side).where(mean).mean(axis=1)
    return table
