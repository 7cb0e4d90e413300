"""The tables of a report, defined once for the terminal, Markdown, LaTeX and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from digitcmp.report.formats import P_VALUE, TWO_SEEDS, decimals, interval, spread, to_text

TWO_SEEDS_NOTE = (
    f"{TWO_SEEDS} marks the interval of two seeds. It extends 12.7 standard errors to either side of the mean, and is "
    "hardly informative."
)
LONG, FIRST = 150, 50  # tables with more rows than LONG are cut to FIRST

Row = dict[str, Any]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: The text above the column.
        key: The key of the row's value, by which the column is sorted.
        form: The form of the value for `to_text`, or a function that returns the text of a row.
        left: True to align the column to the left.
    """

    heading: str
    key: str
    form: str | Callable[[Row], str] = ""
    left: bool = False

    def text(self, row: Row) -> str:
        """Return the text of a row."""
        return to_text(row[self.key], self.form) if isinstance(self.form, str) else self.form(row)


class Table(NamedTuple):
    """A table as text, one row per row of a frame.

    Attributes:
        columns: The columns.
        rows: The texts of each row, one per column.
        keys: The values of each row that the columns are sorted by.
        file: The CSV file with all rows, '' if there is none. A table with a file is printed cut if it is long.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    keys: Sequence[Sequence[Any]]
    file: str = ""

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Sequence[Column], file: str = "") -> Table:
        """Return a frame as a table with these columns. Columns that are empty in every row are left out."""
        records = frame.to_dict("records")
        texts = [[column.text(row) for row in records] for column in columns]
        filled = [(column, text) for column, text in zip(columns, texts, strict=True) if any(text)]
        rows = [[text[i] for _, text in filled] for i in range(len(records))]
        keys = [[row[column.key] for column, _ in filled] for row in records]
        return cls([column for column, _ in filled], rows, keys, file)

    @property
    def first(self) -> Sequence[Sequence[str]]:
        """The rows to print: the first FIRST if there is a file and more than LONG rows."""
        return self.rows[:FIRST] if self.file and len(self.rows) > LONG else self.rows

    @property
    def rest(self) -> str:
        """The note on rows that are not printed, '' if there are none."""
        n, printed = len(self.rows), len(self.first)
        return f"The first {printed} of {n:,} rows. The report's `{self.file}` has all of them." if printed < n else ""


def named(key: str, heading: str = "") -> Column:
    """Return a column of names, aligned to the left."""
    return Column(heading or key, key, left=True)


def plain(*keys: str) -> list[Column]:
    """Return a column for each of these settings, counts or texts."""
    return [Column(key, key) for key in keys]


def estimate(heading: str, key: str) -> Column:
    """Return a column of estimates `key` with their intervals `key_low key_high`: '+0.026 [+0.014, +0.038]'."""

    def text(row: Row) -> str:
        return f"{to_text(row[key], '+.3f')} {interval(row[f'{key}_low'], row[f'{key}_high'], '+.3f')}".strip()

    return Column(heading, key, text)


def t_interval(form: str) -> Column:
    """Return the column of the 95 % t-intervals `ci_low ci_high` in a format."""
    return Column("95 % interval", "ci_low", lambda row: interval(row["ci_low"], row["ci_high"], form, row["n"]))


def accuracy(mean: str = "test_acc_mean", std: str = "test_acc_std") -> list[Column]:
    """Return the columns of n, of the mean with its standard deviation, and of the interval of the mean."""

    def limits(row: Row) -> str:
        return interval(row["ci_low"], row["ci_high"], decimals(row[mean]), row["n"])

    return [
        Column("n", "n"),
        Column("test accuracy", mean, lambda row: spread(row[mean], row[std])),
        Column("95 % interval", "ci_low", limits),
    ]


P_VALUES = [Column("p", "p", P_VALUE), Column("p (Holm)", "p_holm", P_VALUE)]
