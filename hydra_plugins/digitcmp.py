"""Plugins of Hydra: the check before a run, the sweeper, and the launcher for this machine.

Hydra imports this module before it composes a configuration.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from joblib import cpu_count
from omegaconf import DictConfig, OmegaConf

from digitcmp import paper
from digitcmp.config import help
from digitcmp.sweeps import selection, study
from digitcmp.sweeps.grid import Planner, run_of
from digitcmp.sweeps.jobs import Job
from digitcmp.sweeps.sweep import sweep
from digitcmp.training import process

OmegaConf.register_new_resolver("digitcmp_choices", help.choices, replace=True)
OmegaConf.register_new_resolver("digitcmp_options", help.options, replace=True)
OmegaConf.register_new_resolver("digitcmp_label", paper.label, replace=True)
# Hydra accepts any key in these groups, and the run checks them: a sweep of several networks can set their arguments
OPEN = ("model", "head", "optimizer", "schedule", "data", "trainer", "callbacks", "logger")
ConfigStore.instance().store("groups", {name: OmegaConf.create({}, flags={"struct": False}) for name in OPEN})


class CheckConfig(Callback):
    """Check a single run before its folder is created, and exit if the configuration or the folder is invalid."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with process.one_line():  # Hydra turns a callback's exception into a warning, so exit instead
            run = run_of(config)
            if run.dry_run:
                print(f"would train {run.label}, {run.cell_name}, seed {run.seed}, into {config.hydra.run.dir}")
                sys.exit(0)
            Path(config.hydra.run.dir).mkdir(parents=True, exist_ok=True)


class LocalLauncher(JoblibLauncher):
    """Hydra's joblib launcher, with at most as many workers as runs, but two. The workers end with a killed sweep."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        n_jobs = cpu_count() if self.joblib.get("n_jobs", -1) < 0 else self.joblib["n_jobs"]
        # with one worker, joblib would train in this process, which a killed run would end
        self.joblib["n_jobs"] = n_jobs if n_jobs in (0, 1) else max(2, min(n_jobs, len(job_overrides)))
        self.joblib |= {"initializer": process.end_with, "initargs": (os.getpid(),)}
        return super().launch(job_overrides, initial_job_idx)


class GridSweeper(Sweeper):
    """Train the unfinished runs of a union of grids, each run in the folder of its cell and seed.

    Args:
        grids: a list of {key: values} with values as on the command line ('ws2,ws3', 'range(10)'). Typed overrides
            replace a grid's values of the same key. A value `selected` is selected first: `selection.in_stages`.
        rates: {key: values} of the runs that select it.
    """

    def __init__(self, grids: Sequence[Mapping[str, Any]], rates: Mapping[str, Any] | None = None) -> None:
        self.grids, self.rates = grids, rates or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.plan = Planner(hydra_context.config_loader, config).plan
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Plan the runs and train them. Exit with 1 if a run failed."""
        config, root = self.config, Path(self.config.hydra.sweep.dir)
        is_study = config.hydra.runtime.choices.get("experiment") == study.NAME
        if is_study:
            arguments = [*arguments, *study.arguments(arguments, self.plan, root)]
        selection.in_stages(self.grids, self.rates, arguments, root, self.plan, self.train)
        if is_study and not config.dry_run:
            study.conclude(root)

    def train(self, jobs: Sequence[Job], root: Path) -> None:
        """Train the unfinished ones of some runs. Exit with 1 if one failed."""
        config = self.config
        options = [argument for argument in sys.argv[1:] if argument.startswith("--config-")]
        options += [option for option in config.hydra.overrides.hydra if option != "hydra.mode=MULTIRUN"]
        options += ["hydra.sweeper.grids=[{}]"] if self.grids != [{}] else []
        options += ["hydra.sweeper.rates=null"] if self.rates else []
        if root != Path(config.hydra.sweep.dir):
            options.append(f'hydra.sweep.dir="{root}"')
        sweep(jobs, self.launch, root, options)

    def launch(self, jobs: Sequence[Job]) -> Iterable[str | None]:
        """Train these jobs and yield an error or None for each."""
        folders = [f"hydra.sweep.subdir='{job.folder.relative_to(self.config.hydra.sweep.dir)}'" for job in jobs]
        overrides = [[*job.overrides, folder] for job, folder in zip(jobs, folders, strict=True)]
        for returned in self.launcher.launch(overrides, initial_job_idx=0):
            reason = None
            try:
                with contextlib.redirect_stderr(io.StringIO()):  # Hydra prints the overrides of a failed job
                    returned.return_value  # noqa: B018  raises the job's error
            except Exception as error:
                reason = process.reason(error)
            yield reason
