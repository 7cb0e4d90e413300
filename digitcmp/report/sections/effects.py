"""The sections on effects: of every factor, averaged in a large design, and of sharing at equal parameters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from digitcmp import paper
from digitcmp.errors import listed
from digitcmp.report.contrasts.averages import LARGE
from digitcmp.report.contrasts.contrast import ORDERS
from digitcmp.report.contrasts.effects import COLUMNS, differing
from digitcmp.report.figures import effects, factorial
from digitcmp.report.formats import P_VALUE, interval, to_text
from digitcmp.report.pages.columns import P_VALUES, Column, Table, estimate, name, t_interval
from digitcmp.report.pages.section import MOST_LINES, Figure, File, Part, cut_lines
from digitcmp.report.results import Results
from digitcmp.report.statistics import rule

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
FACTORIAL_FIGURE = (
    "Test accuracy of each cell, and the effects of the auxiliary loss and sharing, by the levels of the other "
    "factors. Filled marks are without the auxiliary loss, open marks with it."
)


def equal_parameters(results: Results) -> Iterator[Part]:
    """Yield the table of the effect of sharing at equal parameters."""
    frame = results.equal_parameters
    if frame.empty:
        return
    yield File.csv("equal_parameters.csv", frame)
    columns = [name("effect"), Column("mean", "mean", "+.3f"), t_interval("+.3f"), Column("n", "n")]
    columns += [Column("p", "p", ".3f"), Column("parameters", "params", ",")]
    columns.append(Column("without sharing", "params_unshared", ","))
    yield Table.of(frame, columns, "equal_parameters.csv")
    yield EQUAL_PARAMETERS


def parts(results: Results) -> Iterator[Part]:
    """Yield the averages of a large design, then the effects with their notes, figures, and those without numbers."""
    frame, averages = results.effects, results.averages
    yield File.csv("effects.csv", frame[list(COLUMNS)])
    if len(averages):
        yield File.csv("averages.csv", averages)
        yield AVERAGES
        yield averages_table(averages)
        yield Figure("effects", FIGURE, partial(effects.draw, effects.averaged(averages)))
        yield SINGLE
    else:
        for model, prepared in factorial.prepared_designs(results):
            caption, draw = f"{FACTORIAL_FIGURE} {model}".strip(), partial(factorial.draw_design, prepared, results)
            yield Figure(f"factorial_{model}" if model else "factorial", caption, draw)
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
    if averages.empty and results.data_sets.empty and len(drawn):
        averaged = drawn[drawn.family.isin(ORDERS)]  # the figure of a factorial design has its single effects
        yield Figure(
            "effects", FIGURE, partial(effects.draw, (averaged if len(averaged) else drawn).head(effects.MOST))
        )
    yield refused(frame)


def table(frame: pd.DataFrame) -> Table:
    """Return the table of all effects that have statistics. Settings that all of them share are left out.

    Args:
        frame: Rows of `effects.effects`.
    """
    frame = frame[frame.refused.isna()]
    columns = [
        name("effect"),
        Column("mean", "mean", "+.3f"),
        Column("verdict", "verdict", lambda row: row["verdict"].replace(f" ({row['mean']:+.3f})", ""), left=True),
        name("settings"),
        Column("95 % interval", "ci_low", effect_interval),
        Column("n", "n"),
        *P_VALUES,
        Column("claim", "claim", "+.2f"),
        estimate("paper's table", "published"),
        name("family"),
        estimate("trimmed", "trimmed"),
        Column("p (flips)", "p_flip", P_VALUE),
        Column("one seed left out", "loo_low", left_out),
        Column("q", "q", P_VALUE),
        Column("errors removed", "errors_removed", ".0%"),
    ]
    return Table.of(frame.assign(settings=differing(frame.context)), columns, "effects.csv")


def effect_interval(row: dict[str, Any]) -> str:
    """Return the interval of an effect, with a fourth decimal if an end would otherwise read as the claim."""
    ends = [f"{row['ci_low']:.3f}", f"{row['ci_high']:.3f}"]
    form = "+.4f" if f"{row['claim']:.3f}" in ends else "+.3f"
    return interval(row["ci_low"], row["ci_high"], form, row["n"])


def left_out(row: dict[str, Any]) -> str:
    """Return the range of the means without one seed: '+0.021 to +0.023', or '' if it is nan."""
    low, high = to_text(row["loo_low"], "+.3f"), to_text(row["loo_high"], "+.3f")
    return f"{low} to {high}" if low else ""


def averages_table(averages: pd.DataFrame) -> Table:
    """Return the table of main effects and two-way interactions of a large design."""
    columns = [name("effect"), Column("mean", "mean", "+.4f"), name("verdict"), t_interval("+.4f"), Column("n", "n")]
    columns += [Column("averaged over", "contexts"), *P_VALUES, name("order")]
    return Table.of(averages, columns, "averages.csv")


def refused(frame: pd.DataFrame) -> list[str]:
    """Return a line for each reason why effects have no statistics, at most MOST_LINES lines."""
    lines = []
    rows = frame[frame.refused.notna()]
    for (context, reason), group in rows.groupby(["context", "refused"], sort=False):
        where = f" ({context})" if context else ""
        lines.append(f"no statistics for {listed(list(group.effect), MOST_LINES)}{where}: {reason}")
    return cut_lines(lines)
