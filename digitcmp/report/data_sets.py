"""The effects of the auxiliary loss and sharing on each data set, and their means over networks."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from digitcmp.report.conditions import Condition
from digitcmp.report.contrasts import BETWEEN, CLAIMS, MEAN, Contrast, single_effects
from digitcmp.report.factors import Factor, factors, levels
from digitcmp.report.settings import default


def means_over_networks(planned: Sequence[Condition]) -> Iterator[Contrast]:
    """Yield the mean effects of the auxiliary loss and sharing on each data set, and the differences from the first.

    A mean is over the networks that are planned on all data sets.
    """
    if "dataset" not in planned[0]:
        return
    networks = [key for key in ("model", "aux", "shared") if key in planned[0]]
    order = levels(Factor("dataset", "dataset"), planned)
    for family in CLAIMS:
        for by_pair in effects_by_pair(planned, family, networks):
            count = Counter(itertools.chain(*by_pair.values()))
            several = [level for level in order if count[level] > 1]
            pairs = [by_level for by_level in by_pair.values() if by_level.keys() >= {*several}]
            if len(several) < 2 or len(pairs) < 2:  # the mean of a single network is its effect
                continue
            plus = {level: [by_level[level].plus[0] for by_level in pairs] for level in several}
            minus = {level: [by_level[level].minus[0] for by_level in pairs] for level in several}
            first, *others = several
            for level in several:
                yield Contrast(MEAN, networks, plus[level], minus[level], len(pairs), family)
            for other in others:
                name = f"{family}: {other} − {first or default('dataset', '')}"
                more, less = plus[other] + minus[first], minus[other] + plus[first]
                yield Contrast(BETWEEN, [*networks, "dataset"], more, less, len(pairs), name)


def effects_by_pair(
    planned: Sequence[Condition], family: str, networks: Sequence[str]
) -> list[dict[tuple[str, ...], dict[str, Contrast]]]:
    """Return the effects of a family for each set of the other settings, by pair of networks and data set."""
    found: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, Contrast]]] = {}
    for factor in factors(planned):
        if factor.family != family:
            continue
        for contrast in single_effects(planned, factor):
            on, off = contrast.plus[0], contrast.minus[0]
            others = tuple(level for key, level in on.items() if key not in (*networks, "dataset"))
            pair = tuple(side[key] for side in (on, off) for key in networks)
            found.setdefault(others, {}).setdefault(pair, {})[on["dataset"]] = contrast
    return list(found.values())


def by_dataset(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing on each data set, and the differences from the first.

    Args:
        table: Rows of `effects`.

    Returns:
        `factor effect settings dataset less n mean ci_low ci_high p_holm`, one row per data set and pair of networks,
        or mean of several. `less` is '', or the first data set if the row is the difference from it. p_holm is Holm's
        p inside the family of that contrast. Empty if there is one data set.
    """
    table = table[table.refused.isna()]
    known = {row.contrast.key: row for row in table.itertuples()}
    ours = table[table.family.isin([*CLAIMS, MEAN]) & table.contrast.map(lambda it: "dataset" in it.plus[0])]
    datasets = sorted({contrast.plus[0]["dataset"] for contrast in ours.contrast}, key=lambda name: (bool(name), name))
    rows = []
    for row in ours.itertuples():
        contrast = row.contrast
        shared = {"factor": row.family, "effect": row.effect, "settings": contrast.context_without("dataset")}
        if row.family == MEAN:
            shared |= {"factor": row.effect, "effect": f"mean of {len(contrast.plus)}"}
        dataset = {"dataset": contrast.plus[0]["dataset"] or default("dataset", "")}
        rows.append(shared | dataset | {"less": ""} | statistics(row))
        for first in datasets:  # the first that it is compared with
            if more := known.get(difference(contrast, first).key):
                rows.append(shared | dataset | {"less": first or default("dataset", "")} | statistics(more))
                break
    return pd.DataFrame(rows) if len({row["dataset"] for row in rows}) > 1 else pd.DataFrame()


def difference(contrast: Contrast, dataset: str) -> Contrast:
    """Return how much larger a contrast is than the same on another data set."""
    plus = [side | {"dataset": dataset} for side in contrast.plus]
    minus = [side | {"dataset": dataset} for side in contrast.minus]
    return contrast._replace(plus=[*contrast.plus, *minus], minus=[*contrast.minus, *plus])


def statistics(row: Any) -> dict[str, Any]:
    """Return the numbers of a row of `effects` that `by_dataset` has."""
    return {name: getattr(row, name) for name in ("n", "mean", "ci_low", "ci_high", "p_holm")}
