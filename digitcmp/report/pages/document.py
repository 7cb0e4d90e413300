"""The sections of a report, with their tables, figures and notes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from digitcmp import paper
from digitcmp.report.contrasts.averages import LARGE
from digitcmp.report.contrasts.contrast import ORDERS
from digitcmp.report.pages import convergence_table, tables
from digitcmp.report.pages.summary import conclusion, networks, origin, question, title
from digitcmp.report.pages.tables import Table
from digitcmp.report.results import Results
from digitcmp.report.statistics import collapse, rule

CAPTIONS = {
    "accuracy": "Test accuracy of each cell. Filled marks are without the auxiliary loss, open marks with it.",
    "class_order": "Positions of the classes: the probability that the network puts an image of a class after an image "
    "of another class. Bars are the correct positions. Squares are the ordinal head, open marks the auxiliary loss.",
    "data_sets": "Effects of the auxiliary loss and sharing on test accuracy, for each data set.",
    "effects": "Effects on test accuracy, paired by seed, in the colours of their verdicts.",
    "factorial": "Test accuracy of each cell, and the effects of the auxiliary loss and sharing, by the levels of the "
    "other factors. Filled marks are without the auxiliary loss, open marks with it.",
    "pairs": "Test error by number of training pairs. Filled marks are without the auxiliary loss, open marks and "
    "dashed lines with it. Squares are the ordinal head.",
    "levels": "Means by {}. The cells of a line have all other settings in common except the learning rate. If there "
    "are many such lines, each line is a mean over the other settings. Dashed lines and open marks are with the "
    "auxiliary loss. An interval may extend below the axis.",
    "equal_rates": "Effects of the auxiliary loss and sharing, with the same learning rate for both networks.",
    "learning_rates": "Mean validation accuracy by learning rate. Dashed lines are with the auxiliary loss. "
    "A collapsed seed below the axis is not drawn, but the mean includes it.",
    "figure5": "Fig. 5 of the paper: the dense networks by width and depth.",
    "figure6": "Fig. 6 of the paper: weight sharing.",
    "figure7": "Fig. 7 of the paper: the auxiliary loss. Dashed lines are with it.",
    "curves": "Test accuracy by epoch. Dashed lines are with the auxiliary loss.",
}
ACCURACY = (
    "*test accuracy* is the mean ± sample standard deviation over seeds, with the 95 % t-interval of the mean, cut to "
    "[0, 1]. *validation* is the mean accuracy on the validation pairs. *digits* is the test accuracy of the digit "
    "head, *argmax* that of comparing its two predicted digits. *paper* is the published value, if the paper has this "
    "network on this task. *difference* is our mean minus the paper's."
)
HEAD_LOSS = (
    "*the head's loss* is the accuracy of comparing the two predicted digits (*argmax*) minus the accuracy of the "
    "trained head, paired by seed, with the 95 % t-interval. If it is large, the comparison head limits the network, "
    "not the recognition of the digits. If the interval contains 0, no loss is seen."
)
EVALUATIONS = (
    "Evaluations of the saved networks by `digitcmp evaluate`. With *tta*, an output is the mean over the images and "
    "their copies shifted by one pixel."
)
ORDER = (
    "*class order* is Kendall's τ between the numbers of the classes and their positions in the comparisons of test "
    "images. It is 1 if all classes are in order. *complete* counts the runs in which it is 1."
)
OTHERS = (
    "Published results on the same task: mean ± standard deviation over n runs. The 95 % t-interval of the mean is "
    "computed from these and cut to [0, 1]."
)
PAIRS = "Test accuracy by number of training pairs."
SELECTION = (
    "The selected rate has the highest mean accuracy on the validation pairs. *oracle* is the rate that the test pairs "
    "would select, for comparison only. *(edge)* marks the smallest or largest rate tried."
)
EQUAL_RATES = (
    "Effects of the auxiliary loss and sharing on test accuracy, with the same learning rate for both networks: mean "
    "and 95 % t-interval, paired by seed. `equal_rates.csv` also has n, p and Holm's p. Holm's p is corrected inside "
    "each of the two families, over all networks and rates."
)
DATA_SETS = (
    "Effects of the auxiliary loss and sharing on test accuracy for each data set, and their differences from the "
    "first data set: mean and 95 % t-interval, paired by seed. p is Holm's p. That of a mean over networks is "
    "corrected among the differences between data sets, that of a pair of networks among all interactions."
)
EFFECTS = (
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
EQUAL_PARAMETERS = (
    "A network with sharing minus a network without, with widths that make their numbers of parameters equal within "
    "2 %. The difference in mean test accuracy is paired by seed, with its 95 % t-interval and uncorrected p."
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
    "The design has more than {} effects. This table averages each main effect and two-way interaction over all "
    "settings of the other factors, for each seed. A main effect is a level minus the default, or minus the first "
    "level. An interaction is how much larger one difference is where the other is made. The 95 % t-interval and the "
    "two-sided p are over seeds. Holm's p is corrected among the main effects, and among the interactions."
)
TEST_IMAGES = (
    "The first interval is over seeds: over training pairs, initial weights and each seed's draw of test pairs. Seeds "
    "draw from the same test images. The second interval also covers these: it adds the covariance between seeds that "
    "answer about the same image. *from images* is the share of its variance that this adds."
)
SINGLE = "Each effect between cells that differ in one factor or two:"
PLANNED = (
    "Runs that the sweep planned but never started: {}. Start the same sweep again to train them. If you do not want "
    "them, `{}` removes their empty folders."
)
MOST_NAMES = 20  # more names in a line, or more lines of one type, are counted instead


class Figure(NamedTuple):
    """A figure: the name of its file without the ending, and its caption."""

    name: str
    caption: str


class Section(NamedTuple):
    """A heading with its tables, figures, paragraphs and lists of lines.

    Paragraphs and lines are Markdown with no other markup than *emphasis* and `code`.
    """

    title: str
    parts: Sequence[str | Table | Figure | list[str]]


def sections(results: Results, figures: Iterable[str]) -> list[Section]:
    """Return the sections of a report. The last one is the origin of its runs.

    Args:
        results: The runs.
        figures: The names of the figures that were drawn.
    """
    names = list(figures)
    parts: dict[str, list[Any]] = {"Networks": [networks(results)] if networks(results) else []}
    parts["Accuracy"] = [tables.cells(results), ACCURACY, *collapsed_runs(results)]
    if results.cells.head_loss.notna().any():
        parts["Accuracy"].append(HEAD_LOSS)
    parts["Accuracy"] += captioned(names, "accuracy")
    if len(results.evaluations):
        parts["Later evaluations"] = [tables.evaluations(results), EVALUATIONS]
        if "order_mean" in results.evaluations:
            parts["Later evaluations"].append(ORDER)
        parts["Later evaluations"] += captioned(names, "class_order")
    if len(results.others):
        parts["Published results"] = [tables.others(results), OTHERS]
    if len(results.pairs):
        parts["Pairs"] = [tables.pairs(results), PAIRS, *captioned(names, "pairs")]
    if len(results.selection):
        parts["Selected learning rates"] = [tables.selection(results), SELECTION, *captioned(names, "learning_rates")]
    if len(results.equal_parameters):
        parts["Equal parameters"] = [tables.equal_parameters(results), EQUAL_PARAMETERS]
    if len(results.equal_rates):
        parts["Equal learning rates"] = [tables.equal_rates(results), EQUAL_RATES, *captioned(names, "equal_rates")]
        refusals = results.rate_effects[results.rate_effects.refused.notna()]
        lines = [f"no statistics for {row.effect} at lr={row.lr:g}: {row.refused}" for row in refusals.itertuples()]
        parts["Equal learning rates"] += [lines] if lines else []
    if len(results.data_sets):
        parts["Data sets"] = [tables.data_sets(results), DATA_SETS, *captioned(names, "data_sets")]
    parts["Levels"] = captioned(names, "levels")
    parts["Effects"] = [*averages(results, names), *captioned(names, "factorial")]
    if results.effects.refused.isna().any():
        parts["Effects"] += [tables.effects(results.effects), *effect_notes(results)]
    if results.averages.empty:
        parts["Effects"] += captioned(names, "effects")
    if refusals := refused(results):
        parts["Effects"].append(refusals)
    if len(results.over_images):
        parts["Test images"] = [tables.over_images(results), TEST_IMAGES]
    parts["Convergence"] = convergence_table.parts(results)
    parts["Learning curves"] = captioned(names, "figure5", "figure6", "figure7", "curves")
    if results.unfinished:
        parts["Unfinished runs"] = [cut_lines([f"{folder.parent.name}/{folder.name}" for folder in results.unfinished])]
    if results.planned:
        drop = f"find {shlex.join(map(str, results.roots))} -type d -empty -delete"
        parts["Runs never started"] = [PLANNED.format(len(results.planned), drop)]
    if results.duplicates:
        parts["Duplicates"] = [duplicates(results)]
    parts["Runs"] = [origin(results)]
    for items in parts.values():
        if any(isinstance(part, Table) and tables.TWO_SEEDS in str(part.rows) for part in items):
            items.append(tables.TWO_SEEDS_NOTE)
    return [Section(title, items) for title, items in parts.items() if items]


def collapsed_runs(results: Results) -> list[Any]:
    """Return the rule for collapsed runs and a list of them, or nothing if no run collapsed."""
    titles = dict(zip(results.cells.cell, results.titles(), strict=True))
    lines = []
    for cell, runs in results.runs[results.collapsed].groupby("cell", sort=False):
        seeds = ", ".join(f"seed {run.seed} ({run.test_acc:.3f})" for run in runs.itertuples())
        lines.append(f"collapsed: {titles[cell]} {seeds}")
    return [collapse.RULE, lines] if lines else []


def captioned(names: Sequence[str], *keys: str) -> list[Any]:
    """Return figures with their captions.

    Args:
        names: The names of all figures. A name is a key of CAPTIONS, optionally followed by `_` and a context.
        keys: The keys of the figures to return.
    """
    found = []
    for name in names:
        for key in keys:
            if name.startswith(key):
                context = name.removeprefix(key).lstrip("_")
                caption = CAPTIONS[key]
                named = caption.format(context) if "{}" in caption else f"{caption} {context}".strip()
                found.append(Figure(name, named))
    return found


def effect_notes(results: Results) -> list[str]:
    """Return the notes below the table of effects."""
    tested = results.effects[results.effects.p.notna()]
    many = MANY_TESTS.format(effects=len(tested), families=tested.family.nunique())
    notes = [EFFECTS, ROBUST, many, rule.RULE]
    if results.effects.claim.notna().any():
        notes.append(PAPERS)
    if results.effects.family.isin(ORDERS).any():
        notes.append(FACTORIAL)
    return notes


def averages(results: Results, names: Sequence[str]) -> list[Any]:
    """Return the averages of a large design and the introduction to its single effects."""
    if results.averages.empty:
        return []
    table = tables.averages(results)
    return [AVERAGES.format(LARGE), table, *captioned(names, "effects"), SINGLE]


def refused(results: Results) -> list[str]:
    """Return a line for each reason why effects have no statistics, at most MOST_NAMES lines."""
    lines = []
    rows = results.effects[results.effects.refused.notna()]
    for (context, reason), group in rows.groupby(["context", "refused"], sort=False):
        where = f" ({context})" if context else ""
        lines.append(f"no statistics for {cut(list(group.effect), ', ')}{where}: {reason}")
    return cut_lines(lines)


def cut(names: Sequence[str], separator: str) -> str:
    """Join the first MOST_NAMES names and add the number of the others."""
    more = len(names) - MOST_NAMES
    return separator.join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def cut_lines(lines: Sequence[str]) -> list[str]:
    """Return the first MOST_NAMES lines and a line with the number of the others."""
    more = len(lines) - MOST_NAMES
    return [*lines[:MOST_NAMES], f"and {more} more"] if more > 0 else list(lines)


def duplicates(results: Results) -> list[str]:
    """Return a line for each folder that holds the same run as another folder."""
    return cut_lines(
        [f"{folder} holds the same run as {first}; it is counted once" for folder, first in results.duplicates.items()]
    )


def markdown(results: Results, sections: Iterable[Section]) -> str:
    """Return the content of report.md."""
    warnings = [f"> **Warning:** {warning}\n" for warning in results.warnings]
    parts = [f"# {title(results)}\n", f"{conclusion(results)}\n", f"{question(results)}\n", *warnings]
    for section in sections:
        parts.append(f"## {section.title}\n")
        for part in section.parts:
            if isinstance(part, Figure):
                parts.append(f"![{part.caption}]({part.name}.svg)\n\n*{part.caption}*\n")
            elif isinstance(part, Table):
                parts.append(tables.markdown(part))
            elif isinstance(part, str):
                parts.append(f"{part}\n")
            else:
                parts.append(bullets(part))
    return "\n".join(parts)


def bullets(lines: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "".join(f"- {line}\n" for line in lines)
