"""The section on the values that the sweep's first stage selected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from digitcmp.report.formats import ACCURACY, to_text
from digitcmp.report.loading.loader import read_csv
from digitcmp.report.pages.section import Column, File, Part, Table, named
from digitcmp.report.results import Results
from digitcmp.runs.folder import RATES, SELECTION

CSV = "selected_rates.csv"
NOTE = (
    "The first stage of the sweep trained each network at several values of {option} on seeds {seeds}, which the runs "
    "above do not have. It selected the value with the highest mean validation accuracy, the smallest of equal ones. "
    "*(end)* marks a value beyond which none was tried; better ones may lie there. `digitcmp report NAME/rates` "
    "reports the first stage of the sweep NAME."
)


def selection(results: Results) -> pd.DataFrame:
    """Return the rows of selected.csv of the cells of some runs, with `title`. Empty without a first stage."""
    files = [root / RATES / SELECTION for root in results.roots] + [archive / CSV for archive in results.archives]
    tables = [read_csv(file) for file in files if file.exists()]
    if not tables:
        return pd.DataFrame()
    frame = pd.concat(tables).drop_duplicates("cell").set_index("cell")
    titles = pd.Series(results.titles, index=results.cells.cell, name="title")
    return frame.join(titles, how="inner").loc[[cell for cell in titles.index if cell in frame.index]].reset_index()


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of the selected values with the validation accuracies of their neighbours."""
    frame = selection(results)
    if frame.empty:
        return

    def value(row: dict[str, Any]) -> str:
        return to_text(float(row["value"])) + (" (end)" if row["at_end"] else "")

    def neighbour(side: str) -> Column:
        def text(row: dict[str, Any]) -> str:
            number, accuracy = row[side], row[f"{side}_val_acc"]
            return "" if pd.isna(number) else f"{to_text(accuracy, ACCURACY)} at {to_text(float(number))}"

        return Column(f"next {'smaller' if side == 'lower' else 'larger'}", f"{side}_val_acc", text)

    yield File.csv(CSV, frame.drop(columns="title"), form=None)
    for option, rows in frame.groupby("option", sort=False):
        columns = [named("title", "cell"), Column(f"selected {option}", "value", value)]
        columns += [Column("validation", "val_acc", ACCURACY), neighbour("lower"), neighbour("upper")]
        yield Table.of(rows, columns, CSV)
        seeds = sorted({int(seed) for text in rows.seeds for seed in text.split()})
        yield NOTE.format(option=option, seeds=", ".join(map(str, seeds)))
