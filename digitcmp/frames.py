"""The runs of a folder as pandas DataFrames: `digitcmp.results`, `digitcmp.curves`, `digitcmp.effects`."""

from pathlib import Path

import pandas as pd

from digitcmp.report.results import Results
from digitcmp.runs.table import curve_table

INTERNAL = ["contrast"]  # columns that contain objects of the report


def results(folder: str | Path) -> pd.DataFrame:
    """Return one row per finished run: every setting, every score, and `path`, the run's folder.

    Args:
        folder: the folder of a sweep or a run, or a report whose runs were deleted.

    Raises:
        RunError: if the folder does not exist or holds no finished run.
    """
    return Results.load([Path(folder)]).runs


def curves(folder: str | Path) -> pd.DataFrame:
    """Return metrics.csv of every run: one row per run and epoch, with `path`, `cell` and `seed`.

    Raises:
        RunError: as `results`.
    """
    return curve_table(results(folder))


def effects(folder: str | Path) -> pd.DataFrame:
    """Return the effect of every factor of a sweep, paired by seed, with its 95 % interval, p and verdict.

    The rows and columns are those of the report's effects.csv.

    Raises:
        RunError: as `results`.
    """
    return Results.load([Path(folder)]).effects.drop(columns=INTERNAL)
