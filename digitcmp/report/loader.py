"""The runs of some folders as one table: read, without duplicates, in the paper's order, with their origin."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.config.identity import defaults
from digitcmp.errors import RunError, first_few
from digitcmp.models import backbones
from digitcmp.report.cells import NO_SETTING, literal
from digitcmp.runs.folder import RATES, run_folders
from digitcmp.runs.result import MAJORITY, NETWORK, RESULT_KEYS, SCORES
from digitcmp.runs.table import run_table

TEXTS = {  # columns of texts, even if a text looks like a number
    *({*RESULT_KEYS} - {"params", "fit_seconds", MAJORITY, *SCORES}),
    *("model", "dataset", "cls", "data_crc", "checkpoint", "function", "digest", "positions", "option", "seeds"),
}
REQUIRED = ("cell", "seed", "test_acc", "config_hash")  # columns that every runs.csv has
CODE = ["code", "function", "digest"]  # a fingerprint, one of its files, and the digest of that file
MADE_WITH = ("versions", "git_commit", "device")


def sweep_folder(folder: Path) -> Path:
    """Return NAME for the report NAME/report, any other folder unchanged."""
    is_report = folder.name == "report" and (folder / "runs.csv").exists()
    return folder.parent if is_report else folder


def sweep_name(root: Path) -> str:
    """Return the name of a folder of runs, NAME/rates for the first stage of a sweep."""
    folder = root.resolve()
    return f"{folder.parent.name}/{folder.name}" if folder.name == RATES else folder.name


def read_source(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, Path | None]:
    """Read the finished runs of a folder, or the CSV files of its report if there is no finished run.

    Returns:
        One row per finished run, like `run_table`.
        The files of each fingerprint with their digests, with the columns CODE.
        The folder of the report whose CSV files were read, None if the runs themselves were read.

    Raises:
        RunError: The runs.csv is not that of a report.
    """
    runs, code, archive = run_table([root]), pd.DataFrame(columns=CODE), None
    if runs.empty:
        archive = next((folder for folder in (root / "report", root) if (folder / "runs.csv").exists()), None)
    if archive:
        runs = read_runs(archive / "runs.csv", root)
        if (archive / "code.csv").exists():
            code = read_csv(archive / "code.csv")
    elif "files" in runs:
        digests = runs.dropna(subset="files").drop_duplicates("code").set_index("code").files
        rows = [(key, file, digest) for key, files in digests.items() for file, digest in files.items()]
        runs, code = runs.drop(columns="files"), pd.DataFrame(rows, columns=CODE)
    for text in runs[NETWORK].dropna().unique() if NETWORK in runs else ():  # of plugins, which may not be imported
        facts = backbones.Facts(**json.loads(text))
        backbones.RECORDED.setdefault(facts.name, facts)
    return runs, code, archive


def read_csv(file: Path) -> pd.DataFrame:
    """Read a CSV file of a report. Texts that look like numbers stay texts."""
    return pd.read_csv(file, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])


def read_runs(file: Path, root: Path) -> pd.DataFrame:
    """Read a report's runs.csv as a table like `run_table`.

    Args:
        file: The runs.csv. The curves.csv of the report is expected in the same folder.
        root: The folder of the sweep. `path` is set to the folder that each run had in it.

    Raises:
        RunError: The file is not that of a report.
    """
    try:
        table = read_csv(file)
    except ValueError:  # the base class of pandas' errors
        table = pd.DataFrame()
    if not {*REQUIRED} <= {*table} or not (file.parent / "curves.csv").exists():
        raise RunError(
            f"{file} is not that of a report; the columns {', '.join(REQUIRED)} and a curves.csv in the same folder "
            "are expected. Check the folder."
        )
    for key in set(table.select_dtypes("str")) - TEXTS:
        table[key] = table[key].map(literal, na_action="ignore")
    paths = f"{root}/" + table.cell + "/seed=" + table.seed.astype(str)
    return table.drop(columns="collapsed", errors="ignore").assign(path=paths)


def fill_defaults(table: pd.DataFrame) -> pd.DataFrame:
    """Set the settings that only other folders of the report have to their defaults."""
    known = {key: value for key, value in defaults().items() if key in table and value is not None}
    return table.assign(**{key: table[key].where(table[key].notna(), known[key]).infer_objects() for key in known})


def drop_repeated(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Drop duplicate runs. The first by path is kept.

    Returns:
        The table, a warning if runs were dropped, and one for each run with different results.
    """
    table = table.sort_values("path", kind="stable")
    distinct = table.drop_duplicates(["config_hash", *SCORES])
    differing = distinct.config_hash[distinct.config_hash.duplicated()]
    warnings = []
    for _, same in table[table.config_hash.isin(differing)].groupby("config_hash"):
        scores = ", ".join(f"{run.test_acc:.4f} in {run.path}" for run in same.itertuples())
        warnings.append(f"the same run has different results, of which the first is used: test accuracy {scores}")
    repeated = table.duplicated("config_hash")
    if repeated.any():
        folders = first_few(list(table.path[repeated]))
        warnings.append(f"{repeated.sum()} runs are in several folders and are counted once, without {folders}")
    return table[~repeated], warnings


def sort_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Sort runs by the paper's order of cells, then by head, pairs, other settings, learning rate and seed."""
    networks = list(zip(table.model, table.aux.astype(bool), strict=True))
    ranks = [paper.CELLS.index(network) if network in paper.CELLS else len(paper.CELLS) for network in networks]
    first = ["head", "train_pairs"]
    settings = [*first, *sorted(set(table) - {"model", "aux", "lr", *first, *NO_SETTING})]
    levels = [[level_place(key, value) for value in table[key]] for key in settings]
    places = list(zip(ranks, networks, *levels, table.lr, table.seed, strict=True))
    return table.iloc[sorted(range(len(table)), key=places.__getitem__)].reset_index(drop=True)


def level_place(key: str, value: Any) -> tuple[int, list[Any], str]:
    """Return the sort key of a level of a setting.

    Booleans and texts sort with the default first, lists by length, and numbers by value after a missing value.
    """
    if isinstance(value, bool | np.bool_ | str):
        return int(value != defaults().get(key)), [], str(value)
    numbers = [number for number in (value if isinstance(value, list) else [value]) if number == number]
    return len(numbers), numbers, ""


def missing_folders(roots: Sequence[Path], table: pd.DataFrame) -> list[Path]:
    """Return the folders below `roots` of the runs that are not finished, that is not in the table."""
    done = {*table.path, *(table.cell + "/seed=" + table.seed.astype(str))}
    return [folder for folder in run_folders(roots) if done.isdisjoint((str(folder), run_name(folder)))]


def run_name(folder: Path) -> str:
    """Return the name of the folder of a run inside its sweep: CELL/seed=N."""
    return f"{folder.parent.name}/{folder.name}"


def origin_warnings(table: pd.DataFrame, code: pd.DataFrame) -> list[str]:
    """Return a warning for each way in which the origins of runs differ, and for each unknown network.

    Args:
        table: One row per run.
        code: The files of the fingerprints in its column `code`, with the columns CODE.
    """
    warnings = [
        f"{name} is not registered, and its results do not record whether it shares weights. It is compared as another "
        "backbone. Run digitcmp --plugins MODULE report with the module that registers it."
        for name in table.model.unique()
        if name not in backbones.facts()
    ]
    digests = code.groupby("function").digest.nunique()
    mixed = list(digests.index[digests > 1])
    unknown = table.reindex(columns=["code"]).code.isna().sum()
    for key in [key for key in MADE_WITH if key in table]:
        counts = table[key].value_counts().sort_index()
        if len(counts) > 1 and (key != "git_commit" or mixed or unknown):  # else the commits differ in other files
            made = "; ".join(f"{value} ({n} runs)" for value, n in counts.items())
            warnings.append(f"mixed {key} among these runs: {made}. Results may be rounded differently.")
    if mixed:
        warnings.append(f"mixed code among these runs: {first_few(mixed)}. Results may not be comparable.")
    if 0 < unknown < len(table):
        warnings.append(f"{unknown} of {len(table)} runs have no record of the code that trained them")
    if dirty := sorted(commit for commit in table.git_commit.unique() if commit.endswith("-dirty")):
        warnings.append(f"runs trained with uncommitted changes: git_commit {', '.join(dirty)}")
    return warnings
