"""The sections on effects: of every factor, averaged, and at equal parameters."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from digitcmp import paper
from digitcmp.errors import first_few
from digitcmp.models import backbones
from digitcmp.report import rule
from digitcmp.report.contrasts.accuracy_effects import LARGE, paired
from digitcmp.report.contrasts.cell_grid import Contrast, Grid
from digitcmp.report.contrasts.planned import MAIN, ORDERS, differing
from digitcmp.report.figures import forest, kind, mark_interval, verdict_colour
from digitcmp.report.formats import P_VALUE, interval, seeds, to_text, verdict_words
from digitcmp.report.pages.section import (
    MOST_LINES,
    P_VALUES,
    Column,
    Figure,
    File,
    Part,
    Row,
    Table,
    cut_lines,
    estimate,
    named,
    plain,
    t_interval,
)
from digitcmp.report.results import Results

NOTE = (
    "An effect is a difference in mean test accuracy between cells, paired by seed. The cells are equal except for the "
    "factor and the learning rate, which belongs to the recipe. Each level is compared with the default, or with the "
    "first level. An interaction is how much more one factor adds at one level of another factor than at its first. "
    "The 95 % t-interval and the two-sided p are those of each effect alone. Holm's p is corrected inside each family."
)
ROBUST = (
    "*trimmed* is the 20 % trimmed mean with Yuen's 95 % interval, from five seeds. *p (flips)* is the exact p of the "
    "paired permutation test over all signs of the differences, at least 2 / 2^n. *one seed left out* gives the "
    "smallest and the largest mean of the other seeds. *errors removed* is the share of the second side's mean error "
    "that the first side does not make."
)
MANY_TESTS = (
    "Effects tested: {effects}; families: {families}. Holm's p is corrected inside a family only. *q* is the "
    "Benjamini-Hochberg false-discovery rate over all effects. Among the effects with q below .05, one in twenty is "
    "expected to be no effect."
)
PAPERS = (
    "*paper's table* is the same difference between the paper's means. Its 95 % interval is Welch's, from the standard "
    "deviations and ten runs, where Table I has them. The paper claims two sizes, for its own networks on its task by "
    f"its recipe: auxiliary loss {paper.AUXILIARY_CLAIM.effect:+.2f} ({paper.AUXILIARY_CLAIM.source}), sharing "
    f"{paper.SHARING_CLAIM.effect:+.2f} ({paper.SHARING_CLAIM.source}). It claims no size for other effects."
)
FACTORIAL = (
    "A *main effect* is the mean difference over all cells of the other factors (AL is the auxiliary loss). A *two-way "
    "interaction* is how much more one factor adds where the other is on. A *higher interaction* is how much larger an "
    "interaction is where a further factor is on."
)
AVERAGES = (
    f"The design has more than {LARGE} effects. This table averages each main effect and two-way interaction over all "
    "settings of the other factors, for each seed. A main effect is a level minus the default, or minus the first "
    "level. An interaction is how much larger one difference is where the other is made. The 95 % t-interval and the "
    "two-sided p are over seeds. Holm's p is corrected among the main effects, and among the interactions."
)
SINGLE = "Each effect between cells that differ in one factor or two:"
EQUAL_PARAMETERS = (
    "A network with sharing minus a network without, with widths that make their numbers of parameters equal within "
    "2 %. The difference in mean test accuracy is paired by seed, with its 95 % t-interval and uncorrected p."
)
FIGURE = "Effects on test accuracy, paired by seed, in the colours of their verdicts."
TOLERANCE = 0.02  # the largest difference of equal parameters, as a share of those of the network without sharing
MOST_EFFECTS = 50  # rows of the figure; more would make it too tall


def equal_parameters(results: Results) -> Iterator[Part]:
    """Yield the table of the effect of sharing at equal parameters."""
    frame = at_equal_parameters(results.grid, results.cells)
    if frame.empty:
        return
    yield File.csv("equal_parameters.csv", frame)
    columns = [named("effect"), Column("mean", "mean", "+.3f"), t_interval("+.3f"), Column("n", "n")]
    columns += [Column("p", "p", ".3f"), Column("parameters", "params", ",")]
    columns.append(Column("without sharing", "params_unshared", ","))
    yield Table.of(frame, columns, "equal_parameters.csv")
    yield EQUAL_PARAMETERS


def at_equal_parameters(grid: Grid, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the effect of sharing between networks of different widths with the same number of parameters.

    The cells differ only in the model and the arguments of its network. Networks with the same arguments are left out,
    because the table of effects has them.

    Returns:
        The columns of equal_parameters.csv, for each two cells with two or more common seeds. p is not corrected.
    """
    networks = backbones.facts()
    widths = [key for key in grid.cells if any(key in network.arguments for network in networks.values())]
    rest = [key for key in grid.cells if key not in ("model", *widths)]
    width = list(map(tuple, grid.cells[widths].to_numpy()))
    table = grid.cells.assign(width=width, row=grid.cells.index, cell=grid.names)
    table = table.merge(cells[["cell", "params", "title"]], on="cell")
    unshared = table.model.map({name: network.unshared for name, network in networks.items()})
    others = table.assign(unshared=table.model)
    pairs = table.assign(unshared=unshared).merge(others, on=[*rest, "unshared"], suffixes=("", "_unshared"))
    equal = (pairs.params / pairs.params_unshared - 1).abs() <= TOLERANCE
    pairs = pairs[equal & (pairs.width != pairs.width_unshared)].reset_index(drop=True)
    contrasts = []
    for pair in pairs.itertuples():
        weights = {pair.row: 1.0, pair.row_unshared: -1.0}
        contrasts.append(Contrast("sharing", f"{pair.title} − {pair.title_unshared}", "", weights))
    gains = paired(grid, contrasts).assign(params=pairs.params, params_unshared=pairs.params_unshared)
    columns = ["effect", "params", "params_unshared", "n", "mean", "ci_low", "ci_high", "p"]
    return gains.loc[gains.n > 1, columns].reset_index(drop=True)


def parts(results: Results) -> Iterator[Part]:
    """Yield the averages of a large design, then the effects with their notes, figures, and those without numbers."""
    frame, averages = results.effects, results.averages
    yield File.csv("effects.csv", frame.drop(columns="contrast"))
    if len(averages):
        yield File.csv("averages.csv", averages)
        yield AVERAGES
        columns = [named("effect"), Column("mean", "mean", "+.4f"), named("verdict"), t_interval("+.4f"), *plain("n")]
        columns += [Column("averaged over", "contexts"), *P_VALUES, named("order")]
        yield Table.of(averages, columns, "averages.csv")
        yield Figure("effects", FIGURE, partial(draw, averaged(averages)))
        yield SINGLE
    measured = frame[frame.refused.isna()]
    if len(measured):
        yield table(frame)
        yield NOTE
        yield ROBUST
        tested = frame[frame.p.notna()]
        yield MANY_TESTS.format(effects=len(tested), families=tested.family.nunique())
        yield rule.RULE
        if frame.claim.notna().any():
            yield PAPERS
        if frame.family.isin(ORDERS).any():
            yield FACTORIAL
    drawn = measured[measured.family != "lr"]
    if averages.empty and len(drawn):
        orders = drawn[drawn.family.isin(ORDERS)]  # of a factorial design; its single effects are in the table
        yield Figure("effects", FIGURE, partial(draw, (orders if len(orders) else drawn).head(MOST_EFFECTS)))
    yield refused(frame)


def table(frame: pd.DataFrame) -> Table:
    """Return the table of the effects that have statistics. Settings that all of them share are left out."""
    frame = frame[frame.refused.isna()]
    columns = [
        named("effect"),
        Column("mean", "mean", "+.3f"),
        Column("verdict", "verdict", lambda row: row["verdict"].replace(f" ({row['mean']:+.3f})", ""), left=True),
        named("settings"),
        Column("95 % interval", "ci_low", effect_interval),
        Column("n", "n"),
        *P_VALUES,
        Column("claim", "claim", "+.2f"),
        estimate("paper's table", "published"),
        named("family"),
        estimate("trimmed", "trimmed"),
        Column("p (flips)", "p_flip", P_VALUE),
        Column("one seed left out", "loo_low", left_out),
        Column("q", "q", P_VALUE),
        Column("errors removed", "errors_removed", ".0%"),
    ]
    return Table.of(frame.assign(settings=differing(frame.context)), columns, "effects.csv")


def effect_interval(row: Row) -> str:
    """Return the interval of an effect, with a fourth decimal if an end would otherwise read as the claim."""
    ends = [f"{row['ci_low']:.3f}", f"{row['ci_high']:.3f}"]
    form = "+.4f" if f"{row['claim']:.3f}" in ends else "+.3f"
    return interval(row["ci_low"], row["ci_high"], form, row["n"])


def left_out(row: Row) -> str:
    """Return the range of the means without one seed: '+0.021 to +0.023', or '' if it is nan."""
    low, high = to_text(row["loo_low"], "+.3f"), to_text(row["loo_high"], "+.3f")
    return f"{low} to {high}" if low else ""


def refused(frame: pd.DataFrame) -> list[str]:
    """Return a line for each reason why effects have no statistics, at most MOST_LINES lines."""
    lines = []
    rows = frame[frame.refused.notna()]
    for (context, reason), group in rows.groupby(["context", "refused"], sort=False):
        where = f" ({context})" if context else ""
        lines.append(f"no statistics for {first_few(list(group.effect), MOST_LINES)}{where}: {reason}")
    return cut_lines(lines)


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return effects, sorted by family, with their `label` in the figure and `y`, their height from the top.

    The name of a family is 1 above its first effect.
    """
    pairs = zip(table.effect, differing(table.context), strict=True)
    new = table.family != table.family.shift()
    heights = np.arange(len(table)) + 1.4 * new.cumsum()
    return table.assign(label=[f"{effect} {context}".strip() for effect, context in pairs], y=heights)


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """Return MOST_EFFECTS averages of a large design in the form of effects; interactions by ascending p."""
    table = table.rename(columns={"order": "family"}).assign(context="", published=math.nan, claim=math.nan)
    main = table[table.family == MAIN].head(MOST_EFFECTS)
    others = table[table.family != MAIN].sort_values("p", kind="stable").head(max(0, MOST_EFFECTS - len(main)))
    return pd.concat([main, others.sort_index()])


def verdict_marks(verdicts: pd.Series) -> dict[str, Line2D]:
    """Return a mark for each colour of some verdicts, by the words of the verdicts in that colour."""
    words = verdicts.astype(str).map(verdict_words)
    marks = {}
    for shade, group in words.groupby(verdicts.map(verdict_colour), sort=False):
        marks[", ".join(group.unique())] = Line2D([], [], color=str(shade), marker="o", ms=4.5, lw=1.6)
    return marks


def draw(table: pd.DataFrame) -> Drawing:
    """Draw effects, one row each, below the names of their families."""
    frame = rows(table)
    families = frame.drop_duplicates("family")
    size = 0.1 + 0.18 * (len(frame) + 1.4 * len(families))
    figure, axes = forest(list(frame.label), frame.y.to_numpy(), size, frame.y.iloc[-1] + 0.7)
    axes.axvline(0, color="black", lw=0.8)
    place = axes.get_yaxis_transform()
    for name, y in zip(families.family, families.y, strict=True):
        axes.text(-0.02, y - 1, name, transform=place, ha="right", va="center", weight="bold")
    for row in frame.itertuples():
        tip = f"{row.label}: {row.mean:+.4f}, {row.verdict}" if kind(row.verdict) else f"{row.label}: {row.mean:+.4f}"
        mark_interval(axes, row, row.mean, row.y, verdict_colour(row.verdict), tip)
        if not math.isnan(row.published):
            axes.plot(row.published, row.y, "|", color="black", ms=9, mew=1.2, label="the paper's means")
        if not math.isnan(row.claim):
            axes.plot(row.claim, row.y, "D", color="black", mfc="white", ms=4, mew=0.9, label="the paper's claim")
    axes.set_xlabel("difference in test accuracy")
    figure.suptitle(f"paired difference, mean and 95 % interval, {seeds(frame.n)}")
    handles, labels = axes.get_legend_handles_labels()
    marks = verdict_marks(frame.verdict) | dict(zip(labels, handles, strict=True))
    figure.legend(marks.values(), marks, loc="outside lower center", ncols=2)
    return figure
