"""train.py for Python and notebooks: `digitcmp.train`."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from digitcmp.config.run import CONF, Run, groups
from digitcmp.errors import ConfigError
from digitcmp.sweep.grid import hydra_overrides, typed
from digitcmp.training import process
from digitcmp.training import train as training


def train(*overrides: str, folder: str | Path | None = None, **knobs: Any) -> dict[str, Any]:
    """Train a run as `python train.py OVERRIDES` does, and return its result, result.json as a dict.

    overrides, knobs: `train("model=ws3", "data.train_pairs=500", aux=True, seed=3, data={"val_pairs": 300})`, a knob's
    value as Python has it, `callbacks=[{"_target_": ..., "patience": 3}]` too. folder: where it is written; by
    default where the command line would write it, which the result's `folder` says. Raises ConfigError for what is not
    allowed, RunError, FloatingPointError.
    """
    for group in [key for key, value in knobs.items() if isinstance(value, Mapping) and key in groups()]:
        knobs |= {f"{group}.{key}": value for key, value in knobs.pop(group).items()}
    given = [
        *overrides,
        *(f"{key}={value if isinstance(value, str) else typed(value)}" for key, value in knobs.items()),
    ]
    with initialize_config_dir(
        str(CONF), **{key: value for key, value in process.HYDRA.items() if key == "version_base"}
    ):
        config = compose("config", hydra_overrides(given), return_hydra_config=True)
        if config.hydra.sweeper.grids != [{}]:
            raise ConfigError(f"{' '.join(given)} is a sweep: python train.py {' '.join(given)}")
        composed = OmegaConf.to_container(config, resolve=False)
        run_folder = Path(folder or config.hydra.run.dir)
    assert isinstance(composed, dict)
    del composed["hydra"]
    run = Run.of(OmegaConf.to_container(OmegaConf.create(composed), resolve=True))  # type: ignore[arg-type]
    if run.dry_run:
        raise ConfigError("dry_run=true is not allowed: of the command line alone")
    for number in itertools.count(2):  # two runs in the same second
        if folder or not run_folder.exists():
            break
        run_folder = Path(f"{config.hydra.run.dir}-{number}")
    return training.train(run, run_folder) | {"folder": str(run_folder)}
