"""The section with a figure for each numeric setting."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from digitcmp.report.figures import levels
from digitcmp.report.pages.section import Figure, Part
from digitcmp.report.results import Results

FIGURE = (
    "Means by {}. The cells of a line have all other settings in common except the learning rate. If there are many "
    "such lines, each line is a mean over the other settings. Dashed lines and open marks are with the auxiliary loss. "
    "An interval may extend below the axis."
)


def parts(results: Results) -> Iterator[Part]:
    """Yield a figure for each setting with a series of levels, except training pairs if they have a figure."""
    for factor, rows in results.series.groupby("factor"):
        if factor != "train_pairs" or results.pairs.empty or results.only_rates:
            draw = partial(levels.draw_factor, str(factor), rows, results)
            yield Figure(f"levels_{factor}", FIGURE.format(factor), draw)
