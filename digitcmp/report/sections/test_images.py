"""The section on intervals that also cover the test images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from digitcmp.report.contrasts import shared_images
from digitcmp.report.contrasts.planned import differing
from digitcmp.report.contrasts.shared_images import ACCURACY, COLUMNS
from digitcmp.report.formats import decimals, interval, to_text
from digitcmp.report.pages.section import Column, File, Part, Table, named
from digitcmp.report.results import Results

NOTE = (
    "The first interval is over seeds: over training pairs, initial weights and each seed's draw of test pairs. Seeds "
    "draw from the same test images. The second interval also covers these: it adds the covariance between seeds that "
    "answer about the same image. *from images* is the share of its variance that this adds."
)


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of accuracies and effects with the intervals over seeds and over test images."""
    frame = over_images(results)
    if frame.empty:
        return
    yield File.csv("test_images.csv", frame)

    def form(row: dict[str, Any]) -> str:
        return decimals(row["mean"]) if row["family"] == ACCURACY else "+.3f"

    columns = [
        named("effect", "cell or effect"),
        Column("n", "n"),
        named("settings"),
        Column("mean", "mean", lambda row: to_text(row["mean"], form(row))),
        Column("over seeds", "ci_low", lambda row: interval(row["ci_low"], row["ci_high"], form(row), row["n"])),
        Column("and test images", "images_low", lambda row: interval(row["images_low"], row["images_high"], form(row))),
        Column("from images", "images_share", ".0%"),
    ]
    contexts = [context if isinstance(context, str) else "" for context in frame.context]  # nan in a CSV file
    yield Table.of(frame.assign(settings=differing(contexts)), columns, "test_images.csv")
    yield NOTE


def over_images(results: Results) -> pd.DataFrame:
    """Return the accuracies and effects with a second interval, which covers the test images: COLUMNS.

    Empty unless the answers are known, or an archive has the table.
    """
    if results.answers is not None:
        titles = results.title_of
        return shared_images.over_images(results.grid, results.effects, results.cells, titles, results.answers)
    tables = results.archived("test_images.csv")
    return pd.concat(tables) if tables else pd.DataFrame(columns=list(COLUMNS))
