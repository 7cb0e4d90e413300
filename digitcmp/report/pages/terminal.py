"""A report on the terminal."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from digitcmp.report.pages.section import Content, Table
from digitcmp.report.results import Results


def show(results: Results, sections: Iterable[Content], console: Console) -> None:
    """Print the tables and lists of a report, the number of missing runs and the warnings."""
    for section in sections:
        for part in section.parts:
            if isinstance(part, Table):
                show_table(part, console)
                console.print()
            elif isinstance(part, list):
                for line in part:
                    console.print(line, markup=False)
    if results.unfinished or results.planned:
        unfinished, unstarted = len(results.unfinished), len(results.planned)
        console.print(f"missing runs: {unfinished} started but not finished, {unstarted} not started. See report.md.")
    for warning in results.warnings:
        console.print(f"WARNING: {warning}", style="bold red", markup=False)


def show_table(table: Table, console: Console) -> None:
    """Print a table. On a terminal, columns that do not fit follow below, each time beside the first column.

    Elsewhere, rows are printed whole, so that a line can be searched for.
    """
    places = column_blocks(table, console.width) if console.is_terminal else [list(range(len(table.columns)))]
    for block in places:
        printed = RichTable(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for place in block:
            column = table.columns[place]
            printed.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
        for row in table.first:
            printed.add_row(*(Text(row[place]) for place in block))
        printed.width = console.measure(printed, options=console.options.update(max_width=1000)).maximum
        console.print(printed, crop=False)
    if table.rest:
        console.print(table.rest, markup=False)


def column_blocks(table: Table, width: int) -> list[list[int]]:
    """Return the places of the columns that fit side by side into a width, each block beginning with the first one."""
    widths = []
    for place, column in enumerate(table.columns):
        widths.append(2 + max(map(cell_len, [column.heading, *(row[place] for row in table.first)])))
    blocks = [[0]]
    for place in range(1, len(widths)):
        used = sum(widths[other] for other in blocks[-1])
        if len(blocks[-1]) > 1 and used + widths[place] > width:
            blocks.append([0])
        blocks[-1].append(place)
    return blocks
