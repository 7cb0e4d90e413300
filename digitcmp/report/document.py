"""report.md: what was run, what came out beside the paper's numbers, and what follows from it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from digitcmp import paper
from digitcmp.config import CONF
from digitcmp.report.effects import FAMILIES
from digitcmp.report.tables import (
    MADE_WITH,
    cells_text,
    effects_text,
    evaluations_text,
    markdown,
    others_text,
    pairs_text,
    refusals,
    selection_text,
)

CAPTIONS = {
    "accuracy": "Test accuracy of every cell. Filled: without the auxiliary loss, open: with it.",
    "effects": "Differences in test accuracy, paired by seed.",
    "factorial": "Test accuracy, and what the auxiliary loss and sharing add to it, by head and augmentation. Filled: "
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


def document(
    roots: Sequence[Path],
    runs: pd.DataFrame,
    cells: pd.DataFrame,
    effects: pd.DataFrame,
    selection: pd.DataFrame,
    pairs: pd.DataFrame,
    others: pd.DataFrame,
    evaluations: pd.DataFrame,
    missing: Sequence[Path],
    warnings: Sequence[str],
    figures: Sequence[str],
) -> str:
    """The report in Markdown, from the report's tables and the file names of its figures."""
    parts = [
        f"# {', '.join(root.resolve().name for root in roots)}\n",
        *(f"> **Warning:** {one}\n" for one in warnings),
    ]
    parts.append(what_was_run(roots, runs, cells, missing))

    parts.append("## Accuracy\n")
    parts.append(markdown(cells_text(cells)))
    parts.append(
        "Test accuracy: mean ± sample standard deviation over seeds, and the 95 % t-interval of the mean. validation: "
        "mean accuracy on the validation pairs. digits, argmax: test accuracy of the digit head, and of comparing its "
        "two predicted digits. paper: the published value, "
        "where the paper has this network on this task; difference: ours less the paper's.\n"
    )
    parts += embedded(figures, "accuracy")

    if len(evaluations):
        parts.append("## Evaluated again\n")
        parts.append(markdown(evaluations_text(evaluations)))
        parts.append(
            "The saved networks of these runs by `python -m digitcmp.evaluate`. tta: the mean over the images as they "
            "are and shifted by a pixel.\n"
        )

    if len(others):
        parts.append("## What others published\n")
        parts.append(markdown(others_text(others)))
        parts.append(
            "On the same task: mean ± standard deviation over n runs, and the 95 % t-interval of the "
            "mean that follows from them.\n"
        )

    if len(pairs):
        parts.append("## Pairs\n")
        parts.append(markdown(pairs_text(pairs)))
        parts.append("Test accuracy by number of training pairs.\n")
        parts += embedded(figures, "pairs")

    if len(selection):
        parts.append("## Selected learning rates\n")
        parts.append(markdown(selection_text(selection)))
        parts.append(
            "Selected by the mean accuracy on the validation pairs alone. oracle: what choosing on the test pairs "
            "would have given, for comparison only. (edge): the smallest or largest rate tried.\n"
        )
        parts += embedded(figures, "learning_rates")

    if len(effects):
        parts.append("## Effects\n")
        parts += [part for name in figures if name.startswith("factorial") for part in embedded(figures, name)]
        if effects.refused.isna().any():
            parts.append(markdown(effects_text(effects)))
            parts.append(
                "Differences in mean test accuracy, paired by seed, between cells equal but for the ingredient "
                "and the learning rate, which belongs to the recipe. 95 % t-interval and two-sided p of each alone; "
                "Holm corrects p inside each family. *holds*: the interval contains the claim and excludes 0; "
                "*undecided*: it contains both; else *does not hold*, with the size found. paper's table: the same "
                f"difference between the paper's means. Its claims: auxiliary loss {paper.AUXILIARY_CLAIM.effect:+.2f} "
                f"({paper.AUXILIARY_CLAIM.source}), sharing {paper.SHARING_CLAIM.effect:+.2f} "
                f"({paper.SHARING_CLAIM.source}); of the rest it claims no size.\n"
            )
            if (effects.family == FAMILIES[0]).any():
                parts.append(
                    "main effect: the mean difference over all cells of the other factors (sharing; AL, the auxiliary "
                    "loss; ordinal, the ordinal head; augment, augmentation). Interaction of two factors: how much "
                    "more one adds where the other is on; of three: how much more that is where the third is on.\n"
                )
            parts += embedded(figures, "effects")
        parts.append("".join(f"- {line}\n" for line in refusals(effects)))

    curves = [name for name in figures if name.startswith(("figure", "curves"))]
    if curves:
        parts.append("## Learning curves\n")
        parts += [part for name in curves for part in embedded(figures, name)]

    if missing:
        parts.append(f"## Missing\n\nRuns that are not finished: {len(missing)}\n")
        parts.append("".join(f"- {folder.parent.name}/{folder.name}\n" for folder in missing))
    return "\n".join(parts)


def what_was_run(roots: Sequence[Path], runs: pd.DataFrame, cells: pd.DataFrame, missing: Sequence[Path]) -> str:
    """How to make the runs again, how many there are, and on what they were made."""
    lines = []
    for root in roots:
        name = root.resolve().name
        file = CONF / "experiment" / f"{name}.yaml"
        own_seeds = sorted(
            {int(seed) for seed, path in zip(runs.seed, runs.path, strict=True) if root in Path(path).parents}
        )
        seeds = f"range({len(own_seeds)})"
        if own_seeds != list(range(len(own_seeds))):
            seeds = ",".join(map(str, own_seeds))
        own = bool(missing) or (file.exists() and f"seed: {seeds}" in file.read_text())
        more = "" if own else f" 'seed={seeds}'"
        lines.append(
            f"- `python train.py -m experiment={name}{more}`\n" if file.exists() else f"- the runs in `{name}`\n"
        )
    n = f"{cells.n.min()}" if cells.n.nunique() == 1 else f"{cells.n.min()} to {cells.n.max()}"
    lines.append(f"- {len(runs)} runs: {len(cells)} cells, n = {n} seeds each; {len(missing)} missing\n")
    lines.append(
        f"- {runs.fit_seconds.sum() / 60:.0f} minutes of training in all, {runs.fit_seconds.mean():.1f} s a run\n"
    )
    lines += [f"- {key}: {'; '.join(sorted(runs[key].unique()))}\n" for key in MADE_WITH]
    return "".join(lines)


def embedded(figures: Sequence[str], name: str) -> list[str]:
    """The figure with its caption, if it was drawn."""
    if name not in figures:
        return []
    kind, _, which = name.partition("_")
    caption = CAPTIONS[name] if name in CAPTIONS else f"{CAPTIONS[kind]} {which}"
    return [f"![{caption}]({name}.svg)\n\n*{caption}*\n"]
