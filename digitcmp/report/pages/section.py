"""A section of a report: its heading, tables, figures, notes and files.

Every form of the report loops over the same list of sections: report.md, report.html, the other files, the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pandas as pd

from digitcmp.report.formats import TWO_SEEDS
from digitcmp.report.pages.columns import TWO_SEEDS_NOTE, Table
from digitcmp.report.results import Results

if TYPE_CHECKING:
    import matplotlib.figure

MOST_LINES = 20  # more lines of one type are counted instead


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


@dataclass(frozen=True)
class Section:
    """A heading and the function that yields its parts from the runs, nothing if the section does not apply."""

    title: str
    make: Callable[[Results], Iterable[Part]]

    def of(self, results: Results) -> Content:
        """Return the content of the section for some runs, with the note on intervals of two seeds if it has any."""
        parts, files = [], []
        for part in self.make(results):
            if isinstance(part, File):
                files.append(part)
            elif part:
                parts.append(part)
        if any(isinstance(part, Table) and TWO_SEEDS in str(part.rows) for part in parts):
            parts.append(TWO_SEEDS_NOTE)
        return Content(self.title, parts, files)


class Content(NamedTuple):
    """The content of a section: what every form of the report shows, in this order, and its further files."""

    title: str
    parts: Sequence[Table | Figure | str | list[str]]
    files: Sequence[File]


def cut_lines(lines: Sequence[str]) -> list[str]:
    """Return the first MOST_LINES lines and a line with the number of the others."""
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {more} more"] if more > 0 else list(lines)
