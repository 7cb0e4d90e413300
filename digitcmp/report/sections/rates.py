"""The sections on selected values and learning rates: on validation pairs, and effects at equal rates."""

from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Drawing

from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.accuracy_effects import NUMBERS, paired
from digitcmp.report.contrasts.cell_grid import Grid
from digitcmp.report.contrasts.planned import CLAIMS, NAMES
from digitcmp.report.figures import DOTTED, EFFECT, PAGE, draw_series, palette, shades
from digitcmp.report.formats import ACCURACY, estimated, seeds, to_text
from digitcmp.report.loader import read_csv
from digitcmp.report.pages.section import Column, Figure, File, Part, Row, Table, named, plain
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


def from_first_stage(results: Results) -> Iterator[Part]:
    """Yield the table of the selected values with the validation accuracies of their neighbours."""
    files = [root / RATES / SELECTION for root in results.roots] + [archive / CSV for archive in results.archives]
    tables = [read_csv(file) for file in files if file.exists()]
    if not tables:
        return
    frame = results.cells[["cell", "title"]].merge(pd.concat(tables).drop_duplicates("cell"), on="cell")

    def neighbour(heading: str, side: str) -> Column:
        def text(row: Row) -> str:
            value, accuracy = to_text(float(row[side])), to_text(row[f"{side}_val_acc"], ACCURACY)
            return f"{accuracy} at {value}" if value else ""

        return Column(heading, f"{side}_val_acc", text)

    yield File.csv(CSV, frame.drop(columns="title"), form=None)
    for option, rows in frame.groupby("option", sort=False):
        columns = [
            named("title", "cell"),
            flagged(f"selected {option}", "value", "at_end", " (end)"),
            Column("validation", "val_acc", ACCURACY),
            neighbour("next smaller", "lower"),
            neighbour("next larger", "upper"),
        ]
        yield Table.of(rows, columns, CSV)
        used = sorted({int(seed) for text in rows.seeds for seed in text.split()})
        yield FIRST_STAGE.format(option=option, seeds=", ".join(map(str, used)))


def flagged(heading: str, key: str, flag: str, mark: str) -> Column:
    """Return a column of numbers, followed by a mark in the rows in which `flag` is true."""
    return Column(heading, key, lambda row: to_text(float(row[key])) + (mark if row[flag] else ""))


def selected(results: Results) -> Iterator[Part]:
    """Yield the table of selected learning rates."""
    frame = results.selected_rates
    if frame.empty:
        return
    columns = [
        named("title", "cell"),
        *plain("rates", "n"),
        flagged("selected lr", "lr", "at_edge", " (edge)"),
        Column("paper's lr", "paper_lr"),
        Column("validation", "val_acc", ACCURACY),
        Column("test accuracy", "test_acc", ACCURACY),
        Column("oracle lr (test)", "oracle_lr"),
        Column("oracle test accuracy", "oracle_test_acc", ACCURACY),
    ]
    yield Table.of(frame, columns)
    yield SELECTED


def equal(results: Results) -> Iterator[Part]:
    """Yield the table of effects at equal rates, one column per effect, the figure and the effects without numbers."""
    table = equal_rates(results.grid)
    frame = table[table.refused.isna()].drop(columns="refused")
    if frame.empty:
        return
    yield File.csv("equal_rates.csv", frame)
    texts = [estimated(row.mean, row.ci_low, row.ci_high, n=row.n) for row in frame.itertuples()]
    wide = frame.assign(text=texts).pivot(index="lr", columns="effect", values="text").fillna("").reset_index()
    yield Table.of(wide, plain("lr", *frame.effect.unique()))
    yield EQUAL
    if frame.effect.nunique() <= MOST_EFFECTS:
        yield Figure("equal_rates", EQUAL_FIGURE, partial(draw_effects, frame, results.cells))
    refused = table[table.refused.notna()]
    yield [f"no statistics for {row.effect} at lr={row.lr:g}: {row.refused}" for row in refused.itertuples()]


def equal_rates(grid: Grid) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing at each learning rate that both networks have.

    If a network was trained at several rates, an effect could compare two different rates and is ambiguous. At each
    rate that both networks have, it is not. Empty unless a network was trained at several rates.

    Returns:
        The columns of equal_rates.csv and `refused`, the reason if runs are missing. Then the numbers are nan. p_holm
        is Holm's p inside the family, over all effects and rates.
    """
    contrasts = planned.at_equal_rates(grid)
    refused = grid.refused(contrasts)
    table = paired(grid, contrasts, refused).assign(refused=refused).rename(columns={"context": "lr"})
    return table.astype({"lr": float})[["family", "effect", "lr", *NUMBERS, "refused"]]


def draw_effects(table: pd.DataFrame, cells: pd.DataFrame) -> Drawing:
    """Draw effects at equal learning rates, one panel per family and one line per effect, with the paper's claim.

    An effect has the colour of its first network.
    """
    colours = palette(cells.model)
    labels = {label: to_rgb(colours[model]) for label, model in zip(cells.label, cells.model, strict=True)}
    families = table.groupby("family", sort=False)
    figure = Drawing(figsize=(PAGE, 3.0 + 0.14 * families.effect.nunique().max()))
    panels = figure.subplots(1, len(families), sharex=True, squeeze=False)[0]
    for axes, (family, rows) in zip(panels, families, strict=True):
        axes.axhline(0, color="black", lw=0.8)
        if family in CLAIMS:
            axes.axhline(CLAIMS[family], color="black", lw=0.9, ls=DOTTED, label="the paper's claim")
        first = {name: name.split(" ")[0] for name in rows.effect.unique()}
        lines = dict(zip(first, shades(EFFECT, len(first)), strict=True))
        lines |= {name: labels[network] for name, network in first.items() if network in labels}
        hollow = {name for name, network in first.items() if "AL" in network}
        draw_series(axes, rows.rename(columns={"effect": "series", "lr": "level"}), lines, hollow, "lr", "+.4f")
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:+.3g}" if y else "0")
        axes.set_title(f"effect of {NAMES[family]}")
        axes.set_xlabel("learning rate of both")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=6.5, ncols=2)
    panels[0].set_ylabel("difference in test accuracy")
    figure.suptitle(f"at equal learning rates, paired by seed: mean and 95 % interval, {seeds(table.n)}")
    return figure
