"""Main effects and two-way interactions of a large design, each averaged over all other factors."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.report.contrasts.conditions import Condition, distinct, identity
from digitcmp.report.contrasts.contrast import Contrast, interactions, single_effects
from digitcmp.report.contrasts.factors import factors
from digitcmp.report.contrasts.samples import Samples
from digitcmp.report.formats import to_text
from digitcmp.report.loading.settings import default
from digitcmp.report.statistics import rule, stats

LARGE = 50  # with more effects, the report begins with averages
MAIN, TWO_WAY = "main effect", "two-way interaction"
COLUMNS = ("order", "effect", "contexts", "n", "mean", "ci_low", "ci_high", "p", "p_holm", "verdict")


def averages(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the main effect of each level of each factor, and the interaction of each pair of levels of two factors.

    A main effect is the mean difference between a level and the first, over all settings of the other factors at which
    both are finished. An interaction is the mean difference between two such differences. Means are over the settings,
    for each seed. The interval and p are over the seeds that all these settings have.

    Args:
        frame: Rows of `conditions`.

    Returns:
        COLUMNS. `order` is MAIN or TWO_WAY, `contexts` the number of settings, and `p_holm` Holm's p among the effects
        of the same order. An effect at a single setting is not an average and has no row.
    """
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    samples = Samples(frame)
    known: dict[tuple[str, ...], dict[int, float]] = {}
    groups: dict[tuple[str, str], list[dict[int, float]]] = {}
    for order, name, contrast in planned(frame):
        for side in (*contrast.plus, *contrast.minus):
            if identity(side) not in known:
                known[identity(side)] = accuracies(samples, side)
        plus, minus = ([known[identity(side)] for side in sides] for sides in (contrast.plus, contrast.minus))
        common = set.intersection(*({*side} for side in (*plus, *minus)))
        if common:
            rows = {seed: sum(side[seed] for side in plus) - sum(side[seed] for side in minus) for seed in common}
            groups.setdefault((order, name), []).append(rows)
    table = pd.DataFrame(measured(groups), columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(("mean", "ci_low", "ci_high", "p", "p_holm"), float))
    for _, family in table[table.p.notna()].groupby("order"):
        table.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    verdicts = [rule.verdict(row.mean, row.ci_low, row.ci_high, row.p_holm, np.nan) for row in table.itertuples()]
    return table.assign(verdict=verdicts)


def planned(frame: pd.DataFrame) -> Iterator[tuple[str, str, Contrast]]:
    """Yield the order, the name and each contrast that is part of an average, main effects first.

    Args:
        frame: Rows of `conditions`.
    """
    conditions = distinct(frame)
    varying = [factor for factor in factors(conditions) if frame[factor.column].nunique() > 1]
    for factor in varying:
        for contrast in single_effects(conditions, factor):
            yield MAIN, difference(factor.column, contrast.plus[0], contrast.minus[0]), contrast
    for first, second in itertools.combinations(varying, 2):
        if first.column == second.column:
            continue
        for contrast in interactions(conditions, first, second):
            high, low = contrast.plus
            names = [difference(factor.column, high, low) for factor in (first, second)]
            yield TWO_WAY, " × ".join(f"({name})" if " " in name else name for name in names), contrast


def difference(key: str, high: Condition, low: Condition) -> str:
    """Return the name of the difference between the levels of a setting in two conditions: 'batch_size 5 − 20'."""
    if key == "aux":
        return "AL"
    if key == "shared":
        return "sharing"
    if key == "model":
        return f"{paper.label(high[key], False)} − {paper.label(low[key], False)}"
    if high[key] == "true":
        return key
    levels = [side[key] or to_text(default(key, side["model"])) or "default" for side in (high, low)]
    return f"{key} {levels[0]} − {levels[1]}"


def accuracies(samples: Samples, condition: Condition) -> dict[int, float]:
    """Return the test accuracy of a condition by seed. Empty if its runs are missing or ambiguous."""
    try:
        sample = samples.of(condition)
    except ValueError:
        return {}
    return dict(zip(sample.seeds, sample.accuracy.tolist(), strict=True))


def measured(groups: dict[tuple[str, str], list[dict[int, float]]]) -> list[dict[str, object]]:
    """Return a row for each average over at least two settings with at least two seeds in common."""
    rows: list[dict[str, object]] = []
    for (order, name), contexts in groups.items():
        seeds: Sequence[int] = sorted(set.intersection(*({*context} for context in contexts)))
        if len(contexts) < 2 or len(seeds) < 2:
            continue
        means = pd.DataFrame(contexts)[list(seeds)].mean().to_numpy()
        effect = stats.paired_effect(means, 0 * means)
        row = {"order": order, "effect": name, "contexts": len(contexts), "n": len(seeds), "mean": effect.mean}
        rows.append(row | {"ci_low": effect.low, "ci_high": effect.high, "p": effect.p})
    return rows
