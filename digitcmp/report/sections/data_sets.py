"""The section on the effects of the auxiliary loss and sharing on each data set."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from digitcmp.report.contrasts.effects import differing
from digitcmp.report.figures import data_sets
from digitcmp.report.formats import P_VALUE, interval, to_text
from digitcmp.report.pages.columns import Table, name, settings
from digitcmp.report.pages.section import Figure, Part
from digitcmp.report.results import Results

NOTE = (
    "Effects of the auxiliary loss and sharing on test accuracy for each data set, and their differences from the "
    "first data set: mean and 95 % t-interval, paired by seed. p is Holm's p. That of a mean over networks is "
    "corrected among the differences between data sets, that of a pair of networks among all interactions."
)
FIGURE = "Effects of the auxiliary loss and sharing on test accuracy, for each data set."


def parts(results: Results) -> Iterator[Part]:
    """Yield the table, with a column per data set and per difference from the first one, and the figure."""
    frame = results.data_sets
    if frame.empty:
        return
    headings, texts = [], []
    for row in frame.itertuples():
        text = f"{row.mean:+.3f} {interval(row.ci_low, row.ci_high, '+.3f', row.n)}"
        headings.append(f"{row.dataset} − {row.less}" if row.less else row.dataset)
        texts.append(f"{text}, p {to_text(row.p_holm, P_VALUE)}" if row.less else text)
    keys = ["factor", "effect", "settings", "n"]
    named = frame.assign(settings=differing(frame.settings), heading=headings, text=texts)
    order = pd.MultiIndex.from_frame(named[keys].drop_duplicates().sort_values("factor", kind="stable"))
    wide = named.pivot(index=keys, columns="heading", values="text").fillna("").reindex(order)
    columns = sorted(dict.fromkeys(headings), key=lambda heading: " − " in heading)
    yield Table.of(wide.reset_index(), [*map(name, keys[:3]), *settings("n", *columns)])
    yield NOTE
    if results.averages.empty:
        yield Figure("data_sets", FIGURE, partial(data_sets.draw, frame))
