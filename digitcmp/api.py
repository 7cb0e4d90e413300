"""train.py for Python and notebooks: `digitcmp.train` and `digitcmp.sweeps`."""

import itertools
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from digitcmp import frames
from digitcmp.config.run import CONF, Run, groups
from digitcmp.errors import ConfigError, RunError
from digitcmp.sweeps.grid import hydra_overrides, typed
from digitcmp.training import messages, process
from digitcmp.training import train as training

OF_A_SWEEP = {  # options that mean nothing to a run in Python, and what to do
    "sweep": "it names a sweep. folder=FOLDER is the folder of a run, python train.py -m sweep=NAME a sweep.",
    "stop_on_failure": "it is an option of a sweep. python train.py -m starts one.",
}


def train(*overrides: str, folder: str | Path | None = None, **knobs: Any) -> dict[str, Any]:
    """Train a run as `python train.py OVERRIDES` does, and return its result, result.json as a dict.

    Args:
        overrides: options as on the command line, "model=ws3", "data.train_pairs=500".
        folder: where the run is written; by default where the command line would write it. The key `folder` of the
            result names it.
        knobs: options with a value of Python's, `aux=True, data={"val_pairs": 300}`, a list of callbacks too.

    Raises ConfigError for an option that is not allowed, also for one of a sweep alone, RunError, FloatingPointError.
    """
    for group in [key for key, value in knobs.items() if isinstance(value, Mapping) and key in groups()]:
        options = dict(knobs.pop(group))
        if options.get("name") in messages.files(group):
            knobs[group] = options.pop("name")
        knobs |= {f"{group}.{key}": value for key, value in options.items()}
    given = [*overrides, *(override(key, value) for key, value in knobs.items())]
    for key in (text.partition("=")[0].lstrip("+") for text in given):
        if key in OF_A_SWEEP:
            raise ConfigError(f"{key} is not allowed: {OF_A_SWEEP[key]}")
    try:
        composed, run_folder = compose_run(given, folder)
    except messages.MENDABLE as error:
        raise ConfigError(messages.reason(error, given)) from None
    run = Run.of(composed)
    if run.dry_run:
        raise ConfigError("dry_run=true is not allowed: it is an option of the command line.")
    first = run_folder
    for number in itertools.count(2):  # two runs in the same second
        if folder or not run_folder.exists():
            break
        run_folder = run_folder.with_name(f"{first.name}-{number}")
    return training.train(run, run_folder) | {"folder": str(run_folder)}


def sweep(*overrides: str, **options: Any) -> pd.DataFrame:
    """Train every combination of some options as `python train.py -m OVERRIDES` does, and return all runs of the sweep.

    Finished runs are not trained again. The sweep is a process of its own, whose output is printed.

    Args:
        overrides: options as on the command line, "model=ws2,ws3", "experiment=table1".
        options: options with a value of Python's; a list, tuple or range is swept: `seed=range(3), aux=[True, False]`.
            `sweep="mine"` names the sweep, whose folder is then multirun/mine.

    Returns:
        One row per finished run, as `digitcmp.results` of the sweep's folder.

    Raises:
        ConfigError: an option is not allowed.
        RunError: a run failed. The message names the last one and its error.
    """
    given = [*overrides, *(swept(key, value) for key, value in options.items())]
    line = [sys.executable, "-m", "digitcmp", "train", "-m", *given]
    lines = []
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for text in process.stdout:
            lines.append(text.rstrip())
            print(text, end="", flush=True)
    if process.returncode:
        reason = [text.strip() for text in lines if text] or ["the sweep was stopped"]
        if any(text.endswith(" not finished:") for text in reason):
            raise RunError(reason[-2])  # of the last failed run, above the command that trains it
        raise (RunError if " runs in " in reason[0] else ConfigError)(reason[-1])
    [folder] = [text.partition(" runs in ")[2].rpartition(", ")[0] for text in lines if " runs in " in text][:1]
    return frames.results(folder)


def swept(key: str, value: Any) -> str:
    """Return an option of a sweep as it is typed, a list, tuple or range as its values: 'seed=0,1,2'."""
    if isinstance(value, list | tuple | range):
        return f"{key}=" + ",".join(override("", item)[1:] for item in value)
    return override(key, value)


def override(key: str, value: Any) -> str:
    """Return an option with a value of Python's as it is typed. Raises ConfigError for a value that no option takes."""
    if isinstance(value, str):
        return f"{key}={value}"
    try:
        return f"{key}={typed(value)}"
    except (TypeError, ValueError):
        text = shorten(repr(value), 60)
        if isinstance(value, Iterable):
            raise ConfigError(
                f"{key}={text} is not allowed: one value is expected. python train.py -m {key}=VALUE,VALUE sweeps."
            ) from None
        raise ConfigError(f"{key}={text} is not allowed: a number, a text, a list or a mapping is expected.") from None


def compose_run(given: Sequence[str], folder: str | Path | None) -> tuple[dict[str, Any], Path]:
    """Return the configuration of a run and its folder. Raises ConfigError for a sweep, and Hydra's errors."""
    version = {key: value for key, value in process.HYDRA.items() if key == "version_base"}
    with initialize_config_dir(str(CONF), **version):
        config = compose("config", hydra_overrides(given), return_hydra_config=True)
        if config.hydra.sweeper.grids != [{}]:
            raise ConfigError(f"{' '.join(given)} is a sweep: python train.py {' '.join(given)}")
        composed = OmegaConf.to_container(config, resolve=False)
        run_folder = Path(folder or config.hydra.run.dir)
    assert isinstance(composed, dict)
    del composed["hydra"]
    return OmegaConf.to_container(OmegaConf.create(composed), resolve=True), run_folder  # type: ignore[return-value]
