"""The functions for Python and notebooks: training, and the runs of a folder as pandas DataFrames."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

import pandas as pd
from hydra import compose, initialize_config_dir

from digitcmp.config.conf import CONF, files
from digitcmp.errors import ConfigError, RunError
from digitcmp.files import OUTCOME
from digitcmp.report.results import Results
from digitcmp.runs.table import curve_table
from digitcmp.sweeps.grid import run_of, typed
from digitcmp.training import process

INTERNAL = ["contrast"]  # columns of effects that contain objects of the report


def train(*overrides: str, folder: str | Path | None = None, **options: Any) -> dict[str, Any]:
    """Train a run like `python train.py OVERRIDES`, and return its result.

    Args:
        overrides: options as on the command line, "model=ws3", "data.train_pairs=500".
        folder: the run's folder; by default the same as on the command line.
        options: options with Python values, such as `aux=True`, `data={"val_pairs": 300}` or a list of callbacks.

    Returns:
        The content of result.json, and `folder`, the run's folder.

    Raises:
        ConfigError: if an option is not allowed.
        RunError: if the run cannot be trained or written.
        FloatingPointError: if a loss is not finite.
    """
    given = [*overrides, *as_overrides(options)]
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", given, return_hydra_config=True)
            is_sweep, run_folder = config.hydra.sweeper.grids != [{}], Path(folder or config.hydra.run.dir)
        run = run_of(config)
    except process.MENDABLE as error:
        raise ConfigError(process.reason(error)) from None
    if is_sweep or run.dry_run:
        raise ConfigError(f"{' '.join(given)} trains no single run; one is expected. Use digitcmp.sweep for a sweep.")
    while folder is None and run_folder.exists():  # two runs can start in the same second
        run_folder = run_folder.with_name(f"{run_folder.name}-2")

    from digitcmp.training import fit  # slow import

    return fit.train(run, run_folder) | {"folder": str(run_folder)}


def sweep(*overrides: str, **options: Any) -> pd.DataFrame:
    """Train a sweep like `python train.py -m OVERRIDES`, and return all its runs.

    Finished runs are not trained again. The sweep runs in a process of its own, which ends with this function.

    Args:
        overrides: options as on the command line, "model=ws2,ws3", "experiment=table1".
        options: options with Python values. A list, tuple or range is swept: `seed=range(3), aux=[True, False]`.
            `sweep="mine"` names the sweep and its folder, multirun/mine.

    Returns:
        One row per finished run, as returned by `results` for the sweep's folder.

    Raises:
        ConfigError: if an option is not allowed.
        RunError: if a run failed. The message names the last failed run and its error.
    """
    given = [*overrides, *as_overrides(options, sweep=True)]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "outcome.json"
        environment = os.environ | {OUTCOME: str(file), "TTY_COMPATIBLE": "0"}  # no progress bar in Jupyter
        subprocess.run([sys.executable, "-m", "digitcmp", "train", "-m", *given], env=environment)
        outcome = json.loads(file.read_text("utf-8")) if file.exists() else {"error": "the sweep trained no run"}
    if "error" in outcome:
        raise (ConfigError if outcome.get("is_config") else RunError)(outcome["error"])
    if outcome["failures"]:
        raise RunError(outcome["failures"][-1])
    return results(outcome["folder"])


def results(folder: str | Path) -> pd.DataFrame:
    """Return one row per finished run: every setting, the final scores, and `path`, the run's folder.

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


def as_overrides(options: Mapping[str, Any], sweep: bool = False) -> list[str]:
    """Return options with Python values as they are typed: {"data": {"val_pairs": 3}} -> ["data.val_pairs=3"].

    Args:
        options: the options. The mapping of a group gives a key for each of its items; its `name` selects a file.
        sweep: whether a list, tuple or range is swept: {"seed": range(3)} -> ["seed=0,1,2"].

    Raises:
        ConfigError: for a value of an unsupported type.
    """
    flat: dict[str, Any] = {}
    for key, value in options.items():
        if key in ("callbacks", "logger") and isinstance(value, list) and isinstance([*value, 0][0], Mapping):
            value = {f"own{number}": target for number, target in enumerate(value)}
        if not isinstance(value, Mapping):
            flat[key] = value
            continue
        items = dict(value)
        if items.get("name") in files(key):
            flat[key] = items.pop("name")
        flat |= {f"{key}.{name}": item for name, item in items.items()}
    overrides = []
    for key, value in flat.items():
        values = value if sweep and isinstance(value, list | tuple | range) else [value]
        try:
            overrides.append(f"{key}=" + ",".join(item if isinstance(item, str) else typed(item) for item in values))
        except (TypeError, ValueError):
            reason = "expected a number, string, list or mapping. Use digitcmp.sweep for several values."
            raise ConfigError(f"{key}={shorten(repr(value), 60)} is not allowed; {reason}") from None
    return overrides
