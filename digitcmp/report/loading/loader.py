"""The runs of some folders as one table: read, without duplicates, in the paper's order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.config.run import defaults
from digitcmp.errors import RunError
from digitcmp.models import backbones
from digitcmp.report.loading.settings import NO_SETTING, literal
from digitcmp.runs.folder import CONFIG, RATES, run_folders
from digitcmp.runs.result import MAJORITY, NETWORK, RESULT_KEYS, SCORES
from digitcmp.runs.table import run_table

TEXTS = {  # columns of texts, even if a text looks like a number
    *({*RESULT_KEYS} - {"params", "fit_seconds", MAJORITY, *SCORES}),
    *("model", "dataset", "cls", "data_crc", "checkpoint", "function", "digest", "positions", "option", "seeds"),
}
DERIVED = ["collapsed"]  # columns of runs.csv that are computed from the others
REQUIRED = ("cell", "seed", "test_acc", "config_hash")  # columns that every runs.csv has


class Source(NamedTuple):
    """The runs of one folder.

    Attributes:
        runs: One row per finished run, like `run_table`.
        code: The files of each fingerprint with their digests.
        archive: The folder of the report whose CSV files were read, None if the runs themselves were read.
    """

    runs: pd.DataFrame
    code: dict[str, dict[str, str]]
    archive: Path | None = None


def sweep_folder(folder: Path) -> Path:
    """Return NAME for the report NAME/report, any other folder unchanged."""
    is_report = folder.name == "report" and (folder / "runs.csv").exists()
    return folder.parent if is_report else folder


def sweep_name(root: Path) -> str:
    """Return the name of a folder of runs, NAME/rates for the first stage of a sweep."""
    folder = root.resolve()
    return f"{folder.parent.name}/{folder.name}" if folder.name == RATES else folder.name


def read_source(root: Path) -> Source:
    """Read the finished runs of a folder, or the CSV files of its report if there is no finished run.

    Raises:
        RunError: The runs.csv is not that of a report.
    """
    table, code = run_table([root]), {}
    folder = find_archive(root) if table.empty else None
    if folder:
        table, code = read_runs(folder / "runs.csv", root), read_code(folder / "code.csv")
    elif "files" in table:
        known = table.dropna(subset="files")
        code = dict(zip(known.code, known.files, strict=True))
        table = table.drop(columns="files")
    for text in table[NETWORK].dropna().unique() if NETWORK in table else ():  # of plugins, which may not be imported
        facts = backbones.Facts(**json.loads(text))
        backbones.RECORDED.setdefault(facts.name, facts)
    return Source(table, code, folder)


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


def unknown_networks(table: pd.DataFrame) -> list[str]:
    """Return a warning for each network that is neither registered nor described by its results."""
    return [
        f"{name} is not registered, and its results do not record whether it shares weights. It is compared as another "
        "backbone. Run digitcmp --plugins MODULE report with the module that registers it."
        for name in table.model.unique()
        if name not in backbones.facts()
    ]


def fill_defaults(table: pd.DataFrame) -> pd.DataFrame:
    """Set the settings that only other folders of the report have to their defaults."""
    table = table.copy()
    for key, value in defaults().items():
        if key in table and value is not None:
            table[key] = table[key].where(table[key].notna(), value).infer_objects()
    return table


def drop_repeated(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[Path, Path], list[str]]:
    """Drop duplicate runs. The first by path is kept.

    Returns:
        The table, the folder of the kept run by the folder of each dropped run, and a warning for each run with
        different results.
    """
    table = table.sort_values("path", kind="stable")
    distinct = table.drop_duplicates(["config_hash", *SCORES])
    differing = distinct.config_hash[distinct.config_hash.duplicated()]
    warnings = []
    for _, same in table[table.config_hash.isin(differing)].groupby("config_hash"):
        scores = ", ".join(f"{run.test_acc:.4f} in {run.path}" for run in same.itertuples())
        warnings.append(f"the same run has different results, of which the first is used: test accuracy {scores}")
    first = table.groupby("config_hash").path.transform("first")
    folders = {Path(path): Path(kept) for path, kept in zip(table.path, first, strict=True) if path != kept}
    return table.drop_duplicates("config_hash"), folders, warnings


def sort_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Sort runs by the paper's order of cells, then by head, pairs, other settings, learning rate and seed."""
    first = ["head", "train_pairs"]
    settings = [*first, *sorted(set(table) - {"model", "aux", "lr", *first, *NO_SETTING})]
    records = table.to_dict("records")
    places = sorted(range(len(records)), key=lambda i: place(records[i], settings))
    return table.iloc[places].reset_index(drop=True)


def place(run: Mapping[str, Any], settings: Sequence[str]) -> tuple[Any, ...]:
    """Return the sort key of a run for `sort_runs`."""
    network = (run["model"], bool(run["aux"]))
    rank = paper.CELLS.index(network) if network in paper.CELLS else len(paper.CELLS)
    return rank, *network, [level_place(key, run[key]) for key in settings], run["lr"], run["seed"]


def level_place(key: str, value: Any) -> tuple[int, list[Any], str]:
    """Return the sort key of a level of a setting.

    Booleans and texts sort with the default first, lists by length, and numbers by value after a missing value.
    """
    if isinstance(value, bool | np.bool_ | str):
        return int(value != defaults().get(key)), [], str(value)
    numbers = [number for number in (value if isinstance(value, list) else [value]) if number == number]
    return len(numbers), numbers, ""


def missing_folders(
    roots: Sequence[Path], table: pd.DataFrame, duplicates: Iterable[Path] = ()
) -> tuple[list[Path], list[Path]]:
    """Return the folders of unfinished runs and those of runs that were never started.

    Args:
        roots: The folders of the runs.
        table: One row per finished run.
        duplicates: The folders of duplicate runs, which are left out.
    """
    done = {*table.path, *map(str, duplicates), *(table.cell + "/seed=" + table.seed.astype(str))}
    missing = [
        folder for folder in run_folders(roots) if not {str(folder), f"{folder.parent.name}/{folder.name}"} & done
    ]
    unfinished = [folder for folder in missing if (folder / CONFIG).exists()]
    return unfinished, [folder for folder in missing if folder not in unfinished]
