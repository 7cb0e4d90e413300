"""The CSV files of a report, read in place of runs that are gone."""

from pathlib import Path

import pandas as pd

from digitcmp.errors import RunError
from digitcmp.report.loading.settings import literal
from digitcmp.runs.result import MAJORITY, RESULT_KEYS, SCORES

TEXTS = {  # columns of texts, some of which look like numbers
    *({*RESULT_KEYS} - {"params", "fit_seconds", MAJORITY, *SCORES}),
    *("model", "dataset", "cls", "data_crc", "checkpoint", "function", "digest", "positions"),
}
DERIVED = ["collapsed"]  # columns of runs.csv that follow from the others
REQUIRED = ("cell", "seed", "test_acc", "config_hash")  # columns of runs.csv


def find_archive(root: Path) -> Path | None:
    """Return the folder of a report in `root`, or `root` itself if it is one; None if there is no runs.csv."""
    for folder in (root / "report", root):
        if (folder / "runs.csv").exists():
            return folder
    return None


def read_csv(file: Path) -> pd.DataFrame:
    """Read a CSV file of a report exactly as it was written: texts that look like numbers stay texts."""
    return pd.read_csv(file, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])


def read_runs(file: Path, root: Path) -> pd.DataFrame:
    """Read a report's runs.csv.

    Args:
        file: The runs.csv. The report's curves.csv must lie beside it.
        root: The folder of the sweep. The runs get the `path` that they would have in it.

    Returns:
        One row per run, like `runs.table.run_table`.

    Raises:
        RunError: The file is not a report's.
    """
    try:
        table = read_csv(file)
        missing = [key for key in REQUIRED if key not in table]
    except ValueError:  # the base class of pandas' own errors
        missing = ["cell"]
    if missing:
        raise RunError(f"{file} is no report's: it has no column {missing[0]}")
    if not (file.parent / "curves.csv").exists():
        raise RunError(f"{file.parent} holds a runs.csv but no curves.csv: a report needs both")
    for key in set(table.select_dtypes("str")) - TEXTS:
        table[key] = table[key].map(lambda value: literal(value) if isinstance(value, str) else value)
    paths = [str(root / cell / f"seed={seed}") for cell, seed in zip(table.cell, table.seed, strict=True)]
    return table.drop(columns=DERIVED, errors="ignore").assign(path=paths)


def read_code(file: Path) -> dict[str, dict[str, str]]:
    """Read a report's code.csv: the functions of each fingerprint with their digests; empty without the file."""
    if not file.exists():
        return {}
    code = {}
    for fingerprint, rows in read_csv(file).groupby("code"):
        code[str(fingerprint)] = dict(zip(rows.function, rows.digest, strict=True))
    return code
