"""The convergence of each run from its learning curve, and the effects of sharing and the auxiliary loss on it.

A run that never reaches an accuracy is censored: its epoch is unknown, not large. If a run of a contrast is censored,
no mean is given. The sign test still counts which seed was earlier, because any epoch is earlier than none.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import bdtr

from digitcmp.report.contrasts.conditions import conditions
from digitcmp.report.contrasts.contrast import Contrast
from digitcmp.report.contrasts.rates import claimed_contrasts, rate_contrasts
from digitcmp.report.contrasts.samples import Samples, pair
from digitcmp.report.statistics import stats
from digitcmp.report.statistics.collapse import base_rate

GAIN = 0.9  # the share of its own gain that a run reaches at epochs_to_gain
CURVE = ("cell", "seed", "epoch", "train_acc", "val_acc", "test_acc")  # the columns of seed_curves.csv
EPOCHS = {"epochs_to_75": 0.75, "epochs_to_80": 0.80}  # outcomes: the test accuracy to reach
AT_TRAIN = {"test_at_train_85": 0.85, "test_at_train_90": 0.90}  # outcomes: the training accuracy to reach
OUTCOMES = (*EPOCHS, "epochs_to_gain", "area", "gap", *AT_TRAIN)
SHORTENED = ("max_steps", "max_time", "limit_train_batches", "overfit_batches", "found_batch_size")  # other epochs
NUMBERS = ("plus", "minus", "mean", "ci_low", "ci_high", "p", "p_holm", "p_sign", "lr")
COUNTS = ("n", "reached_plus", "reached_minus", "less", "more")
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
        `cell seed`, OUTCOMES and `batch_ms`, one row per run, with the index and order of `runs`. epochs_to_75 and
        epochs_to_80 are the first epoch with that test accuracy. epochs_to_gain is the first epoch at GAIN of the way
        from the share of the majority answer to the accuracy of the last epoch. `area` is the mean test accuracy over
        the epochs. `gap` is the training accuracy minus the test accuracy of the last epoch. test_at_train is the test
        accuracy of the first epoch with that training accuracy. An outcome is inf if it is not reached, nan if it is
        unknown. `batch_ms` is the wall time per batch in milliseconds, evaluation included.
    """
    ordered = curves.sort_values("epoch", kind="stable")
    by_run = {key: curve for key, curve in ordered.groupby(["cell", "seed"], sort=False)}
    # where epochs were left out, the first one at an accuracy is not known
    complete = {key for key, curve in by_run.items() if len(curve) == curve.epoch.max()}
    known = [(cell, seed) in complete for cell, seed in zip(runs.cell, runs.seed, strict=True)]
    runs = runs[known]
    rows = []
    for run, base in zip(runs.to_dict("records"), base_rate(runs), strict=True):
        curve = by_run[run["cell"], run["seed"]]
        epoch, train, test = (curve[key].to_numpy(float) for key in ("epoch", "train_acc", "test_acc"))
        row = {"cell": run["cell"], "seed": run["seed"]} | of_curve(epoch, train, test, base)
        rows.append(row | {"batch_ms": batch_time(run, int(epoch[-1]))})
    return pd.DataFrame(rows, columns=["cell", "seed", *OUTCOMES, "batch_ms"], index=runs.index)


def of_curve(
    epoch: Float[np.ndarray, " epoch"],
    train: Float[np.ndarray, " epoch"],
    test: Float[np.ndarray, " epoch"],
    base: float,
) -> dict[str, float]:
    """Return the OUTCOMES of a run.

    Args:
        epoch: The evaluated epochs, ascending.
        train: The training accuracy of each epoch, nan if it is not recorded.
        test: The test accuracy of each epoch.
        base: The share of the majority answer, nan if it is unknown.
    """
    row = {name: first(epoch, test >= level) for name, level in EPOCHS.items()}
    gain = test[-1] - base
    row["epochs_to_gain"] = first(epoch, test >= base + GAIN * gain - stats.ROUNDING) if gain > 0 else np.inf
    if np.isnan(base):
        row["epochs_to_gain"] = np.nan
    row |= {"area": float(test.mean()), "gap": float(train[-1] - test[-1])}
    for name, level in AT_TRAIN.items():
        row[name] = np.nan if np.isnan(train).all() else first(test, train >= level)
    return row


def first(values: Float[np.ndarray, " epoch"], reached: np.ndarray) -> float:
    """Return the value at the first epoch with `reached`, inf if there is none."""
    return float(values[reached.argmax()]) if reached.any() else np.inf


def batch_time(run: dict[str, Any], epochs: int) -> float:
    """Return the wall time per batch in milliseconds, nan if an epoch is not one pass over all pairs."""
    if any(run.get(key) is not None and run.get(key) == run.get(key) for key in SHORTENED):
        return np.nan
    return float(1000 * run["fit_seconds"] / (epochs * -(-run["train_pairs"] // run["batch_size"])))


def convergence(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing on each outcome, paired by seed.

    Args:
        runs: One row per finished run.
        curves: As in `outcomes`.

    Returns:
        COLUMNS, one row per outcome and contrast, and per common learning rate for networks with several. `plus` and
        `minus` are the means of the two sides, `mean` is that of their difference, with its 95 % t-interval. All are
        nan if a run is censored. test_at_train uses the seeds that reach it on both sides. `less` and `more` count the
        seeds with a smaller and a larger outcome in `plus`, and p_sign is the exact p of the sign test. p_holm is
        Holm's p inside the outcome and family. Contrasts that cannot be paired have no row.
    """
    measured = outcomes(runs, curves)
    table = pd.DataFrame(columns=list(COLUMNS))
    if measured.empty:
        return table
    runs = runs.loc[measured.index]
    frame = conditions(runs).set_axis(measured.index)
    rows = []
    sides = Sides(runs, frame, measured.batch_ms)
    named = [*claimed_contrasts(frame), *rate_contrasts(frame, Samples(frame))]
    for outcome in OUTCOMES:
        samples = Samples(frame.assign(test_acc=measured[outcome]))
        for contrast, effect, lr in named:
            try:
                paired = pair(contrast, samples)
            except ValueError:
                continue
            row: dict[str, Any] = {"outcome": outcome, "family": contrast.family, "effect": effect, "lr": lr or np.nan}
            rows.append(row | compare(outcome, paired.plus, paired.minus) | sides.of(contrast))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(NUMBERS, float))
    table = table.astype(dict.fromkeys(COUNTS, "Int64"))
    for _, family in table[table.p.notna()].groupby(["outcome", "family"]):
        table.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    return table


def compare(
    outcome: str, plus: Float[np.ndarray, " seed"], minus: Float[np.ndarray, " seed"]
) -> dict[str, float | int | None]:
    """Return the statistics of a row of `convergence` from an outcome of both sides, by seed."""
    reached = np.isfinite(plus) & np.isfinite(minus)
    row: dict[str, float | int | None] = {"n": len(plus)}
    row |= {"reached_plus": int(np.isfinite(plus).sum()), "reached_minus": int(np.isfinite(minus).sum())}
    if outcome in AT_TRAIN:
        plus, minus = plus[reached], minus[reached]
        row["n"] = len(plus)
    less, more = int((plus < minus).sum()), int((plus > minus).sum())
    row |= {"less": less, "more": more, "p_sign": sign_test(less, more)}
    if np.isfinite([plus, minus]).all() and len(plus) > 0:
        row |= {"plus": float(plus.mean()), "minus": float(minus.mean()), "mean": float((plus - minus).mean())}
        if len(plus) > 1:
            effect = stats.paired_effect(plus, minus)
            row |= {"ci_low": effect.low, "ci_high": effect.high, "p": effect.p}
    return row


def sign_test(less: int, more: int) -> float:
    """Return the exact two-sided p of the sign test. Seeds without a difference are not counted."""
    return min(1.0, 2 * float(bdtr(min(less, more), less + more, 0.5))) if less + more else 1.0


class Sides:
    """The number of parameters and the time per batch of each condition.

    Args:
        runs: One row per run.
        frame: Its rows of `conditions`, with the same index.
        batch_ms: The time per batch of each run, in milliseconds.
    """

    def __init__(self, runs: pd.DataFrame, frame: pd.DataFrame, batch_ms: pd.Series) -> None:
        self.params = Samples(frame.assign(test_acc=runs.params))
        self.times = Samples(frame.assign(test_acc=batch_ms.fillna(np.inf)))

    def of(self, contrast: Contrast) -> dict[str, float]:
        """Return the means of both sides of a contrast between two conditions."""
        row: dict[str, float] = {}
        for name, samples in (("params", self.params), ("batch_ms", self.times)):
            paired = pair(contrast, samples)
            row |= {f"{name}_plus": float(paired.plus.mean()), f"{name}_minus": float(paired.minus.mean())}
        return {key: value if np.isfinite(value) else np.nan for key, value in row.items()}
