"""Answers to the paper's claims from the CSV files of a report: what an experiment found, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from digitcmp.report.statistics import stats
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
    """Format a difference: +.079."""
    return f"{value:+.3f}".replace("0.", ".", 1)


def span(rows: pd.DataFrame) -> str:
    """Describe some effects: one with its interval, several by their smallest and largest mean, with n."""
    n = "/".join(str(int(n)) for n in sorted(rows.n.unique()))
    if len(rows) == 1:
        row = rows.iloc[0]
        return f"{number(row['mean'])} [{number(row.ci_low)}, {number(row.ci_high)}], n = {n}"
    return f"{number(rows['mean'].min())} to {number(rows['mean'].max())} in {len(rows)} comparisons, n = {n}"


def direction(rows: pd.DataFrame, sign: int = 1) -> str:
    """Return whether effects lie on one side of 0: 'holds', 'holds in part (2 of 4)' or 'does not hold'."""
    low, high = (rows.ci_low, rows.ci_high) if sign > 0 else (-rows.ci_high, -rows.ci_low)
    held = int((low > 0).sum())
    if held == len(rows):
        return "holds"
    if held:
        return f"holds in part ({held} of {len(rows)})"
    return "opposite" if (high < 0).any() else "does not hold"


def sized(*families: str) -> Callable[[Path], Answer]:
    """Answer a claim of a size by the verdicts of its effects."""

    def answer(report: Path) -> Answer:
        rows = effects(report, *families)
        rows = rows[rows.claim.notna()]
        verdicts = Counter(verdict.partition(" (")[0].partition(";")[0] for verdict in rows.verdict)
        words = ", ".join(f"{verdict} ({count} of {len(rows)})" for verdict, count in verdicts.most_common())
        return Answer(span(rows), words)

    return answer


def directed(families: Sequence[str], names: Sequence[str] = (), sign: int = 1) -> Callable[[Path], Answer]:
    """Answer a claim of a direction by the signs of its effects, of all or those with these names."""

    def answer(report: Path) -> Answer:
        rows = effects(report, *families)
        rows = rows[rows.effect.isin(names)] if names else rows
        return Answer(span(rows), direction(rows, sign))

    return answer


def small(*families: str) -> Callable[[Path], Answer]:
    """Answer the claim that some changes hardly matter: by the effects that are seen after Holm's correction."""

    def answer(report: Path) -> Answer:
        rows = effects(report, *families)
        seen = rows[rows.p_holm < stats.SIGNIFICANT]
        largest = rows.loc[rows["mean"].abs().idxmax()]
        text = f"{span(rows)}; {len(seen)} seen; the largest is {largest.effect}"
        return Answer(text, "holds" if seen.empty else f"holds in part ({len(rows) - len(seen)} of {len(rows)})")

    return answer


def faster(report: Path) -> Answer:
    """Answer whether sharing converges faster, at equal rates: to .80, and to 90 % of a network's own gain."""
    table = pd.read_csv(report / "convergence.csv")
    table = table[(table.family == "sharing") & table["mean"].notna()]
    parts, verdicts = [], []
    for outcome, name in (("epochs_to_80", "to .80"), ("epochs_to_gain", "to 90 % of its own gain")):
        rows = table[table.outcome == outcome]
        earlier = int((rows.ci_high < 0).sum())
        low, high = rows["mean"].min(), rows["mean"].max()
        parts.append(f"{name}: {low:+.1f} to {high:+.1f} epochs, earlier in {earlier} of {len(rows)}")
        verdicts.append(earlier / len(rows))
    verdict = "to a fixed accuracy in part, to its own gain hardly" if verdicts[0] > verdicts[1] else "in part"
    return Answer(f"{'; '.join(parts)} comparisons at equal rates, n = 10", verdict)


def specific(report: Path) -> Answer:
    """Answer whether learning rates are model-specific: by the rates that validation pairs select."""
    cells = pd.read_csv(report / "cells.csv")
    best = cells.loc[cells.groupby("label").val_acc_mean.idxmax()]
    rates = ", ".join(f"{row.label} {row.lr:g}" for row in best.sort_values("lr").itertuples())
    return Answer(f"selected on validation pairs: {rates}", "holds" if best.lr.nunique() > 1 else "does not hold")


def best_level(key: str, papers: float, steps: bool = False) -> Callable[[Path], Answer]:
    """Answer whether the paper's level of a numeric setting is the best on validation pairs, for each network."""

    def answer(report: Path) -> Answer:
        cells = pd.read_csv(report / "cells.csv")
        if "max_steps" in cells:
            cells = cells[cells.max_steps.isna() | (cells.max_steps == -1)]  # at equal epochs
        texts, same = [], 0
        for label, group in cells.groupby("label", sort=False):
            best, theirs = group.loc[group.val_acc_mean.idxmax()], group[group[key] == papers].iloc[0]
            gain = number(best.test_acc_mean - theirs.test_acc_mean)
            same += best[key] == papers
            cost = f", with {papers / best[key]:g} times the steps" if steps else ""
            texts.append(f"{label} {best[key]:g} ({gain} over {papers:g}{cost})")
        verdict = (
            "holds" if same == len(texts) else f"holds in part ({same} of {len(texts)})" if same else "does not hold"
        )
        return Answer("best on validation pairs, with its gain in test accuracy: " + "; ".join(texts), verdict)

    return answer


def paired(report: Path, plus: str, minus: str) -> stats.Effect:
    """Return the mean difference in test accuracy between two cells of a report, paired by seed.

    Args:
        report: The report's folder.
        plus: A query of pandas that selects the runs of the first cell.
        minus: That of the second.
    """
    runs = pd.read_csv(report / "runs.csv")
    first, second = (runs.query(query).set_index("seed").test_acc for query in (plus, minus))
    return stats.paired_effect(first.to_numpy(), second.loc[first.index].to_numpy())


def regularization(report: Path) -> Answer:
    """Answer whether the auxiliary loss regularizes: what other labels than the digits add to no auxiliary loss."""
    texts = []
    means: dict[str, list[stats.Effect]] = {}
    for labels in ("digits", "half", "parity", "shuffled"):
        where = "aux_labels.isna()" if labels == "digits" else f"aux_labels == '{labels}'"
        found = [
            paired(report, f"model == '{model}' and aux and {where}", f"model == '{model}' and not aux")
            for model in ("fcnn3", "ws1", "ws2", "ws3")
        ]
        means[labels] = found
        texts.append(f"{labels} {number(min(e.mean for e in found))} to {number(max(e.mean for e in found))}")
    helps = all(effect.low > 0 for effect in means["shuffled"])
    verdict = "holds" if helps else "does not hold: it is the information in the labels"
    return Answer(f"less no auxiliary loss, four networks, n = {means['digits'][0].n}: {', '.join(texts)}", verdict)


def padding(report: Path) -> Answer:
    """Answer whether padding or resolution raises what a convolutional branch adds to a dense one by over .01."""
    texts, changed = [], 0
    for name, flag in (("WS3 − WS2", "not aux"), ("AL4 − AL3", "aux")):
        found = []
        for size in ("(side.isna() or side == 14)", "side == 28"):
            for pixels in (0, 1):
                plus = f"model == 'ws3' and {flag} and {size} and padding == {pixels}"
                found.append(paired(report, plus, f"model == 'ws2' and {flag} and {size}"))
        first, *others = found
        changed += sum(other.mean - first.mean > MARGIN for other in others)
        low, high = number(min(other.mean for other in others)), number(max(other.mean for other in others))
        interval = f"[{number(first.low)}, {number(first.high)}]"
        texts.append(f"{name}: {number(first.mean)} {interval}, with padding, 28x28 or both {low} to {high}")
    verdict = f"holds in part ({changed} of 6)" if changed else "does not hold"
    return Answer(f"{'; '.join(texts)}, n = {first.n}", verdict)


def equal_parameters(report: Path) -> Answer:
    """Answer whether sharing helps at equal parameters."""
    rows = pd.read_csv(report / "equal_parameters.csv")
    return Answer(f"sharing at equal parameters: {span(rows)}", f"sharing helps at equal parameters: {direction(rows)}")


def other_tasks(report: Path) -> Answer:
    """Answer whether what the ingredients add depends on the task: by the differences between tasks."""
    rows = effects(report, "between tasks", "between questions", "between data sets")
    seen = int((rows.p_holm < stats.SIGNIFICANT).sum())
    listed = "; ".join(
        f"{row.effect} {number(row.mean)} [{number(row.ci_low)}, {number(row.ci_high)}]" for row in rows.itertuples()
    )
    return Answer(f"{listed}; n = {int(rows.n.min())}", "holds" if seen else "does not hold")
