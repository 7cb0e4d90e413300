"""The text of a report: its sections, with their tables, figures and notes."""

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
    "accuracy": "Test accuracy of every cell. Filled: without the auxiliary loss, open: with it.",
    "class_order": "Where the comparisons of their test images put the classes: how probably an image of each comes "
    "after one of another. Bars: where they belong; squares: ordinal head; open: with the auxiliary loss.",
    "data_sets": "What the auxiliary loss and sharing add to the test accuracy on each data set.",
    "effects": "Differences in test accuracy, paired by seed, in the colours of the verdicts.",
    "factorial": "Test accuracy, and what the auxiliary loss and sharing add to it, by the other factors. Filled: "
    "without the auxiliary loss, open: with it.",
    "pairs": "Test error by number of training pairs. Filled: without the auxiliary loss, open and dashed: with it; "
    "squares: ordinal head.",
    "levels": "By {}; the cells of a line are equal in all other settings but the learning rate, or a line is the mean "
    "over the other settings. Dashed, open: with the auxiliary loss. An interval may reach below the axis.",
    "equal_rates": "What the auxiliary loss and sharing add at equal learning rates of both networks.",
    "learning_rates": "Mean validation accuracy by learning rate. Dashed: with the auxiliary loss. "
    "A seed that collapsed below the axis shows only in the mean.",
    "figure5": "Fig. 5 of the paper: the dense networks by width and depth.",
    "figure6": "Fig. 6 of the paper: weight sharing.",
    "figure7": "Fig. 7 of the paper: the auxiliary loss. Dashed: with it.",
    "curves": "Test accuracy per epoch. Dashed: with the auxiliary loss.",
}
ACCURACY = (
    "Test accuracy: mean ± sample standard deviation over seeds, and the 95 % t-interval of the mean, cut to [0, 1]. "
    "validation: mean accuracy on the validation pairs. digits, argmax: test accuracy of the digit head, and of "
    "comparing its two predicted digits. paper: the published value, where the paper has this network on this task; "
    "difference: ours less the paper's."
)
HEAD_LOSS = (
    "the head's loss: how much more accurate the comparison of the two predicted digits (argmax) is than the trained "
    "head, paired by seed, with the 95 % t-interval. Where it is large, the comparison head limits the network, not "
    "its reading of the digits. Where the interval contains 0, no loss is seen."
)
EVALUATIONS = (
    "The saved networks of these runs by `digitcmp evaluate`. tta: the mean over the images as they are and "
    "shifted by a pixel."
)
ORDER = (
    "class order: Kendall's τ of the classes' numbers and of where the comparisons of their test images put them, 1 in "
    "order; complete: in how many runs it is 1."
)
OTHERS = (
    "On the same task: mean ± standard deviation over n runs, and the 95 % t-interval of the mean that follows from "
    "them, cut to [0, 1]."
)
PAIRS = "Test accuracy by number of training pairs."
SELECTION = (
    "Selected by the mean accuracy on the validation pairs alone. oracle: what choosing on the test pairs would have "
    "given, for comparison only. (edge): the smallest or largest rate tried."
)
EQUAL_RATES = (
    "What the auxiliary loss and sharing add to the test accuracy where both networks are trained at the same rate: "
    "mean and 95 % t-interval, paired by seed. `equal_rates.csv` has n, p and Holm's p, which is corrected inside each "
    "of the two families over all networks and rates."
)
DATA_SETS = (
    "What the auxiliary loss and sharing add to the test accuracy on each data set, and how much more than on the "
    "first: mean and 95 % t-interval, paired by seed. p is Holm's: of a mean among the differences between data sets, "
    "of a pair of networks among all interactions."
)
EFFECTS = (
    "Differences in mean test accuracy, paired by seed, between cells equal but for the factor and the learning rate, "
    "which belongs to the recipe: each level less the default, or less the first. Interaction: how much more a factor "
    "adds where the other is on. 95 % t-interval and two-sided p of each alone; Holm corrects p inside each family."
)
ROBUST = (
    "trimmed: the 20 % trimmed mean with Yuen's 95 % interval (five or more seeds). p (flips): exact p of the paired "
    "permutation test, over all signs of the differences; 2 / 2^n at least. one seed left out: the smallest and the "
    "largest mean of the other seeds. errors removed: the share of the second side's mean error that the first does "
    "not make."
)
EQUAL_PARAMETERS = (
    "A network that shares its weights less one that does not, whose width makes their parameters equal within 2 %: "
    "difference in mean test accuracy, paired by seed, with its 95 % t-interval and uncorrected p."
)
MANY_TESTS = (
    "Effects tested: {effects}; families: {families}. Holm's p is corrected inside a family only; q "
    "(Benjamini-Hochberg) is the false-discovery rate over all of them: among the effects with q below .05, one in "
    "twenty is expected to be no effect."
)
PAPERS = (
    "paper's table: the same difference between the paper's means, with the 95 % interval by Welch from its standard "
    "deviations and ten runs where Table I has them. Its claims, of its own networks on its task by its recipe: "
    f"auxiliary loss {paper.AUXILIARY_CLAIM.effect:+.2f} ({paper.AUXILIARY_CLAIM.source}), sharing "
    f"{paper.SHARING_CLAIM.effect:+.2f} ({paper.SHARING_CLAIM.source}); of the rest it claims no size."
)
FACTORIAL = (
    "main effect: the mean difference over all cells of the other factors (AL: the auxiliary loss). Interaction of two "
    "factors: how much more one adds where the other is on; of three: how much more that is where the third is on."
)
AVERAGES = (
    "The design has more than {} effects: first each main effect and two-way interaction, averaged over all settings "
    "of the other factors for each seed. A main effect is a level less the default, or less the first; an interaction "
    "is how much more one difference is where the other is made. 95 % t-interval and two-sided p over seeds; Holm "
    "corrects p among the main effects, and among the interactions."
)
SINGLE = "Every single contrast, between cells equal but for one factor or two:"
PLANNED = (
    "Runs that a sweep planned and never began: {}. The same sweep started again trains them; if it was given up, `{}` "
    "drops them."
)
MOST_NAMES = 20  # names in a line, or lines of a kind, beyond which they are counted


class Figure(NamedTuple):
    """A figure, by its file's name, and what it shows."""

    name: str
    caption: str


class Section(NamedTuple):
    """What stands under a heading. Texts are Markdown with *emphasis* and `code` alone; a list is of such texts."""

    title: str
    parts: Sequence[str | Table | Figure | list[str]]


def sections(results: Results, figures: Iterable[str]) -> list[Section]:
    """Return the sections of a report, the origin of its runs last.

    Args:
        figures: The names of the figures that were drawn.
    """
    names = list(figures)
    parts: dict[str, list[Any]] = {"Networks": [networks(results)] if networks(results) else []}
    parts["Accuracy"] = [tables.cells(results), ACCURACY, *collapsed_runs(results)]
    if results.cells.head_loss.notna().any():
        parts["Accuracy"].append(HEAD_LOSS)
    parts["Accuracy"] += captioned(names, "accuracy")
    if len(results.evaluations):
        parts["Evaluated again"] = [tables.evaluations(results), EVALUATIONS]
        if "order_mean" in results.evaluations:
            parts["Evaluated again"].append(ORDER)
        parts["Evaluated again"] += captioned(names, "class_order")
    if len(results.others):
        parts["What others published"] = [tables.others(results), OTHERS]
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
    parts["Convergence"] = convergence_table.parts(results)
    parts["Learning curves"] = captioned(names, "figure5", "figure6", "figure7", "curves")
    if results.unfinished:
        parts["Not finished"] = [cut_lines([f"{folder.parent.name}/{folder.name}" for folder in results.unfinished])]
    if results.planned:
        drop = f"find {shlex.join(map(str, results.roots))} -type d -empty -delete"
        parts["Never begun"] = [PLANNED.format(len(results.planned), drop)]
    if results.duplicates:
        parts["Duplicates"] = [duplicates(results)]
    parts["Runs"] = [origin(results)]
    for items in parts.values():
        if any(isinstance(part, Table) and tables.TWO_SEEDS in str(part.rows) for part in items):
            items.append(tables.TWO_SEEDS_NOTE)
    return [Section(title, items) for title, items in parts.items() if items]


def collapsed_runs(results: Results) -> list[Any]:
    """Return the rule on collapsed runs and their names; nothing if no run collapsed."""
    titles = dict(zip(results.cells.cell, results.titles(), strict=True))
    lines = []
    for cell, runs in results.runs[results.collapsed].groupby("cell", sort=False):
        seeds = ", ".join(f"seed {run.seed} ({run.test_acc:.3f})" for run in runs.itertuples())
        lines.append(f"collapsed: {titles[cell]} {seeds}")
    return [collapse.RULE, lines] if lines else []


def captioned(names: Sequence[str], *kinds: str) -> list[Any]:
    """Return the figures of some kinds with their captions; a name is its kind, maybe with a context behind it."""
    found = []
    for name in names:
        for kind in kinds:
            if name.startswith(kind):
                context = name.removeprefix(kind).lstrip("_")
                caption = CAPTIONS[kind]
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
    """Return the averages of a large design, and what introduces its single contrasts."""
    if results.averages.empty:
        return []
    table = tables.averages(results)
    return [AVERAGES.format(LARGE), table, *captioned(names, "effects"), SINGLE]


def refused(results: Results) -> list[str]:
    """Return a line for each reason why effects have no statistics, cut where there are many."""
    lines = []
    rows = results.effects[results.effects.refused.notna()]
    for (context, reason), group in rows.groupby(["context", "refused"], sort=False):
        where = f" ({context})" if context else ""
        lines.append(f"no statistics for {cut(list(group.effect), ', ')}{where}: {reason}")
    return cut_lines(lines)


def cut(names: Sequence[str], separator: str) -> str:
    """Join names, and count those beyond the first MOST_NAMES."""
    more = len(names) - MOST_NAMES
    return separator.join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def cut_lines(lines: Sequence[str]) -> list[str]:
    """Return lines, and in place of those beyond the first MOST_NAMES their number."""
    more = len(lines) - MOST_NAMES
    return [*lines[:MOST_NAMES], f"and {more} more"] if more > 0 else list(lines)


def duplicates(results: Results) -> list[str]:
    """Return a line for each folder that holds a run of another folder."""
    return cut_lines(
        [f"{folder}: the same run as {first}, counted once" for folder, first in results.duplicates.items()]
    )


def markdown(results: Results, sections: Iterable[Section]) -> str:
    """Return report.md."""
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
