"""The CSV files of a report, which replace runs that were deleted."""

from pathlib import Path

import pandas as pd

from digitcmp.errors import RunError
from digitcmp.report.loading.settings import literal
from digitcmp.runs.result import MAJORITY, RESULT_KEYS, SCORES

TEXTS = {  # columns of texts, even if a text looks like a number
    *({*RESULT_KEYS} - {"params", "fit_seconds", MAJORITY, *SCORES}),
    *("model", "dataset", "cls", "data_crc", "checkpoint", "function", "digest", "positions", "option", "seeds"),
}
DERIVED = ["collapsed"]  # columns of runs.csv that are computed from the others
REQUIRED = ("cell", "seed", "test_acc", "config_hash")  # columns that every runs.csv has


def find_archive(root: Path) -> Path | None:
    """Return `root`/report or `root`, the first of them that holds a runs.csv, or None."""
    for folder in (root / "report", root):
        if (folder / "runs.csv").exists():
            return folder
    return None


def read_csv(file: Path) -> pd.DataFrame:
    """Read a CSV file of a report. Texts that look like numbers stay texts."""
    return pd.read_csv(file, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])


def read_runs(file: Path, root: Path) -> pd.DataFrame:
    """Read a report's runs.csv.

    Args:
        file: The runs.csv. The curves.csv of the report is expected in the same folder.
        root: The folder of the sweep. `path` is set to the folder that each run had in it.

    Returns:
        One row per run, like `runs.table.run_table`.

    Raises:
        RunError: The file is not that of a report.
    """
    try:
        table = read_csv(file)
        missing = [key for key in REQUIRED if key not in table]
    except ValueError:  # the base class of pandas' errors
        missing = ["cell"]
    if missing:
        raise RunError(f"{file} has no column {missing[0]}; the runs.csv of a report is expected. Check the folder.")
    if not (file.parent / "curves.csv").exists():
        raise RunError(
            f"{file.parent} has a runs.csv but no curves.csv; a report with both is expected. Restore the missing file."
        )
    for key in set(table.select_dtypes("str")) - TEXTS:
        table[key] = table[key].map(lambda value: literal(value) if isinstance(value, str) else value)
    paths = [str(root / cell / f"seed={seed}") for cell, seed in zip(table.cell, table.seed, strict=True)]
    return table.drop(columns=DERIVED, errors="ignore").assign(path=paths)


def read_code(file: Path) -> dict[str, dict[str, str]]:
    """Read a report's code.csv, the files of each fingerprint with their digests. Empty without the file."""
    if not file.exists():
        return {}
    code = {}
    for fingerprint, rows in read_csv(file).groupby("code"):
        code[str(fingerprint)] = dict(zip(rows.function, rows.digest, strict=True))
    return code
