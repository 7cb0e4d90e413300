"""The sections on selected values and learning rates: on validation pairs, and effects at equal rates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Drawing

from digitcmp import paper
from digitcmp.report.contrasts import tables
from digitcmp.report.contrasts.cell_grid import changed_levels
from digitcmp.report.contrasts.factors import CLAIMS
from digitcmp.report.figures.lines import apart, mark_levels, number_levels, show_means
from digitcmp.report.figures.style import DOTTED, EFFECT, PAGE, palette, seeds, shades
from digitcmp.report.formats import ACCURACY, interval, to_text
from digitcmp.report.loading.loader import read_csv
from digitcmp.report.pages.section import Column, Figure, File, Part, Table, named, plain
from digitcmp.report.results import Results
from digitcmp.runs.folder import RATES, SELECTION

CSV = "selected_rates.csv"
FIRST_STAGE = (
    "The first stage of the sweep trained each network at several values of {option} on seeds {seeds}, which the runs "
    "above do not have. It selected the value with the highest mean validation accuracy, the smallest of equal ones. "
    "*(end)* marks a value beyond which none was tried; better ones may lie there. `digitcmp report NAME/rates` "
    "reports the first stage of the sweep NAME."
)
SELECTED = (
    "The selected rate has the highest mean accuracy on the validation pairs. *oracle* is the rate that the test pairs "
    "would select, for comparison only. *(edge)* marks the smallest or largest rate tried."
)
EQUAL = (
    "Effects of the auxiliary loss and sharing on test accuracy, with the same learning rate for both networks: mean "
    "and 95 % t-interval, paired by seed. `equal_rates.csv` also has n, p and Holm's p. Holm's p is corrected inside "
    "each of the two families, over all networks and rates."
)
EQUAL_FIGURE = "Effects of the auxiliary loss and sharing, with the same learning rate for both networks."
MOST_EFFECTS = 12  # lines in both panels; more cannot be told apart, and their legend leaves no room


def first_stage(results: Results) -> pd.DataFrame:
    """Return the rows of selected.csv of the cells of some runs, with `title`. Empty without a first stage."""
    files = [root / RATES / SELECTION for root in results.roots] + [archive / CSV for archive in results.archives]
    tables = [read_csv(file) for file in files if file.exists()]
    if not tables:
        return pd.DataFrame()
    frame = pd.concat(tables).drop_duplicates("cell").set_index("cell")
    titles = pd.Series(results.titles, index=results.cells.cell, name="title")
    return frame.join(titles, how="inner").loc[[cell for cell in titles.index if cell in frame.index]].reset_index()


def from_first_stage(results: Results) -> Iterator[Part]:
    """Yield the table of the selected values with the validation accuracies of their neighbours."""
    frame = first_stage(results)
    if frame.empty:
        return

    def value(row: dict[str, Any]) -> str:
        return to_text(float(row["value"])) + (" (end)" if row["at_end"] else "")

    def neighbour(side: str) -> Column:
        def text(row: dict[str, Any]) -> str:
            number, accuracy = row[side], row[f"{side}_val_acc"]
            return "" if pd.isna(number) else f"{to_text(accuracy, ACCURACY)} at {to_text(float(number))}"

        return Column(f"next {'smaller' if side == 'lower' else 'larger'}", f"{side}_val_acc", text)

    yield File.csv(CSV, frame.drop(columns="title"), form=None)
    for option, rows in frame.groupby("option", sort=False):
        columns = [named("title", "cell"), Column(f"selected {option}", "value", value)]
        columns += [Column("validation", "val_acc", ACCURACY), neighbour("lower"), neighbour("upper")]
        yield Table.of(rows, columns, CSV)
        seeds = sorted({int(seed) for text in rows.seeds for seed in text.split()})
        yield FIRST_STAGE.format(option=option, seeds=", ".join(map(str, seeds)))


def selected(results: Results) -> Iterator[Part]:
    """Yield the table of selected learning rates."""
    frame = selection(results)
    if frame.empty:
        return
    columns = [
        named("title", "cell"),
        *plain("rates", "n"),
        Column("selected lr", "lr", lambda row: to_text(row["lr"]) + (" (edge)" if row["at_edge"] else "")),
        Column("paper's lr", "paper_lr"),
        Column("validation", "val_acc", ACCURACY),
        Column("test accuracy", "test_acc", ACCURACY),
        Column("oracle lr (test)", "oracle_lr"),
        Column("oracle test accuracy", "oracle_test_acc", ACCURACY),
    ]
    yield Table.of(frame, columns)
    yield SELECTED


def selection(results: Results) -> pd.DataFrame:
    """Return the learning rate with the highest mean validation accuracy, one row per condition with several rates.

    `title` names the condition. `test_acc` is that of the selected rate. `oracle_lr` and
    `oracle_test_acc` are those of the rate with the highest test accuracy, for comparison only. `at_edge` is True if
    the selected rate is the smallest or largest tried. Empty if no condition has several rates.
    """
    cells = results.cells
    titles = pd.Series([title.rpartition(" lr=")[0] for title in results.titles], index=cells.index)
    rows = []
    for title, rates in cells[titles != ""].groupby(titles, sort=False):
        best, oracle = rates.loc[rates.val_acc_mean.idxmax()], rates.loc[rates.test_acc_mean.idxmax()]
        changed = changed_levels(results.changed_settings[best.name])
        claimed = best["head"] == "mlp" and paper.claimed(best.model, bool(best.aux), changed)
        rows.append(
            {"title": title, "model": best.model, "aux": best.aux, "rates": len(rates), "n": rates.n.min()}
            | {"lr": best.lr, "val_acc": best.val_acc_mean, "test_acc": best.test_acc_mean}
            | {"paper_lr": paper.LEARNING_RATES.get(best.label, np.nan) if claimed else np.nan}
            | {"oracle_lr": oracle.lr, "oracle_test_acc": oracle.test_acc_mean}
            | {"at_edge": best.lr in (rates.lr.min(), rates.lr.max())}
        )
    return pd.DataFrame(rows)


def equal(results: Results) -> Iterator[Part]:
    """Yield the table of effects at equal rates, one column per effect, the figure and the effects without numbers."""
    frame, refused = effects_at_equal_rates(results)
    if frame.empty:
        return
    yield File.csv("equal_rates.csv", frame)
    texts = []
    for row in frame.itertuples():
        texts.append(f"{row.mean:+.3f} {interval(row.ci_low, row.ci_high, '+.3f', row.n)}".strip())
    wide = frame.assign(text=texts).pivot(index="lr", columns="effect", values="text").fillna("").reset_index()
    yield Table.of(wide, plain("lr", *dict.fromkeys(frame.effect)))
    yield EQUAL
    if frame.effect.nunique() <= MOST_EFFECTS:
        yield Figure("equal_rates", EQUAL_FIGURE, partial(draw_effects, frame, results.cells))
    yield [f"no statistics for {row.effect} at lr={row.lr:g}: {row.refused}" for row in refused.itertuples()]


def effects_at_equal_rates(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the effects at equal learning rates: those with statistics, and those without."""
    table = tables.equal_rates(results.grid)
    measured = table.refused.isna()
    return table[measured].drop(columns="refused"), table[~measured]


def draw_effects(table: pd.DataFrame, cells: pd.DataFrame) -> Drawing:
    """Draw effects at equal learning rates, one panel per family and one line per effect, with the paper's claim.

    An effect has the colour of its first network.
    """
    colours = palette(cells.model)
    labels = {label: colours[model] for label, model in zip(cells.label, cells.model, strict=True)}
    families = list(dict.fromkeys(table.family))
    longest = max(table[table.family == family].effect.nunique() for family in families)
    figure = Drawing(figsize=(PAGE, 3.0 + 0.14 * longest))
    panels = figure.subplots(1, len(families), sharex=True, squeeze=False)[0]
    for axes, family in zip(panels, families, strict=True):
        rows = table[table.family == family].assign(level=lambda frame: frame.lr)
        levels = sorted({*rows.lr})
        axes.axhline(0, color="black", lw=0.8)
        if family in CLAIMS:
            axes.axhline(CLAIMS[family], color="black", lw=0.9, ls=DOTTED, label="the paper's claim")
        names = list(dict.fromkeys(rows.effect))
        for i, (name, other) in enumerate(zip(names, shades(EFFECT, len(names)), strict=True)):
            first = name.split(" ")[0]
            shade = to_rgb(labels[first]) if first in labels else other
            points = rows[rows.effect == name]
            place = apart(points.level, levels, (i - (len(names) - 1) / 2) / len(names))
            mark_levels(axes, points.assign(place=place), name, "lr=", shade, hollow="AL" in first, form="+.4f")
        number_levels(axes, levels)
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:+.3g}" if y else "0")
        axes.set_title(f"effect of {family}" if family == "sharing" else f"effect of the {family}")
        axes.set_xlabel("learning rate of both")
        show_means(axes, rows)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=6.5, ncols=2)
    panels[0].set_ylabel("difference in test accuracy")
    figure.suptitle(f"at equal learning rates, paired by seed: mean and 95 % interval, {seeds(table.n)}")
    return figure
