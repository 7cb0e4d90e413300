"""The evidence on the paper's claims, from the CSV files of a report: what an experiment found, in one line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from digitcmp.report.contrasts.planned import BETWEEN
from digitcmp.report.estimates import SIGNIFICANT, estimate
from digitcmp.report.formats import verdict_words
from digitcmp.report.rule import MARGIN


class Evidence(NamedTuple):
    """The numbers of an experiment, and what they say of a claim."""

    numbers: str
    verdict: str


def effects(report: Path, *families: str) -> pd.DataFrame:
    """Return the measured effects of some families."""
    table = pd.read_csv(report / "effects.csv")
    return table[table.family.isin(families) & table.refused.isna() & table["mean"].notna()]


def number(value: float) -> str:
    """Format a difference: +.079. Halves are rounded away from zero."""
    rounded = Decimal(f"{value:.12g}").quantize(Decimal("0.001"), ROUND_HALF_UP)
    return f"{rounded + 0:+.3f}".replace("0.", ".", 1)  # + 0 makes -0 positive


def effect(row: Any) -> str:
    """Format an effect with its interval: +.079 [+.073, +.085]."""
    return f"{number(row['mean'])} [{number(row['ci_low'])}, {number(row['ci_high'])}]"


def extent(rows: pd.DataFrame) -> tuple[str, str]:
    """Return the range of some effects, +.050 to +.100, and that of their intervals, [+.040, +.110]."""
    ends = rows["mean"].min(), rows["mean"].max(), rows.ci_low.min(), rows.ci_high.max()
    return "{} to {}".format(*map(number, ends[:2])), "[{}, {}]".format(*map(number, ends[2:]))


def counted(rows: pd.DataFrame) -> str:
    """Return the numbers of seeds of some rows: n = 9/10. Raise LookupError if there are no rows."""
    if rows.empty:
        raise LookupError("no cell or effect is finished")
    return f"n = {'/'.join(str(int(n)) for n in sorted(rows.n.unique()))}"


def span(rows: pd.DataFrame) -> str:
    """Describe effects with columns `mean ci_low ci_high n`: one with its interval, several by what they span."""
    n = counted(rows)
    if len(rows) == 1:
        return f"{effect(rows.iloc[0])}, {n}"
    means, within = extent(rows)
    return f"{means} in {len(rows)} comparisons, intervals within {within}, {n}"


def holds(count: int, total: int) -> str:
    """Return a verdict from the number of cases that agree with a claim: 'holds in part (2 of 4)'."""
    if count and count == total:
        return "holds"
    return f"holds in part ({count} of {total})" if count else "does not hold"


def direction(rows: pd.DataFrame) -> str:
    """Return whether intervals lie above 0: 'holds', 'holds in part (2 of 4)', 'does not hold', 'opposite'."""
    above = int((rows.ci_low > 0).sum())
    return "opposite" if not above and (rows.ci_high < 0).any() else holds(above, len(rows))


def of_report(judge: Callable[..., Evidence]) -> Callable[..., Callable[[Path], Evidence]]:
    """Turn `judge(report, ...)` into a function of its other arguments that returns a function of the report."""
    return lambda *given, **options: lambda report: judge(report, *given, **options)


@of_report
def sized(report: Path, *families: str) -> Evidence:
    """Judge a claim of a size by the verdicts of its effects."""
    rows = effects(report, *families)
    rows = rows[rows.claim.notna()]
    counts = rows.verdict.map(verdict_words).value_counts()
    return Evidence(span(rows), ", ".join(f"{words} ({n} of {len(rows)})" for words, n in counts.items()))


@of_report
def directed(report: Path, families: Sequence[str], names: Sequence[str] = ()) -> Evidence:
    """Judge a claim of a direction by the signs of its effects, of all or those with these names."""
    rows = effects(report, *families)
    rows = rows[rows.effect.isin(names)] if names else rows
    return Evidence(span(rows), direction(rows))


@of_report
def small(report: Path, *families: str) -> Evidence:
    """Judge the claim that some changes hardly matter: by the effects that are seen after Holm's correction."""
    rows = effects(report, *families)
    seen = int((rows.p_holm < SIGNIFICANT).sum())
    largest = rows.loc[rows["mean"].abs().idxmax()]
    text = f"{span(rows)}; {seen} seen; the largest is {largest.effect}"
    return Evidence(text, holds(len(rows) - seen, len(rows)))


def faster(report: Path) -> Evidence:
    """Judge whether sharing converges faster, at equal rates: to .80, and to 90 % of a network's own gain."""
    table = pd.read_csv(report / "convergence.csv")
    names = {"epochs_to_80": "to .80", "epochs_to_gain": "to 90 % of its own gain"}
    table = table[(table.family == "sharing") & table.lr.notna() & table.outcome.isin(names)]
    texts, verdicts = [], []
    for outcome, name in names.items():
        rows = table[table.outcome == outcome]
        known = rows[rows["mean"].notna()]
        censored = f" ({len(rows) - len(known)} more censored)" if len(known) < len(rows) else ""
        earlier = f"earlier in {int((known.ci_high < 0).sum())} of {len(known)} comparisons{censored}"
        texts.append(f"{name}: {known['mean'].min():+.1f} to {known['mean'].max():+.1f} epochs, {earlier}")
        faster = known.assign(ci_low=-known.ci_high, ci_high=-known.ci_low)  # fewer epochs are faster
        verdicts.append(f"{name}: {direction(faster)}")
    return Evidence(f"at equal rates, {'; '.join(texts)}; {counted(table)}", "; ".join(verdicts))


def specific(report: Path) -> Evidence:
    """Judge whether learning rates are model-specific: by the rates that validation pairs select."""
    cells = pd.read_csv(report / "cells.csv")
    best = cells.loc[cells.groupby("label").val_acc_mean.idxmax()]
    rates = ", ".join(f"{row.label} {row.lr:g}" for row in best.sort_values("lr").itertuples())
    text = f"selected on validation pairs: {rates}; {counted(cells)}"
    return Evidence(text, "holds" if best.lr.nunique() > 1 else "does not hold")


@of_report
def best_level(report: Path, key: str, papers: float, steps: bool = False) -> Evidence:
    """Judge whether the paper's level of a numeric setting is the best on validation pairs, for each network.

    With `steps`, name the number of training steps that the best level takes.
    """
    cells = pd.read_csv(report / "cells.csv")
    if "max_steps" in cells:
        cells = cells[cells.max_steps.isna() | (cells.max_steps == -1)]  # at equal epochs
    best = cells.loc[cells.groupby("label", sort=False).val_acc_mean.idxmax()]
    theirs = cells[cells[key] == papers].drop_duplicates("label").set_index("label").cell[best.label]
    pairs = [(f"cell == '{cell}'", f"cell == '{other}'") for cell, other in zip(best.cell, theirs, strict=True)]
    texts = []
    for label, level, row in zip(best.label, best[key], gains(report, pairs).to_dict("records"), strict=True):
        cost = f", with {papers / level:g} times the steps" if steps else ""
        gain = f" ({effect(row)} over {papers:g}{cost})" if level != papers else ""
        texts.append(f"{label} {level:g}{gain}")
    text = f"best on validation pairs, with the gain in test accuracy: {'; '.join(texts)}; {counted(cells)}"
    return Evidence(text, holds(int((best[key] == papers).sum()), len(best)))


def gains(report: Path, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the mean difference in test accuracy between each two cells of a report, paired by seed.

    A cell is given by a query of pandas that selects its runs.

    Returns:
        Columns `n mean ci_low ci_high p`.

    Raises:
        ValueError: A query selects no cell or several, or two cells have different seeds.
    """
    runs = pd.read_csv(report / "runs.csv")
    y = runs.pivot(index="cell", columns="seed", values="test_acc")
    cells = []
    for query in itertools.chain(*pairs):
        [cell] = runs.query(query).cell.unique()
        cells.append(cell)
    plus, minus = y.loc[cells[::2]].to_numpy(), y.loc[cells[1::2]].to_numpy()
    if (np.isnan(plus) != np.isnan(minus)).any():
        raise ValueError("two of the cells have different seeds")
    return estimate(plus - minus)


def regularization(report: Path) -> Evidence:
    """Judge whether the auxiliary loss regularizes: what other labels than the digits add to no auxiliary loss."""
    gain_of = {}
    for labels in ("digits", "half", "parity", "shuffled"):
        where = "aux_labels.isna()" if labels == "digits" else f"aux_labels == '{labels}'"
        networks = [f"model == '{model}'" for model in ("fcnn3", "ws1", "ws2", "ws3")]
        gain_of[labels] = gains(report, [(f"{one} and aux and {where}", f"{one} and not aux") for one in networks])
    texts = [f"{labels} {' within '.join(extent(rows))}" for labels, rows in gain_of.items()]
    verdict = direction(gain_of["shuffled"])
    if verdict != "holds" and direction(gain_of["digits"]) == "holds":
        verdict = "does not hold: shuffled labels cost accuracy"
    text = f"less no auxiliary loss, four networks, {counted(gain_of['digits'])}: {', '.join(texts)}"
    return Evidence(text, verdict)


def padding(report: Path) -> Evidence:
    """Judge whether padding or resolution raises what a convolutional branch adds to a dense one by over .01."""
    texts, changed = [], 0
    for name, flag in (("WS3 − WS2", "not aux"), ("AL4 − AL3", "aux")):
        pairs = []
        for size in ("(side.isna() or side == 14)", "side == 28"):
            minus = f"model == 'ws2' and {flag} and {size}"
            pairs += [(f"model == 'ws3' and {flag} and {size} and padding == {pixels}", minus) for pixels in (0, 1)]
        rows = gains(report, pairs)
        changed += int((rows["mean"] - rows["mean"][0] > MARGIN).sum())
        texts.append(f"{name}: {effect(rows.iloc[0])}, with padding, 28x28 or both {extent(rows[1:])[0]}")
    return Evidence(f"{'; '.join(texts)}, {counted(rows)}", holds(changed, 6))


def equal_parameters(report: Path) -> Evidence:
    """Judge whether sharing helps at equal parameters."""
    rows = pd.read_csv(report / "equal_parameters.csv")
    numbers = f"sharing at equal parameters: {span(rows)}"
    return Evidence(numbers, f"sharing helps at equal parameters: {direction(rows)}")


def other_tasks(report: Path) -> Evidence:
    """Judge whether what the ingredients add depends on the task: by the differences between tasks."""
    rows = effects(report, BETWEEN)
    listed = "; ".join(f"{row['effect']} {effect(row)}" for row in rows.to_dict("records"))
    return Evidence(f"{listed}; {counted(rows)}", "holds" if (rows.p_holm < SIGNIFICANT).any() else "does not hold")
