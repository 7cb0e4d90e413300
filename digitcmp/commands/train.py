"""Train one run (digitcmp train model=ws3 aux=true), or a sweep with -m."""

import math
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from digitcmp.config.conf import CONF
from digitcmp.sweeps.grid import run_of
from digitcmp.training import process


def train(config: DictConfig) -> float:
    """Train one run in the folder that Hydra made for it. A single run reports on the terminal, a job does not.

    Returns:
        The validation accuracy, which sweepers that optimize use as their objective; nan with `fast_dev_run`.
    """
    run = run_of(config)
    folder = Path(HydraConfig.get().runtime.output_dir)
    alone = HydraConfig.get().mode is RunMode.RUN
    with process.single(folder) if alone else process.job(folder):
        from digitcmp.training.fit import train  # slow import; invalid values fail before it

        return float(train(run, folder, show=alone).get("val_acc", math.nan))


def main() -> None:
    """Train the run, or the sweep, that the command line describes."""
    process.command(hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(train))
