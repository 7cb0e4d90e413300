"""The effect of each factor on the test accuracy, paired by seed, beside the paper's claim.

Contrasts between conditions are planned, then measured, then corrected for their number: a table, one row each.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from digitcmp.report import stats
from digitcmp.report.conditions import conditions, distinct, identity
from digitcmp.report.contrasts import (
    BACKBONE_INTERACTION,
    BETWEEN,
    CLAIMS,
    INTERACTION,
    MEAN,
    ORDERS,
    Contrast,
    interactions,
    single_effects,
)
from digitcmp.report.data_sets import means_over_networks
from digitcmp.report.designs import designs, factorial_contrasts
from digitcmp.report.factors import Factor, factors
from digitcmp.report.samples import Samples, measure

FIRST = (*ORDERS, MEAN, BETWEEN, "auxiliary loss", "sharing", "branches")  # families at the head of the table
LAST = (INTERACTION, BACKBONE_INTERACTION)  # apart: the number of networks must not count against other factors
NUMBERS = ("n", "mean", "ci_low", "ci_high", "p", "p_holm", "claim", "published")
COLUMNS = ("family", "effect", "context", *NUMBERS, "verdict", "refused")


def effects(runs: pd.DataFrame, missing: Iterable[Path] = ()) -> pd.DataFrame:
    """Return one row per contrast between cells that are equal but for its factors and the learning rate.

    Args:
        runs: One row per finished run, like `run_table`, each once.
        missing: The folders of runs that are not finished.

    Returns:
        COLUMNS, and `contrast`, a Contrast. p_holm is Holm's p inside the family; `published` is the contrast between
        the paper's means. Where the grid is unpaired, incomplete or ambiguous, `refused` gives the reason and the
        numbers are nan. A contrast that no sweep planned has no row.
    """
    frame = conditions(runs, missing)
    return corrected(measured(planned(frame), Samples(frame)))


def planned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts that these runs plan.

    Args:
        frame: Rows of `conditions`.

    Returns:
        Columns `family effect context claim published contrast`, sorted by family, then by context, contrasts without
        the auxiliary loss first.
    """
    rows = []
    for contrast in contrasts(frame):
        row: dict[str, Any] = {"family": contrast.family, "effect": contrast.effect, "context": contrast.context}
        rows.append(row | {"claim": contrast.claim, "published": contrast.published, "contrast": contrast})
    contexts = {context: i for i, context in enumerate(dict.fromkeys(row["context"] for row in rows))}
    rows.sort(key=lambda row: (*family_place(row["family"]), contexts[row["context"]], always_aux(row["contrast"])))
    return pd.DataFrame(rows, columns=["family", "effect", "context", "claim", "published", "contrast"])


def contrasts(frame: pd.DataFrame) -> Iterator[Contrast]:
    """Yield every contrast that these runs (rows of `conditions`) plan."""
    planned = distinct(frame)
    factorials = list(designs(planned))
    for design in factorials:
        yield from factorial_contrasts(design)
    varying = [factor for factor in factors(planned) if frame[factor.column].nunique() > 1]
    for factor in varying:
        yield from single_effects(planned, factor)
    yield from single_effects(distinct(frame, with_lr=True), Factor("lr", "lr"))
    yield from means_over_networks(planned)
    cells = [({*design.varied}, {identity(cell) for cell in design.cells}) for design in factorials]
    for first, second in itertools.combinations(varying, 2):
        if first.column == second.column:
            continue
        in_every_context = {first.family, second.family} <= {*CLAIMS, "dataset"}
        averages = [conditions for varied, conditions in cells if {first.column, second.column} <= varied]
        for interaction in interactions(planned, first, second):
            averaged = any(identity(interaction.plus[0]) in conditions for conditions in averages)
            if in_every_context or not averaged:
                yield interaction


def family_place(family: str) -> tuple[int, int, str]:
    """Return the key by which families are sorted: FIRST, the others by name, LAST."""
    if family in FIRST:
        return 0, FIRST.index(family), family
    if family in LAST:
        return 2, LAST.index(family), family
    return 1, 0, family


def always_aux(contrast: Contrast) -> bool:
    """Return whether all conditions of a contrast have the auxiliary loss."""
    return all(side["aux"] for side in (*contrast.plus, *contrast.minus))


def measured(table: pd.DataFrame, samples: Samples) -> pd.DataFrame:
    """Add `n mean ci_low ci_high p` to planned contrasts, or nan and the reason in `refused`."""
    rows: list[dict[str, Any]] = []
    for contrast in table.contrast:
        try:
            effect = measure(contrast, samples)
        except ValueError as error:
            rows.append({"refused": str(error)})
        else:
            rows.append(dict(zip(("mean", "ci_low", "ci_high", "p", "n"), effect, strict=True)))
    numbers = pd.DataFrame(rows, columns=["n", "mean", "ci_low", "ci_high", "p", "refused"], index=table.index)
    return pd.concat([table, numbers], axis=1)


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Add Holm's p inside each family and the verdict to measured contrasts."""
    table = table.reindex(columns=[*COLUMNS, "contrast"]).astype(dict.fromkeys(NUMBERS, float))
    table["n"] = table.n.astype("Int64")
    for _, family in table[table.p.notna()].groupby("family"):
        table.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    verdicts: list[str | None] = []
    for row in table.itertuples():
        known = row.mean == row.mean
        verdicts.append(stats.verdict(row.mean, row.ci_low, row.ci_high, row.p_holm, row.claim) if known else None)
    table["verdict"] = verdicts
    return table


def differing(contexts: Iterable[str]) -> list[str]:
    """Return each context as a reader needs it: without the settings that all contexts have."""
    settings = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, settings)) if settings else set()
    return [", ".join(setting for setting in row if setting not in common) for row in settings]
