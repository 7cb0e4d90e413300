"""Train one network on one draw of pairs (python train.py model=ws3 aux=true), or sweep with -m."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from digitcmp import grid, process
from digitcmp.config import Run


@hydra.main(config_path="conf", config_name="config", **process.HYDRA)
def main(config: DictConfig) -> None:
    """Train one run in the folder that Hydra made for it: with a screen of its own, or as a job of a sweep."""
    run = Run.of(OmegaConf.to_container(config, resolve=True))
    folder = Path(HydraConfig.get().runtime.output_dir)
    alone = HydraConfig.get().mode is RunMode.RUN
    with process.guarded(run, folder, worker=not alone):
        from digitcmp.training import train  # torch takes seconds, which a value that is not allowed need not wait for

        train(run, folder, show=alone)


if __name__ == "__main__":
    sys.argv = grid.hydra_overrides(grid.with_multirun(sys.argv))
    process.command(main)
