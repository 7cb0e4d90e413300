"""The sections on test accuracy: of each cell, of later evaluations of the saved networks, and as published."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from digitcmp import paper
from digitcmp.report import rule
from digitcmp.report.cells import accuracy_statistics
from digitcmp.report.estimates import half_width
from digitcmp.report.figures import TIP, forest, mark_interval, palette
from digitcmp.report.formats import ACCURACY, seeds, spread
from digitcmp.report.pages.section import MEAN_ACCURACY, Column, Figure, File, Part, Table, estimate, named, plain
from digitcmp.report.results import Results
from digitcmp.runs.table import evaluation_table

LATEX = str.maketrans({"±": r"$\pm$", "−": "$-$", "_": r"\_", "%": r"\%", "<": "$<$", "†": r"\dag"})
CAPTION = r"Test accuracy, mean $\pm$ standard deviation over seeds"
NOTE = (
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
PUBLISHED = (
    "Published results on the same task: mean ± standard deviation over n runs. The 95 % t-interval of the mean is "
    "computed from these and cut to [0, 1]."
)
FIGURE = "Test accuracy of each cell. Filled marks are without the auxiliary loss, open marks with it."
MOST_CELLS = 55  # cells in the figure; more would make it too tall
BELOW = 0.22  # rows between the mark of a cell and the dots of its runs
TASK = ["cell", "dataset", "test_pairs", "tta"]  # columns that group later evaluations over seeds


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of cells, its notes, the collapsed runs and the figure."""
    cells = table(results)
    yield File.csv("cells.csv", results.cells.drop(columns="title"))
    yield File("table.tex", latex(cells, CAPTION))
    yield cells
    yield NOTE
    if results.collapsed.any():
        yield rule.COLLAPSED
        yield collapsed_runs(results)
    if results.cells.head_loss.notna().any():
        yield HEAD_LOSS
    if not results.only_rates and len(results.cells) <= MOST_CELLS:
        yield Figure("accuracy", FIGURE, partial(draw, results))


def table(results: Results) -> Table:
    """Return the table of all cells, with the paper's values."""
    frame = results.cells.assign(difference=results.cells.test_acc_mean - results.cells.paper_mean)
    keys = list(frame)
    varied = keys[keys.index("paper_std") + 1 : keys.index("cell")]
    if frame.train_pairs.nunique() > 1:
        varied.insert(0, "train_pairs")
    columns = [named("label", "cell"), *plain("lr", *varied), *MEAN_ACCURACY]
    columns.append(
        Column("collapsed", "collapsed", lambda row: f"{row['collapsed']} of {row['n']}" if row["collapsed"] else "")
    )
    if frame.majority.nunique() > 1 or frame.majority.isna().any():
        columns.append(Column("majority answer", "majority", ACCURACY))
    columns += [
        Column("validation", "val_acc_mean", ACCURACY),
        Column("digits", "digit_acc_mean", ACCURACY),
        Column("argmax", "argmax_acc_mean", ACCURACY),
        estimate("the head's loss", "head_loss"),
        Column("parameters", "params", ","),
        Column("paper", "paper_mean", lambda row: spread(row["paper_mean"], row["paper_std"])),
        Column("difference", "difference", "+.3f"),
    ]
    return Table.of(frame, columns, "cells.csv")


def latex(content: Table, caption: str) -> str:
    """Return a table as LaTeX code that needs the package booktabs."""
    rows = [[column.heading for column in content.columns], *content.rows]
    lines = [" & ".join(row).translate(LATEX) + " \\\\\n" for row in rows]
    columns = "".join("l" if column.left else "r" for column in content.columns)
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"\\toprule\n{lines[0]}\\midrule\n{''.join(lines[1:])}"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def collapsed_runs(results: Results) -> list[str]:
    """Return a line for each cell with collapsed runs."""
    lines = []
    for cell, runs in results.runs[results.collapsed].groupby("cell", sort=False):
        accuracies = ", ".join(f"seed {run.seed} ({run.test_acc:.3f})" for run in runs.itertuples())
        lines.append(f"collapsed: {results.title_of[cell]} {accuracies}")
    return lines


def draw(results: Results) -> Drawing:
    """Draw the cells, one row each."""
    cells, colours = results.cells, palette(results.cells.model)
    runs = dict(list(results.runs.groupby("cell")))
    figure, axes = forest(list(cells.title), np.arange(len(cells)), 0.21 * len(cells), len(cells) - 0.4)
    for y, row in enumerate(cells.itertuples()):
        shade = colours[row.model]
        for run in runs[row.cell].itertuples():
            gid = f"{TIP}{row.title}, seed {run.seed}: {run.test_acc:.4f}"
            axes.plot(run.test_acc, y + BELOW, ".", color=shade, ms=2.5, mew=0, alpha=0.7, gid=gid)
        tip = f"{row.title}: {spread(row.test_acc_mean, row.test_acc_std)}"
        mark_interval(axes, row, row.test_acc_mean, float(y), shade, tip, hollow=row.aux)
        if not math.isnan(row.paper_mean):
            tip = f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
            axes.plot(row.paper_mean, y, "|", color="black", ms=9, mew=1.2, label="the paper's mean", gid=tip)
    axes.set_xlabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)} (dots)")
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles=handles[:1], loc="outside lower center")
    return figure


def evaluations(results: Results) -> Iterator[Part]:
    """Yield the table of later evaluations of the saved networks: means over seeds, one row per cell and TASK.

    If the pairs are drawn with another seed than the run's own, the data set is named with that seed.
    """
    evaluated = results.collected("evaluations.csv", evaluation_table(results.runs))
    if evaluated.empty:
        return
    yield File.csv("evaluations.csv", evaluated, form=None)
    elsewhere = evaluated.dataset + evaluated.seed.map(", pairs of seed {}".format)
    runs = evaluated.assign(dataset=evaluated.dataset.where(evaluated.own_pairs, elsewhere))
    groups = runs.drop_duplicates([*TASK, "run_seed"]).groupby(TASK, sort=False)
    frame = accuracy_statistics(groups).reset_index()
    columns = [named("title", "cell"), named("dataset", "data"), Column("test pairs", "test_pairs", ",")]
    columns += [Column("tta", "tta"), *MEAN_ACCURACY]
    yield Table.of(frame.assign(title=frame.cell.map(results.title_of)), columns, "evaluations.csv")
    yield EVALUATIONS


def published_results(results: Results) -> Iterator[Part]:
    """Yield the published results, if a cell with 1,000 MNIST pairs has a higher accuracy than the lowest of them."""
    same_task = np.array([not condition.keys() & {"task", "dataset"} for condition in results.changed_settings])
    best = results.cells[same_task & (results.cells.train_pairs == 1000)].test_acc_mean.max()
    if best > min(work.mean for work in paper.OTHERS.values()):
        works = [*paper.OTHERS.values(), paper.ACCURACY["AL4"]._replace(source="the paper's AL4")]
        table = pd.DataFrame(works, columns=["test_acc_mean", "test_acc_std", "work", "n"])
        mean, half = table.test_acc_mean, half_width(table.test_acc_std, table.n)
        table["ci_low"], table["ci_high"] = (mean - half).clip(0, 1), (mean + half).clip(0, 1)
        yield Table.of(table, [named("work"), *MEAN_ACCURACY])
        yield PUBLISHED
