"""The sections on published results and on test accuracy by number of training pairs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from digitcmp import paper
from digitcmp.report.figures import pairs
from digitcmp.report.formats import spread
from digitcmp.report.pages.columns import Column, Table, accuracy, name, settings
from digitcmp.report.pages.section import Figure, Part
from digitcmp.report.results import Results

PUBLISHED = (
    "Published results on the same task: mean ± standard deviation over n runs. The 95 % t-interval of the mean is "
    "computed from these and cut to [0, 1]."
)
NOTE = "Test accuracy by number of training pairs."
FIGURE = (
    "Test error by number of training pairs. Filled marks are without the auxiliary loss, open marks and dashed lines "
    "with it. Squares are the ordinal head."
)


def published(results: Results) -> Iterator[Part]:
    """Yield the table of published results."""
    if len(results.others):
        sources = [row.source if row.work in paper.OTHERS else row.work for row in results.others.itertuples()]
        yield Table.of(results.others.assign(work=sources), [name("work"), *accuracy("mean", "std")])
        yield PUBLISHED


def parts(results: Results) -> Iterator[Part]:
    """Yield the table by number of training pairs, one column per series, and the figure."""
    frame = results.pairs
    if frame.empty:
        return
    frame = frame.assign(value=list(map(spread, frame.test_acc_mean, frame.test_acc_std)))
    wide = frame.pivot(index="train_pairs", columns="series", values="value").fillna("").reset_index()
    yield Table.of(wide, [Column("pairs", "train_pairs", ","), *settings(*dict.fromkeys(frame.series))])
    yield NOTE
    if not results.only_rates:
        yield Figure("pairs", FIGURE, partial(pairs.draw, results))
