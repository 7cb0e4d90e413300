"""The effects of the auxiliary loss and sharing at equal learning rates of both networks.

If a network was trained at several rates, an effect could compare two different rates and is ambiguous. At each rate
that both networks have, it is not.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from digitcmp.report.contrasts.conditions import distinct
from digitcmp.report.contrasts.contrast import CLAIMS, Contrast, single_effects
from digitcmp.report.contrasts.effects import differing
from digitcmp.report.contrasts.factors import factors
from digitcmp.report.contrasts.samples import Samples, measure
from digitcmp.report.statistics import stats

COLUMNS = ("family", "effect", "lr", "n", "mean", "ci_low", "ci_high", "p", "p_holm", "refused")


class Named(NamedTuple):
    """A contrast, its name, unique in its family, and its learning rate, '' if that is not equal on both sides."""

    contrast: Contrast
    effect: str
    lr: str = ""


def equal_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing at each learning rate that both networks have.

    Args:
        frame: Rows of `conditions`.

    Returns:
        COLUMNS, one row per effect and rate, by ascending rate. p_holm is Holm's p inside the family, over all effects
        and rates. If runs are missing, `refused` is the reason and the numbers are nan. Empty unless a network was
        trained at several rates.
    """
    samples = Samples(frame)
    rows: list[dict[str, Any]] = []
    for contrast, effect, lr in rate_contrasts(frame, samples):
        row: dict[str, Any] = {"family": contrast.family, "effect": effect, "lr": float(lr)}
        try:
            result = measure(contrast, samples)
            row |= dict(zip(("mean", "ci_low", "ci_high", "p", "n"), result, strict=True))
        except ValueError as error:
            row |= {"refused": str(error)}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(("lr", "mean", "ci_low", "ci_high", "p", "p_holm"), float) | {"n": "Int64"})
    for _, family in table[table.p.notna()].groupby("family"):
        table.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    return table


def claimed_contrasts(frame: pd.DataFrame) -> Iterator[Named]:
    """Yield the contrasts of the auxiliary loss and sharing, whatever their learning rates.

    Args:
        frame: Rows of `conditions`.
    """
    planned = distinct(frame)
    for family in CLAIMS:
        found = []
        for factor in factors(planned):
            if factor.family == family:
                found += list(single_effects(planned, factor))
        for contrast, context in zip(found, differing(contrast.context for contrast in found), strict=True):
            yield Named(contrast, f"{contrast.effect} {context}".strip())


def rate_contrasts(frame: pd.DataFrame, samples: Samples) -> Iterator[Named]:
    """Yield the contrasts of the auxiliary loss and sharing at each learning rate that both conditions have."""
    for contrast, effect, _ in claimed_contrasts(frame):
        [plus], [minus] = contrast.plus, contrast.minus
        rates = samples.rates(plus), samples.rates(minus)
        if len(rates[0] | rates[1]) < 2 or max(map(len, rates)) < 2:
            continue
        for lr in sorted(rates[0] & rates[1], key=float):
            at_rate = contrast._replace(plus=[plus | {"lr": lr}], minus=[minus | {"lr": lr}])
            yield Named(at_rate, effect, lr)
