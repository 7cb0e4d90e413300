"""What a report says, in sections: what was run, what came out beside the paper's numbers, and what follows from it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from digitcmp import paper
from digitcmp.config import CONF
from digitcmp.report import stats, tables
from digitcmp.report.contrasts import ORDERS
from digitcmp.report.provenance import MADE_WITH
from digitcmp.report.results import Results
from digitcmp.report.tables import Table

CAPTIONS = {
    "accuracy": "Test accuracy of every cell. Filled: without the auxiliary loss, open: with it.",
    "class_order": "Where the comparisons of their test images put the classes: how probably an image of each comes "
    "after one of another. Bars: where they belong; squares: ordinal head; open: with the auxiliary loss.",
    "data_sets": "What the auxiliary loss and sharing add to the test accuracy on each data set.",
    "effects": "Differences in test accuracy, paired by seed.",
    "factorial": "Test accuracy, and what the auxiliary loss and sharing add to it, by the other factors. Filled: "
    "without the auxiliary loss, open: with it.",
    "pairs": "Test error by number of training pairs. Filled: without the auxiliary loss, open and dashed: with it; "
    "squares: ordinal head.",
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
EVALUATIONS = (
    "The saved networks of these runs by `python -m digitcmp.evaluate`. tta: the mean over the images as they are and "
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
PAPERS = (
    "paper's table: the same difference between the paper's means. Its claims, of its own networks on its task: "
    f"auxiliary loss {paper.AUXILIARY_CLAIM.effect:+.2f} ({paper.AUXILIARY_CLAIM.source}), sharing "
    f"{paper.SHARING_CLAIM.effect:+.2f} ({paper.SHARING_CLAIM.source}); of the rest it claims no size."
)
FACTORIAL = (
    "main effect: the mean difference over all cells of the other factors (AL: the auxiliary loss). Interaction of two "
    "factors: how much more one adds where the other is on; of three: how much more that is where the third is on."
)
PLANNED = (
    "Runs that a sweep planned and never began: {}. The same sweep started again trains them; if it was given up, `{}` "
    "drops them."
)


class Figure(NamedTuple):
    """A figure, by its file's name, and what it shows."""

    name: str
    caption: str


class Section(NamedTuple):
    """What stands under a heading. Texts are Markdown with *emphasis* and `code` alone; a list is of such texts."""

    title: str
    parts: Sequence[str | Table | Figure | list[str]]


def sections(results: Results, figures: Iterable[str]) -> list[Section]:
    """The report but for its head; figures: the names of those that were drawn."""

    def drawn(*kinds: str) -> list[Figure]:
        named = [(name, kind) for name in figures for kind in kinds if name.startswith(kind)]
        return [Figure(name, f"{CAPTIONS[kind]} {name.removeprefix(kind).lstrip('_')}".strip()) for name, kind in named]

    effects, drop = results.effects, f"find {shlex.join(map(str, results.roots))} -type d -empty -delete"
    notes = [EFFECTS, stats.RULE] + [PAPERS] * bool(effects.claim.notna().any())
    notes += [FACTORIAL] * bool(effects.family.isin(ORDERS).any())
    refused = effects[effects.refused.notna()].groupby(["context", "refused"], sort=False)
    refusals = [
        f"no statistics for {', '.join(rows.effect)}{f' ({context})' if context else ''}: {reason}"
        for (context, reason), rows in refused
    ]
    ordered = "order_mean" in results.evaluations
    parts: dict[str, list[Any]] = {
        "Accuracy": [tables.cells(results), ACCURACY, *drawn("accuracy")],
        "Evaluated again": (
            [tables.evaluations(results), EVALUATIONS, *[ORDER] * ordered, *drawn("class_order")]
            if len(results.evaluations)
            else []
        ),
        "What others published": [tables.others(results), OTHERS] if len(results.others) else [],
        "Pairs": [tables.pairs(results), PAIRS, *drawn("pairs")] if len(results.pairs) else [],
        "Selected learning rates": (
            [tables.selection(results), SELECTION, *drawn("learning_rates")] if len(results.selection) else []
        ),
        "Data sets": [tables.data_sets(results), DATA_SETS, *drawn("data_sets")] if len(results.data_sets) else [],
        "Effects": [
            *drawn("factorial"),
            *([tables.effects(results), *notes] if effects.refused.isna().any() else []),
            *drawn("effects"),
            *([refusals] if refusals else []),
        ],
        "Learning curves": [*drawn("figure5", "figure6", "figure7", "curves")],
        "Not finished": [list(map(short, results.unfinished))] if results.unfinished else [],
        "Never begun": [PLANNED.format(len(results.planned), drop)] if results.planned else [],
    }
    for items in parts.values():
        if any(isinstance(part, Table) and tables.TWO_SEEDS in str(part.rows) for part in items):
            items.append(tables.TWO_SEEDS_NOTE)
    return [Section(title, items) for title, items in parts.items() if items]


def short(folder: Path) -> str:
    """A run's folder, from its cell on."""
    return f"{folder.parent.name}/{folder.name}"


def head(results: Results) -> list[str]:
    """How to make the runs again, how many there are, and on what they were made."""
    lines, runs, n = [], results.runs, results.cells.n
    for root in results.roots:
        name = root.resolve().name
        file = CONF / "experiment" / f"{name}.yaml"
        there = [root in Path(path).parents for path in runs.path]
        seeds = sorted({int(seed) for seed in runs.seed[there]})
        span = f"range({len(seeds)})"
        if seeds != list(range(len(seeds))):
            span = ",".join(map(str, seeds))
        planned = bool(results.unfinished or results.planned) or (file.exists() and f"seed: {span}" in file.read_text())
        more = "" if planned else f" 'seed={span}'"
        lines.append(f"`python train.py -m experiment={name}{more}`" if file.exists() else f"the runs in `{name}`")
    per_cell = f"{n.min()}" if n.nunique() == 1 else f"{n.min()} to {n.max()}"
    never = f", {len(results.planned)} never begun" if results.planned else ""
    lines.append(
        f"{len(runs)} runs: {len(n)} cells, n = {per_cell} seeds each; {len(results.unfinished)} missing{never}"
    )
    lines.append(f"{runs.fit_seconds.sum() / 60:.0f} minutes of training in all, {runs.fit_seconds.mean():.1f} s a run")
    return lines + [f"{key}: {'; '.join(sorted(runs[key].dropna().unique()))}" for key in MADE_WITH if key in runs]


def markdown(results: Results, sections: Iterable[Section]) -> str:
    """report.md."""
    parts = [
        f"# {title(results)}\n",
        *(f"> **Warning:** {warning}\n" for warning in results.warnings),
        bullets(head(results)),
    ]
    for section in sections:
        parts.append(f"## {section.title}\n")
        for part in section.parts:
            if isinstance(part, Figure):
                parts.append(f"![{part.caption}]({part.name}.svg)\n\n*{part.caption}*\n")
            elif isinstance(part, Table):
                parts.append(tables.markdown(part))
            else:
                parts.append(f"{part}\n" if isinstance(part, str) else bullets(part))
    return "\n".join(parts)


def title(results: Results) -> str:
    """The names of the folders."""
    return ", ".join(root.resolve().name for root in results.roots)


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "".join(f"- {line}\n" for line in lines)
