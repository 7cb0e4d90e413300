"""A section of a report: its title, tables, figures, notes and files.

Every form of the report loops over the same list of sections: report.md, report.html, the other files, the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from digitcmp.report.formats import P_VALUE, TWO_SEEDS, decimals, estimated, interval, spread, to_text

if TYPE_CHECKING:
    import matplotlib.figure

MOST_LINES = 20  # more lines of one type are counted instead
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

    @property
    def markdown(self) -> str:
        """The table as Markdown."""
        rule = [":--" if column.left else "--:" for column in self.columns]
        rows: list[Sequence[str]] = [[column.heading for column in self.columns], rule, *self.first]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"\n{self.rest}\n" if self.rest else "")

    def show(self, console: Console) -> None:
        """Print the table. On a terminal, columns that do not fit follow below, each time beside the first column.

        Elsewhere, rows are printed whole, so that a line can be searched for.
        """
        for block in self.blocks(console.width) if console.is_terminal else [list(range(len(self.columns)))]:
            printed = RichTable(box=None, header_style="bold", padding=(0, 2, 0, 0))
            for place in block:
                column = self.columns[place]
                printed.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
            for row in self.first:
                printed.add_row(*(Text(row[place]) for place in block))
            printed.width = console.measure(printed, options=console.options.update(max_width=1000)).maximum
            console.print(printed, crop=False)
        if self.rest:
            console.print(self.rest, markup=False)

    def blocks(self, width: int) -> list[list[int]]:
        """Return the places of the columns that fit side by side into a width. Each block begins with the first one."""
        cells = [[column.heading for column in self.columns], *self.first]
        widths = [2 + max(map(cell_len, texts)) for texts in zip(*cells, strict=True)]
        blocks = [[0]]
        for place in range(1, len(widths)):
            if len(blocks[-1]) > 1 and sum(widths[other] for other in [*blocks[-1], place]) > width:
                blocks.append([0])
            blocks[-1].append(place)
        return blocks


class Figure(NamedTuple):
    """A figure: the name of its files without the ending, its caption, and the function that draws it."""

    name: str
    caption: str
    draw: Callable[[], matplotlib.figure.Figure]


class File(NamedTuple):
    """A further file of a section: its name and its text."""

    name: str
    text: str

    @classmethod
    def csv(cls, name: str, frame: pd.DataFrame, form: str | None = "%.6g") -> File:
        """Return a frame as a CSV file. With form None, numbers have all digits."""
        return cls(name, frame.to_csv(index=False, float_format=form))


# a paragraph or a list of lines is Markdown with no other markup than *emphasis* and `code`
Part: TypeAlias = Table | Figure | File | str | list[str]


class Section(NamedTuple):
    """A section: its title, the parts that every form of the report shows, in this order, and its further files."""

    title: str
    parts: Sequence[Table | Figure | str | list[str]]
    files: Sequence[File]

    @classmethod
    def of(cls, title: str, parts: Iterable[Part]) -> Section:
        """Return a section with these parts, and the note on intervals of two seeds if a table has any."""
        made = [part for part in parts if part]
        files = [part for part in made if isinstance(part, File)]
        shown = [part for part in made if not isinstance(part, File)]
        if any(isinstance(part, Table) and TWO_SEEDS in str(part.rows) for part in shown):
            shown.append(TWO_SEEDS_NOTE)
        return cls(title, shown, files)


def cut_lines(lines: Sequence[str]) -> list[str]:
    """Return the first MOST_LINES lines and a line with the number of the others."""
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {more} more"] if more > 0 else list(lines)


def named(key: str, heading: str = "") -> Column:
    """Return a column of names, aligned to the left."""
    return Column(heading or key, key, left=True)


def plain(*keys: str) -> list[Column]:
    """Return a column for each of these settings, counts or texts."""
    return [Column(key, key) for key in keys]


def estimate(heading: str, key: str) -> Column:
    """Return a column of estimates `key` with their intervals `key_low key_high`: '+0.026 [+0.014, +0.038]'."""
    return Column(heading, key, lambda row: estimated(row[key], row[f"{key}_low"], row[f"{key}_high"]))


def t_interval(form: str = "") -> Column:
    """Return the column of the 95 % t-intervals `ci_low ci_high` in a format, by default that of the mean accuracy."""

    def text(row: Row) -> str:
        return interval(row["ci_low"], row["ci_high"], form or decimals(row["test_acc_mean"]), row["n"])

    return Column("95 % interval", "ci_low", text)


MEAN_ACCURACY = [  # n, the mean with its standard deviation, and the interval of the mean
    Column("n", "n"),
    Column("test accuracy", "test_acc_mean", lambda row: spread(row["test_acc_mean"], row["test_acc_std"])),
    t_interval(),
]
P_VALUES = [Column("p", "p", P_VALUE), Column("p (Holm)", "p_holm", P_VALUE)]
