"""Answers to the paper's claims from the CSV files of a report: what an experiment found, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from digitcmp.report.contrasts.cell_grid import applied
from digitcmp.report.contrasts.planned import BETWEEN
from digitcmp.report.statistics.estimates import SIGNIFICANT, estimate
from digitcmp.report.statistics.rule import MARGIN


class Answer(NamedTuple):
    """An answer in numbers, and what it says of the claim."""

    text: str
    verdict: str


def effects(report: Path, *families: str) -> pd.DataFrame:
    """Return the measured effects of some families."""
    table = pd.read_csv(report / "effects.csv")
    return table[table.family.isin(families) & table.refused.isna() & table["mean"].notna()]


def number(value: float) -> str:
    """Format a difference: +.079. Halves are rounded away from zero."""
    rounded = Decimal(f"{value:.12g}").quantize(Decimal("0.001"), ROUND_HALF_UP)
    return f"{rounded + 0:+.3f}".replace("0.", ".", 1)  # + 0 makes -0 positive


def bounds(low: float, high: float) -> str:
    """Format an interval of differences: [+.073, +.085]."""
    return f"[{number(low)}, {number(high)}]"


def span(rows: pd.DataFrame) -> str:
    """Describe effects with columns `mean ci_low ci_high n`: one with its interval, several by what they span."""
    n = f"n = {'/'.join(str(int(n)) for n in sorted(rows.n.unique()))}"
    within = bounds(rows.ci_low.min(), rows.ci_high.max())
    if len(rows) == 1:
        return f"{number(rows['mean'].iloc[0])} {within}, {n}"
    low, high = number(rows["mean"].min()), number(rows["mean"].max())
    return f"{low} to {high} in {len(rows)} comparisons, intervals within {within}, {n}"


def direction(rows: pd.DataFrame) -> str:
    """Return whether intervals lie above 0: 'holds', 'holds in part (2 of 4)', 'does not hold', 'opposite'."""
    held = int((rows.ci_low > 0).sum())
    if held == len(rows):
        return "holds"
    if held:
        return f"holds in part ({held} of {len(rows)})"
    return "opposite" if (rows.ci_high < 0).any() else "does not hold"


def sized(*families: str) -> Callable[[Path], Answer]:
    """Answer a claim of a size by the verdicts of its effects."""

    def answer(report: Path) -> Answer:
        rows = effects(report, *families)
        rows = rows[rows.claim.notna()]
        verdicts = Counter(verdict.partition(" (")[0].partition(";")[0] for verdict in rows.verdict)
        words = ", ".join(f"{verdict} ({count} of {len(rows)})" for verdict, count in verdicts.most_common())
        return Answer(span(rows), words)

    return answer


def directed(families: Sequence[str], names: Sequence[str] = ()) -> Callable[[Path], Answer]:
    """Answer a claim of a direction by the signs of its effects, of all or those with these names."""

    def answer(report: Path) -> Answer:
        rows = effects(report, *families)
        rows = rows[rows.effect.isin(names)] if names else rows
        return Answer(span(rows), direction(rows))

    return answer


def small(*families: str) -> Callable[[Path], Answer]:
    """Answer the claim that some changes hardly matter: by the effects that are seen after Holm's correction."""

    def answer(report: Path) -> Answer:
        rows = effects(report, *families)
        seen = rows[rows.p_holm < SIGNIFICANT]
        largest = rows.loc[rows["mean"].abs().idxmax()]
        text = f"{span(rows)}; {len(seen)} seen; the largest is {largest.effect}"
        return Answer(text, "holds" if seen.empty else f"holds in part ({len(rows) - len(seen)} of {len(rows)})")

    return answer


def faster(report: Path) -> Answer:
    """Answer whether sharing converges faster, at equal rates: to .80, and to 90 % of a network's own gain."""
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
    n = "/".join(str(int(n)) for n in sorted(table.n.unique()))
    return Answer(f"at equal rates, {'; '.join(texts)}; n = {n}", "; ".join(verdicts))


def specific(report: Path) -> Answer:
    """Answer whether learning rates are model-specific: by the rates that validation pairs select."""
    cells = pd.read_csv(report / "cells.csv")
    best = cells.loc[cells.groupby("label").val_acc_mean.idxmax()]
    rates = ", ".join(f"{row.label} {row.lr:g}" for row in best.sort_values("lr").itertuples())
    text = f"selected on validation pairs: {rates}; n = {int(cells.n.min())}"
    return Answer(text, "holds" if best.lr.nunique() > 1 else "does not hold")


def best_level(key: str, papers: float, steps: bool = False) -> Callable[[Path], Answer]:
    """Answer whether the paper's level of a numeric setting is the best on validation pairs, for each network.

    Args:
        key: The setting.
        papers: The paper's level.
        steps: Whether to name the number of training steps that the best level takes.
    """

    def answer(report: Path) -> Answer:
        cells = pd.read_csv(report / "cells.csv")
        if "max_steps" in cells:
            cells = cells[cells.max_steps.isna() | (cells.max_steps == -1)]  # at equal epochs
        best = cells.loc[cells.groupby("label", sort=False).val_acc_mean.idxmax()]
        theirs = cells[cells[key] == papers].drop_duplicates("label").set_index("label").cell[best.label]
        pairs = [(f"cell == '{cell}'", f"cell == '{other}'") for cell, other in zip(best.cell, theirs, strict=True)]
        texts, same = [], int((best[key] == papers).sum())
        for label, level, gain in zip(best.label, best[key], paired(report, pairs).itertuples(), strict=True):
            if level == papers:
                texts.append(f"{label} {papers:g}")
                continue
            cost = f", with {papers / level:g} times the steps" if steps else ""
            over = f"{number(gain.mean)} {bounds(gain.ci_low, gain.ci_high)} over {papers:g}{cost}"
            texts.append(f"{label} {level:g} ({over})")
        verdict = f"holds in part ({same} of {len(texts)})" if same else "does not hold"
        text = f"best on validation pairs, with the gain in test accuracy: {'; '.join(texts)}; n = {int(cells.n.min())}"
        return Answer(text, "holds" if same == len(texts) else verdict)

    return answer


def paired(report: Path, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the mean difference in test accuracy between each two cells of a report, paired by seed.

    Args:
        report: The report's folder.
        pairs: For each contrast, a query of pandas that selects the runs of the first cell, and that of the second.

    Returns:
        Columns `n mean ci_low ci_high p`.

    Raises:
        ValueError: A query selects no cell or several, or two cells have different seeds.
    """
    runs = pd.read_csv(report / "runs.csv")
    y = runs.pivot(index="cell", columns="seed", values="test_acc")
    weights = np.zeros((len(pairs), len(y)))
    for row, pair in zip(weights, pairs, strict=True):
        for query, weight in zip(pair, (1, -1), strict=True):
            selected = runs.query(query).cell.unique()
            if len(selected) != 1:
                raise ValueError(f"{len(selected)} cells are {query}; one is expected")
            row[y.index.get_loc(selected[0])] += weight
    finished = y.notna().to_numpy()
    if any((finished[row != 0].any(axis=0) & ~finished[row != 0].all(axis=0)).any() for row in weights):
        raise ValueError("two of the cells have different seeds")
    return estimate(applied(csr_array(weights), y.to_numpy()))


def regularization(report: Path) -> Answer:
    """Answer whether the auxiliary loss regularizes: what other labels than the digits add to no auxiliary loss."""
    networks, found = ("fcnn3", "ws1", "ws2", "ws3"), {}
    for labels in ("digits", "half", "parity", "shuffled"):
        where = "aux_labels.isna()" if labels == "digits" else f"aux_labels == '{labels}'"
        pairs = [(f"model == '{model}' and aux and {where}", f"model == '{model}' and not aux") for model in networks]
        found[labels] = paired(report, pairs)
    texts = [
        f"{labels} {number(rows['mean'].min())} to {number(rows['mean'].max())} within "
        + bounds(rows.ci_low.min(), rows.ci_high.max())
        for labels, rows in found.items()
    ]
    verdict = direction(found["shuffled"])
    if verdict != "holds" and direction(found["digits"]) == "holds":
        verdict = "does not hold: shuffled labels cost accuracy"
    n = int(found["digits"].n.min())
    return Answer(f"less no auxiliary loss, four networks, n = {n}: {', '.join(texts)}", verdict)


def padding(report: Path) -> Answer:
    """Answer whether padding or resolution raises what a convolutional branch adds to a dense one by over .01."""
    texts, changed = [], 0
    for name, flag in (("WS3 − WS2", "not aux"), ("AL4 − AL3", "aux")):
        pairs = []
        for size in ("(side.isna() or side == 14)", "side == 28"):
            minus = f"model == 'ws2' and {flag} and {size}"
            pairs += [(f"model == 'ws3' and {flag} and {size} and padding == {pixels}", minus) for pixels in (0, 1)]
        rows = paired(report, pairs)
        first, others = rows.iloc[0], rows["mean"][1:]
        changed += int((others - first["mean"] > MARGIN).sum())
        texts.append(
            f"{name}: {number(first['mean'])} {bounds(first.ci_low, first.ci_high)}, with padding, 28x28 or both "
            f"{number(others.min())} to {number(others.max())}"
        )
    verdict = f"holds in part ({changed} of 6)" if changed else "does not hold"
    return Answer(f"{'; '.join(texts)}, n = {int(first.n)}", verdict)


def equal_parameters(report: Path) -> Answer:
    """Answer whether sharing helps at equal parameters."""
    rows = pd.read_csv(report / "equal_parameters.csv")
    return Answer(f"sharing at equal parameters: {span(rows)}", f"sharing helps at equal parameters: {direction(rows)}")


def other_tasks(report: Path) -> Answer:
    """Answer whether what the ingredients add depends on the task: by the differences between tasks."""
    rows = effects(report, BETWEEN)
    seen = int((rows.p_holm < SIGNIFICANT).sum())
    listed = "; ".join(
        f"{row.effect} {number(row.mean)} {bounds(row.ci_low, row.ci_high)}" for row in rows.itertuples()
    )
    return Answer(f"{listed}; n = {int(rows.n.min())}", "holds" if seen else "does not hold")
