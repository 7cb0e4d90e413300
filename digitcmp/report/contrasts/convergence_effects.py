"""The convergence of each run from its learning curve, and the effects of sharing and the auxiliary loss on it.

A run that never reaches an accuracy is censored: its epoch is unknown, not large. If a run of a contrast is censored,
no mean is given. The sign test still counts which seed was earlier, because any epoch is earlier than none.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.accuracy_effects import measured
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, sides
from digitcmp.report.statistics import estimates
from digitcmp.report.statistics.rule import base_rate

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
