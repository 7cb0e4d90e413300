"""Train one network on one draw of pairs (digitcmp train model=ws3 aux=true), or sweep with -m."""

import math
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from digitcmp.config.run import CONF, Run
from digitcmp.sweeps import grid
from digitcmp.training import process


def train(config: Any) -> float:  # a DictConfig, whose types trouble the type checks of the tests
    """Train one run in the folder that Hydra made for it, shown on the terminal, or as a job of a sweep.

    Returns:
        The validation accuracy, the objective of a sweeper that optimizes; nan for a rehearsal, which has none.
    """
    run = Run.of(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
    folder = Path(HydraConfig.get().runtime.output_dir)
    alone = HydraConfig.get().mode is RunMode.RUN
    with process.guarded(run, folder, worker=not alone):
        from digitcmp.training.train import train  # torch takes seconds, which a refused value need not wait for

        return float(train(run, folder, show=alone).get("val_acc", math.nan))


def main() -> None:
    """Compose the configuration that the command line describes, and train it."""
    sys.argv = grid.hydra_overrides(grid.with_multirun(sys.argv))
    process.command(hydra.main(config_path=str(CONF), config_name="config", **process.HYDRA)(train))
