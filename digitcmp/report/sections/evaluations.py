"""The section on later evaluations of the saved networks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from digitcmp.report.figures import class_order
from digitcmp.report.pages.columns import Column, Table, accuracy, name
from digitcmp.report.pages.section import Figure, File, Part
from digitcmp.report.results import Results

NOTE = (
    "Evaluations of the saved networks by `digitcmp evaluate`. With *tta*, an output is the mean over the images and "
    "their copies shifted by one pixel."
)
ORDER = (
    "*class order* is Kendall's τ between the numbers of the classes and their positions in the comparisons of test "
    "images. It is 1 if all classes are in order. *complete* counts the runs in which it is 1."
)
FIGURE = (
    "Positions of the classes: the probability that the network puts an image of a class after an image of another "
    "class. Bars are the correct positions. Squares are the ordinal head, open marks the auxiliary loss."
)


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of evaluations, its notes and the figure of class orders."""
    frame = results.evaluations
    if frame.empty:
        return
    yield File.csv("evaluations.csv", results.evaluated, form=None)
    columns = [name("title", "cell"), name("dataset", "data"), Column("test pairs", "test_pairs", ",")]
    columns += [Column("tta", "tta"), *accuracy()]
    if "order_mean" in frame:
        columns += [Column("class order", "order_mean", ".2f"), Column("std", "order_std", ".2f")]
        columns.append(
            Column("complete", "ordered", lambda row: f"{row['ordered']} of {row['orders']}" if row["orders"] else "")
        )
    yield Table.of(frame, columns, "evaluations.csv")
    yield NOTE
    if "order_mean" in frame:
        yield ORDER
    if "positions" in results.evaluated:
        yield Figure("class_order", FIGURE, partial(class_order.draw, results))
