"""The runs of a folder as pandas DataFrames: `digitcmp.results`, `digitcmp.curves`, `digitcmp.effects`."""

from pathlib import Path

import pandas as pd

from digitcmp.errors import RunError
from digitcmp.report.results import Results
from digitcmp.runs.table import curve_table

INTERNAL = ["contrast"]  # columns of effects that are objects of the report


def results(folder: str | Path) -> pd.DataFrame:
    """Return one row per finished run: every setting, every score, and `path`, the run's folder.

    Args:
        folder: A sweep's folder, a run's, or that of a report whose runs are gone.

    Raises:
        RunError: The folder does not exist or holds no finished run.
    """
    return load(folder).runs


def curves(folder: str | Path) -> pd.DataFrame:
    """Return metrics.csv of every run: one row per run and epoch, with `path`, `cell` and `seed`.

    Raises:
        RunError: As `results`.
    """
    return curve_table(load(folder).runs)


def effects(folder: str | Path) -> pd.DataFrame:
    """Return the effect of every factor of a sweep, paired by seed, with its 95 % interval, p and verdict.

    The rows and columns are those of the report's effects.csv.

    Raises:
        RunError: As `results`.
    """
    return load(folder).effects.drop(columns=INTERNAL)


def load(folder: str | Path) -> Results:
    """Read the runs of a folder. Raises RunError if it does not exist or holds no finished run."""
    if not Path(folder).is_dir():
        raise RunError(f"{folder} is not a folder; a folder of runs is expected")
    loaded = Results.load([Path(folder)])
    if loaded.runs.empty:
        raise RunError(f"{folder} holds no finished run; a folder of runs is expected")
    return loaded
