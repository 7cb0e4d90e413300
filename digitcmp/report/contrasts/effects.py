"""The effect of each factor on the test accuracy, paired by seed, with the paper's claim.

Contrasts are planned, then measured, then corrected for their number. The result is a table with one row each.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from digitcmp.report.contrasts.conditions import conditions, distinct, identity
from digitcmp.report.contrasts.contrast import (
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
from digitcmp.report.contrasts.data_sets import means_over_networks
from digitcmp.report.contrasts.designs import designs, factorial_contrasts
from digitcmp.report.contrasts.factors import NO_FACTOR, QUESTION, Factor, factors
from digitcmp.report.contrasts.matched import MATCHED_INTERACTION, matched_contrasts
from digitcmp.report.contrasts.samples import Paired, Samples, pair
from digitcmp.report.statistics import robust, rule, stats

FIRST = (*ORDERS, MEAN, BETWEEN, "auxiliary loss", "sharing", "branches")  # families at the head of the table
# families of their own, so that the number of networks does not enlarge the p of other factors
LAST = (INTERACTION, BACKBONE_INTERACTION, MATCHED_INTERACTION)
NUMBERS = ("n", "mean", "ci_low", "ci_high", "p", "p_holm", "claim", "published")
TRIMMED = ("trimmed", "trimmed_low", "trimmed_high")
ROBUST = ("p_flip", *TRIMMED, "loo_low", "loo_high")  # the robust statistics
COLUMNS = (
    *("family", "effect", "context", *NUMBERS, "verdict", "refused", "q", *ROBUST, "fragile"),
    *("errors_removed", "published_low", "published_high"),
)


def effects(runs: pd.DataFrame, missing: Iterable[Path] = ()) -> pd.DataFrame:
    """Return one row per contrast between cells that are equal except for its factors and the learning rate.

    Args:
        runs: One row per finished run, like `run_table`, without duplicates.
        missing: The folders of runs that are not finished.

    Returns:
        COLUMNS and `contrast`, a Contrast. p_holm is Holm's p inside the family, q that of Benjamini and Hochberg over
        all rows. `published` is the contrast between the paper's means, with its interval. p_flip is the p of the
        paired permutation test, `trimmed` the 20 % trimmed mean with its interval. loo_low and loo_high are the
        smallest and the largest mean if one seed is left out, and `fragile` lists the seeds without which the verdict
        changes. errors_removed is the share of the errors of `minus` that `plus` does not make. If the runs are
        unpaired, incomplete or ambiguous, `refused` is the reason and the numbers are nan. A contrast that no sweep
        planned has no row.
    """
    frame = conditions(runs, missing)
    return corrected(measured(planned(frame), Samples(frame)))


def planned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts that these runs plan.

    Args:
        frame: Rows of `conditions`.

    Returns:
        Columns `family effect context claim published contrast`, sorted by family and context. Contrasts without the
        auxiliary loss are first.
    """
    rows = []
    for contrast in contrasts(frame):
        row: dict[str, Any] = {"family": contrast.family, "effect": contrast.effect, "context": contrast.context}
        rows.append(row | {"claim": contrast.claim, "published": contrast.published, "contrast": contrast})
    contexts = {context: i for i, context in enumerate(dict.fromkeys(row["context"] for row in rows))}
    rows.sort(key=lambda row: (*family_place(row["family"]), contexts[row["context"]], always_aux(row["contrast"])))
    return pd.DataFrame(rows, columns=["family", "effect", "context", "claim", "published", "contrast"])


def contrasts(frame: pd.DataFrame) -> Iterator[Contrast]:
    """Yield each contrast that the runs of a frame of `conditions` plan."""
    planned = distinct(frame)
    factorials = list(designs(planned))
    for design in factorials:
        yield from factorial_contrasts(design)
    varying = [factor for factor in factors(planned) if frame[factor.column].nunique() > 1]
    single = [contrast for factor in varying for contrast in single_effects(planned, factor)]
    yield from single
    yield from single_effects(distinct(frame, with_lr=True), Factor("lr", "lr"))
    yield from means_over_networks(planned)
    cells = [({*design.varied}, {identity(cell) for cell in design.cells}) for design in factorials]
    known = {contrast.key for contrast in single}
    yield from (contrast for contrast in matched_contrasts(planned) if contrast.key not in known)
    questions = [Factor(key, key) for key in NO_FACTOR if key in frame and frame[key].nunique() > 1]
    for first, second in itertools.combinations([*varying, *questions], 2):
        if first.column == second.column or {first.column, second.column} <= {*QUESTION}:
            continue
        in_every_context = {first.family, second.family} <= {*CLAIMS, *QUESTION}
        averages = [conditions for varied, conditions in cells if {first.column, second.column} <= varied]
        for interaction in interactions(planned, first, second):
            averaged = any(identity(interaction.plus[0]) in conditions for conditions in averages)
            if in_every_context or not averaged:
                yield interaction


def family_place(family: str) -> tuple[int, int, str]:
    """Return the sort key of a family: FIRST, then the others by name, then LAST."""
    if family in FIRST:
        return 0, FIRST.index(family), family
    if family in LAST:
        return 2, LAST.index(family), family
    return 1, 0, family


def always_aux(contrast: Contrast) -> bool:
    """Return True if all conditions of a contrast have the auxiliary loss."""
    return all(side["aux"] for side in (*contrast.plus, *contrast.minus))


def measured(table: pd.DataFrame, samples: Samples) -> pd.DataFrame:
    """Add the uncorrected statistics of planned contrasts.

    Returns:
        The table with more columns, among them `paired`, a Paired. If a contrast cannot be measured, they are nan and
        `refused` is the reason.
    """
    rows: list[dict[str, Any]] = []
    for contrast in table.contrast:
        try:
            paired = pair(contrast, samples)
            rows.append(statistics(paired) | {"errors_removed": errors_removed(contrast, paired), "paired": paired})
        except ValueError as error:
            rows.append({"refused": str(error)})
    columns = ["n", "mean", "ci_low", "ci_high", "p", "refused", *ROBUST, "errors_removed", "paired"]
    return pd.concat([table, pd.DataFrame(rows, columns=columns, index=table.index)], axis=1)


def statistics(paired: Paired) -> dict[str, Any]:
    """Return the t-interval, its p and the statistics in ROBUST of paired accuracies.

    Raises:
        ValueError: There are fewer than two seeds.
    """
    row: dict[str, Any] = stats.paired_effect(paired.plus, paired.minus)._asdict()
    row["ci_low"], row["ci_high"] = row.pop("low"), row.pop("high")
    difference = paired.plus - paired.minus
    row["p_flip"] = robust.sign_flip_p(difference) if row["p"] == row["p"] else None
    row |= dict(zip(TRIMMED, robust.trimmed_mean(difference), strict=True))
    if len(difference) > 2:
        means = robust.leave_one_out(difference).mean
        row |= {"loo_low": means.min(), "loo_high": means.max()}
    return row


def errors_removed(contrast: Contrast, paired: Paired) -> float | None:
    """Return the share of the errors of `minus` that `plus` does not make, from the means over seeds.

    Returns:
        A share, negative if errors are added. None for an interaction, because its sides are not means over conditions.
    """
    if {len(contrast.plus), len(contrast.minus)} != {contrast.scale}:
        return None
    plus, minus = 1 - paired.plus.mean(), 1 - paired.minus.mean()
    return float((minus - plus) / minus) if minus > 0 else None


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Add the statistics that are corrected for the number of contrasts, and the verdicts."""
    paired = table.paired
    table = table.reindex(columns=[*COLUMNS, "contrast"])
    table = table.astype(dict.fromkeys([*NUMBERS, *ROBUST, "q", "errors_removed"], float))
    table = table.astype({"n": "Int64"})
    tested = table[table.p.notna()]
    table.loc[tested.index, "q"] = stats.benjamini_hochberg(tested.p.to_numpy())
    places: dict[Any, tuple[Any, int]] = {}  # by row: the p-values of its family, and the place of its own
    for _, family in tested.groupby("family"):
        values = family.p.to_numpy()
        table.loc[family.index, "p_holm"] = stats.holm(values)
        places |= {index: (values, i) for i, index in enumerate(family.index)}
    intervals = [contrast.published_interval for contrast in table.contrast]
    table["published_low"], table["published_high"] = zip(*intervals, strict=True) if intervals else ([], [])
    judged: list[tuple[str | None, str | None]] = []
    for row in table.itertuples():
        known = row.mean == row.mean
        judged.append(judge(row, paired[row.Index], *places.get(row.Index, (None, 0))) if known else (None, None))
    table["verdict"], table["fragile"] = zip(*judged, strict=True) if judged else ([], [])
    return table


def judge(row: Any, paired: Paired, family: Any, place: int) -> tuple[str, str | None]:
    """Return the verdict on a row of `corrected`, and the seeds without which it changes.

    Args:
        row: The row, without these two columns.
        paired: The accuracies by seed.
        family: The p-values of the family, None if the row has no p.
        place: The place of the row's p in `family`.
    """
    first = rule.verdict(row.mean, row.ci_low, row.ci_high, row.p_holm, row.claim)
    other = rule.robust_verdict(
        first, (row.ci_low, row.ci_high), (row.trimmed, row.trimmed_low, row.trimmed_high), row.claim
    )
    without = []
    if row.n >= stats.FEW and family is not None:
        left = robust.leave_one_out(paired.plus - paired.minus)
        p_holm = stats.holm_with(family, place, left.p)
        for i, seed in enumerate(paired.seeds):
            second = rule.verdict(left.mean[i], left.low[i], left.high[i], p_holm[i], row.claim)
            if second != first:
                without.append((seed, second))
    words = rule.in_words(first, row.mean, other, without)
    if row.contrast.another_recipe:
        words = f"another recipe: {words}"
    return words, " ".join(str(seed) for seed, _ in without) or None


def differing(contexts: Iterable[str]) -> list[str]:
    """Return each context without the settings that all contexts share."""
    settings = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, settings)) if settings else set()
    return [", ".join(setting for setting in row if setting not in common) for row in settings]
