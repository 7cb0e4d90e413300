"""Training from Python and notebooks: `digitcmp.train` and `digitcmp.sweep`."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

import pandas as pd
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from digitcmp import frames
from digitcmp.config.conf import CONF, files
from digitcmp.config.run import Run, groups
from digitcmp.errors import ConfigError, RunError
from digitcmp.files import OUTCOME
from digitcmp.sweeps.grid import typed
from digitcmp.training import fit, messages

FORCED = ("FORCE_COLOR", "CLICOLOR_FORCE")  # Jupyter sets them; a progress bar would be a line every moment
NO_DRY_RUN = "dry_run=true is not allowed: it is an option of the command line. Leave it out."
OF_A_SWEEP = {  # options that `train` rejects -> the advice
    "sweep": "it names a sweep. Use folder=FOLDER for the folder of a run, or digitcmp.sweep.",
    "stop_on_failure": "it is an option of a sweep. Use digitcmp.sweep.",
}


def train(*overrides: str, folder: str | Path | None = None, **options: Any) -> dict[str, Any]:
    """Train a run like `python train.py OVERRIDES`, and return its result.

    Args:
        overrides: options as on the command line, "model=ws3", "data.train_pairs=500".
        folder: the run's folder; by default the same as on the command line.
        options: options with Python values, such as `aux=True`, `data={"val_pairs": 300}` or a list of callbacks.

    Returns:
        The content of result.json, and `folder`, the run's folder.

    Raises:
        ConfigError: if an option is not allowed or is an option of a sweep.
        RunError: if the run cannot be trained or written.
        FloatingPointError: if a loss is not finite.
    """
    given = [*overrides, *(override(key, value) for key, value in flattened(options).items())]
    for key in (argument.partition("=")[0].lstrip("+") for argument in given):
        if key in OF_A_SWEEP:
            raise ConfigError(f"{key} is not allowed: {OF_A_SWEEP[key]}")
    try:
        composed, run_folder = compose_run(given, folder)
    except messages.MENDABLE as error:
        raise ConfigError(messages.reason(error, given)) from None
    run = Run.of(composed)
    if run.dry_run:
        raise ConfigError(NO_DRY_RUN)
    first = run_folder
    for number in itertools.count(2):  # two runs can start in the same second
        if folder or not run_folder.exists():
            break
        run_folder = run_folder.with_name(f"{first.name}-{number}")
    return fit.train(run, run_folder) | {"folder": str(run_folder)}


def sweep(*overrides: str, **options: Any) -> pd.DataFrame:
    """Train a sweep like `python train.py -m OVERRIDES`, and return all its runs.

    Finished runs are not trained again. The sweep runs in a process of its own, and its output is printed.

    Args:
        overrides: options as on the command line, "model=ws2,ws3", "experiment=table1".
        options: options with Python values. A list, tuple or range is swept: `seed=range(3), aux=[True, False]`.
            `sweep="mine"` names the sweep and its folder, multirun/mine.

    Returns:
        One row per finished run, as returned by `digitcmp.results` for the sweep's folder.

    Raises:
        ConfigError: if an option is not allowed.
        RunError: if a run failed. The message names the last failed run and its error.
    """
    given = [*overrides, *(swept(key, value) for key, value in flattened(options).items())]
    if "dry_run=true" in given:
        raise ConfigError(NO_DRY_RUN)
    line = [sys.executable, "-m", "digitcmp", "train", "-m", *given]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "outcome.json"
        plain = {key: value for key, value in os.environ.items() if key not in FORCED} | {OUTCOME: str(file)}
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=plain) as process:
            assert process.stdout is not None
            try:
                for text in process.stdout:
                    print(text, end="", flush=True)
            except BaseException:  # an interrupted notebook leaves nothing running
                process.terminate()
                raise
        outcome = json.loads(file.read_text("utf-8")) if file.exists() else {"error": "the sweep was stopped"}
    if "error" in outcome:
        raise (ConfigError if outcome.get("is_config") else RunError)(outcome["error"])
    if outcome["failures"]:
        raise RunError(outcome["failures"][-1])
    return frames.results(outcome["folder"])


def flattened(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the mapping of a group as keys: {"data": {"val_pairs": 3}} -> {"data.val_pairs": 3}."""
    flat: dict[str, Any] = {}
    for key, value in options.items():
        if key in ("callbacks", "logger") and isinstance(value, list) and isinstance([*value, 0][0], Mapping):
            value = {f"own{number}": target for number, target in enumerate(value)}
        if key not in (*groups(), "optimizer", "schedule") or not isinstance(value, Mapping):
            flat[key] = value
            continue
        of_group = dict(value)
        if of_group.get("name") in files(key):
            flat[key] = of_group.pop("name")
        flat |= {f"{key}.{name}": item for name, item in of_group.items()}
    return flat


def swept(key: str, value: Any) -> str:
    """Return an option of a sweep as it is typed. A list, tuple or range gives several values: 'seed=0,1,2'."""
    if isinstance(value, list | tuple | range):
        return f"{key}=" + ",".join(override("", item)[1:] for item in value)
    return override(key, value)


def override(key: str, value: Any) -> str:
    """Return an option with a Python value as it is typed. Raise ConfigError for a value of an unsupported type."""
    if isinstance(value, str):
        return f"{key}={value}"
    try:
        return f"{key}={typed(value)}"
    except (TypeError, ValueError):
        short = shorten(repr(value), 60)
        if isinstance(value, Iterable):
            raise ConfigError(
                f"{key}={short} is not allowed: one value is expected. Use digitcmp.sweep to train several."
            ) from None
        raise ConfigError(f"{key}={short} is not allowed; expected a number, string, list or mapping") from None


def compose_run(given: Sequence[str], folder: str | Path | None) -> tuple[dict[str, Any], Path]:
    """Return the configuration of a run and its folder.

    Raises:
        ConfigError: if the options describe a sweep.
        HydraException, OmegaConfBaseException: if Hydra rejects an option.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", list(given), return_hydra_config=True)
        if config.hydra.sweeper.grids != [{}]:
            raise ConfigError(f"{' '.join(given)} is a sweep; one run is expected. Use digitcmp.sweep.")
        composed = OmegaConf.to_container(config, resolve=False)
        run_folder = Path(folder or config.hydra.run.dir)
    assert isinstance(composed, dict)
    del composed["hydra"]
    return OmegaConf.to_container(OmegaConf.create(composed), resolve=True), run_folder  # type: ignore[return-value]
