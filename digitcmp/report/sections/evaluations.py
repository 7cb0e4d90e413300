"""The section on later evaluations of the saved networks."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from digitcmp.report.loading.cells import accuracy_statistics
from digitcmp.report.pages.section import Column, File, Part, Table, accuracy, named
from digitcmp.report.results import Results
from digitcmp.runs.table import evaluation_table

NOTE = (
    "Evaluations of the saved networks by `digitcmp evaluate`. With *tta*, an output is the mean over the images and "
    "their copies shifted by one pixel."
)
ORDER = (
    "*class order* is Kendall's τ between the numbers of the classes and their positions in the comparisons of test "
    "images. It is 1 if all classes are in order. *complete* counts the runs in which it is 1."
)
TASK = ["cell", "dataset", "test_pairs", "tta"]  # columns that group later evaluations over seeds


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of evaluations and its notes."""
    archived = results.archived("evaluations.csv")
    evaluated = pd.concat([evaluation_table(results.runs), *archived], ignore_index=True)
    if evaluated.empty:
        return
    runs = of_runs(evaluated)
    yield File.csv("evaluations.csv", evaluated, form=None)
    columns = [named("title", "cell"), named("dataset", "data"), Column("test pairs", "test_pairs", ",")]
    columns += [Column("tta", "tta"), *accuracy()]
    if "class_order" in runs:
        columns += [Column("class order", "order_mean", ".2f"), Column("std", "order_std", ".2f")]
        columns.append(
            Column("complete", "ordered", lambda row: f"{row['ordered']} of {row['orders']}" if row["orders"] else "")
        )
    yield Table.of(over_seeds(runs, results), columns, "evaluations.csv")
    yield NOTE
    if "class_order" in runs:
        yield ORDER


def of_runs(evaluated: pd.DataFrame) -> pd.DataFrame:
    """Return one evaluation per run and TASK, if possible one with an order of the classes.

    If the pairs are drawn with another seed than the run's own, `dataset` includes that seed.
    """
    elsewhere = evaluated.dataset + evaluated.seed.map(", pairs of seed {}".format)
    table = evaluated.assign(dataset=evaluated.dataset.where(evaluated.own_pairs, elsewhere))
    if "class_order" in table:
        table = table.sort_values("class_order", key=pd.isna, kind="stable")
    return table.drop_duplicates([*TASK, "run_seed"]).sort_index()


def over_seeds(runs: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the mean and std over seeds of evaluations, one row per cell and TASK.

    If an order of the classes was requested, `order_mean` and `order_std` are those of Kendall's tau, `ordered` is the
    number of runs in which it is 1, and `orders` the number of runs with an order.
    """
    rows = []
    for (cell, *task), group in runs.groupby(TASK, sort=False):
        row = {"title": results.title_of[cell], **dict(zip(TASK[1:], task, strict=True))} | accuracy_statistics(group)
        if "class_order" in group:
            order = group.class_order.dropna()
            row |= {"order_mean": order.mean(), "order_std": order.std()}
            row |= {"ordered": (order == 1).sum(), "orders": len(order)}
        rows.append(row)
    return pd.DataFrame(rows)
