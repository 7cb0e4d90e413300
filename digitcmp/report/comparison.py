"""Two sweeps beside each other: what differs in configuration, code and versions, and what that did to the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from rich.console import Console

from digitcmp.report import stats, tables
from digitcmp.report.conditions import condition_name, conditions
from digitcmp.report.formats import readable
from digitcmp.report.provenance import MADE_WITH, definition_versions
from digitcmp.report.results import Results
from digitcmp.report.settings import default
from digitcmp.report.tables import Column, marked_interval, measure, setting


def compare(first: Results, second: Results) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """What differs between two sweeps; the cells that both have; and the names of those that only one of them has.

    Differences have the columns `what first second`: a setting that is the same in all runs of a sweep and another in
    those of the other, and what they were made with. Cells are matched by all other settings and the learning rate,
    their runs paired by seed: `cell n same first second mean ci_low ci_high p p_holm`, second less first, where `same`
    counts the seeds with the same test accuracy, and the statistics are nan for a single seed.
    """
    both = conditions(pd.concat([first.runs, second.runs], ignore_index=True))
    left, right = both[: len(first.runs)], both[len(first.runs) :]
    keys = [key for key in both if key not in ("seed", "test_acc")]
    rows = []
    for key in keys.copy():
        levels = [frame[key].unique() for frame in (left, right)]
        if all(len(level) == 1 for level in levels) and levels[0][0] != levels[1][0]:
            standard = readable(default(key, left.model[0])) or "null"
            rows.append((key, *(level[0] or standard for level in levels)))
            keys.remove(key)
    for key in MADE_WITH:
        made = [
            ", ".join(sorted(side.runs.get(key, pd.Series(dtype=str)).dropna().unique())) for side in (first, second)
        ]
        if made[0] != made[1]:
            rows.append((key, *made))
    recorded = [
        f"{side.runs['code'].notna().sum() if 'code' in side.runs else 0} of {len(side.runs)} recorded"
        for side in (first, second)
    ]
    if (first.code or second.code) and recorded[0] != recorded[1]:
        rows.append(("code", *recorded))
    before, now = definition_versions(first.code), definition_versions(second.code)
    for name in sorted(before.keys() & now.keys()):
        parts = [frozenset.union(*side[name]) for side in (before, now)]
        for changed in sorted({part for part, _ in parts[0] ^ parts[1]}):
            digests = (", ".join(sorted(digest for part, digest in side if part == changed)) for side in parts)
            rows.append((f"code of {changed}", *digests))
    varied = [key for key in keys if both[key].nunique() > 1]
    cells = []
    for values, runs in left.merge(right, on=[*keys, "seed"], suffixes=("", "_second")).groupby(keys, sort=False):
        a, b = runs.test_acc.to_numpy(), runs.test_acc_second.to_numpy()
        effect = stats.paired_effect(b, a) if len(a) > 1 else stats.Effect((b - a).mean(), np.nan, np.nan, np.nan, 1)
        condition = dict(left.iloc[0]) | dict(zip(keys, values, strict=True))
        name, scores = condition_name(condition, varied), {"first": a.mean(), "second": b.mean()}
        statistics = dict(zip(("mean", "ci_low", "ci_high", "p"), effect, strict=False))
        cells.append({"cell": name, "n": len(a), "same": int((a == b).sum()), **scores, **statistics})
    table = pd.DataFrame(cells, columns=["cell", "n", "same", "first", "second", "mean", "ci_low", "ci_high", "p"])
    table["p_holm"] = np.nan
    table.loc[table.p.notna(), "p_holm"] = stats.holm(table.p.dropna().to_numpy(float))
    names = []
    for here, there, results in ((left, right, first), (right, left, second)):
        lacking = here[keys].drop_duplicates().merge(there[keys].drop_duplicates(), how="left", indicator=True)
        for cell in lacking[lacking["_merge"] == "left_only"].to_dict("records"):
            names.append(f"only in {results.roots[0]}: {condition_name(dict(here.iloc[0]) | cell, varied)}")
    return pd.DataFrame(rows, columns=["what", "first", "second"]), table, names


def show(first: Results, second: Results, console: Console) -> None:
    """The comparison on the terminal."""
    differences, cells, lacking = compare(first, second)
    a, b = (str(results.roots[0]) for results in (first, second))
    if differences.empty:
        console.print("the same configuration, code and versions")
    else:
        sides = [setting("first", a, left=True), setting("second", b, left=True)]
        tables.show(tables.table(differences, [setting("what", left=True), *sides]), console)
    console.print()
    columns = [
        *(setting("cell", left=True), setting("n"), setting("same", "same accuracy")),
        *(measure(a, "first"), measure(b, "second"), measure("difference", "mean", "+.4f")),
        Column("95 % interval", lambda row: marked_interval(row, "+.4f"), "ci_low"),
        *tables.p_values(),
    ]
    if cells.empty:
        console.print("no cell and seed that both have")
    else:
        tables.show(tables.table(cells, columns), console)
        console.print(f"\n{cells.same.sum()} of {cells.n.sum()} runs have the same test accuracy in both")
        if (cells.n == 2).any():
            console.print(tables.TWO_SEEDS_NOTE)
    for line in lacking:
        console.print(line, markup=False)
