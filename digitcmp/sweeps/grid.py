"""The runs of a sweep: a union of grids, each the product of its keys' values."""

import itertools
import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from digitcmp.config.run import Run
from digitcmp.errors import ConfigError
from digitcmp.fields import shown
from digitcmp.sweeps.jobs import Job

Grid = Mapping[str, Any]  # {key: values} with values as on the command line: 'ws2,ws3', 'range(10)'
GRID_OF_ITS_OWN = (
    ". An argument that only some of a sweep's networks have needs a grid of its own: "
    "'hydra.sweeper.grids=[{model: ws2, model.hidden: 50}, {model: ws3}]'"
)
OF_A_SWEEP = ("sweep", "force", "stop_on_failure", "stale", "dry_run")  # options of a sweep, not of a run


class Planner:
    """Plan the runs of a sweep.

    Args:
        loader: Hydra's loader of configurations.
        config: the configuration of the sweep.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self.loader, self.config = loader, config
        self.parser = OverridesParser.create(config_loader=loader)
        self.groups = loader.list_groups("")  # the folders of conf/
        self.composed: dict[tuple[str, ...], bytes] = {}

    def plan(self, grids: Sequence[Grid], arguments: list[str], root: Path) -> list[Job]:
        """Return the jobs of some grids, each run once.

        Args:
            grids: the grids.
            arguments: the typed overrides. They replace a grid's values of the same key.
            root: the folder of the runs.

        Raises:
            ConfigError: for the first key or value that is not allowed.
        """
        typed_values = self.alternatives(arguments)
        for key in OF_A_SWEEP:
            if len(several := typed_values.get(key, [])) > 1:
                listed = ",".join(shown(override.value()) for override in several)
                raise ConfigError(f"{key}={listed} is not allowed: a sweep has one {key}; one value is expected")
        self.reject_two_sweeps(typed_values.get("experiment", []))
        jobs: dict[Path, Job] = {}
        for grid in grids:
            values = self.alternatives([f"{key}={'null' if item is None else item}" for key, item in grid.items()])
            given = typed_values
            if "experiment" in values:  # the grid sweeps recipes; the sweep's own file overrides their options
                own = [f",{file_names(override)}" for override in typed_values.get("experiment", [])] or [""]
                pairs = itertools.product(values["experiment"], own)
                recipes = self.parser.parse_overrides(
                    [f"experiment=[{file_names(recipe)}{file}]" for recipe, file in pairs]
                )
                given = typed_values | {"experiment": recipes} | self.alternatives([f"sweep={self.config.sweep}"])
            for overrides in itertools.product(*(values | given).values()):
                try:
                    run = self.compose(overrides)
                except ConfigError as error:
                    is_mixed = len((values | given).get("model", [])) > 1 and str(error).startswith("model.")
                    raise ConfigError(f"{error}{GRID_OF_ITS_OWN if is_mixed else ''}") from None
                if run.trainer.fast_dev_run:
                    raise ConfigError("trainer.fast_dev_run is not allowed in a sweep: it records no result")
                folder = root / run.cell_name / f"seed={run.seed}"
                jobs[folder] = Job([str(override.input_line) for override in overrides], run, folder)
        return list(jobs.values())

    def reject_two_sweeps(self, experiments: Iterable[Override]) -> None:
        """Raise ConfigError for a list of experiments with two sweeps. Hydra would train the last one alone."""
        for override in experiments:
            names = value if isinstance(value := override.value(), list) else []
            files = [self.loader.load_sweep_config(self.config, [f"experiment={name}"]) for name in names]
            if sum(file.hydra.sweeper.grids != [{}] for file in files) > 1:
                raise ConfigError(f"{override.input_line} is not allowed: both are sweeps; start one at a time.")

    def alternatives(self, arguments: list[str]) -> dict[str, list[Override]]:
        """Return the values of each key as overrides. Raise ConfigError for an interval."""
        values = {}
        for override in self.parser.parse_overrides(arguments):
            key = override.get_key_element()
            if not override.is_sweep_override():
                values[key] = [override]
            elif override.is_discrete_sweep():
                lines = [f"{key}={value}" for value in override.sweep_string_iterator()]
                values[key] = self.parser.parse_overrides(lines)
            else:
                raise ConfigError(f"{override.input_line} is not allowed; expected a list, range() or choice()")
        return values

    def compose(self, overrides: Iterable[Override]) -> Run:
        """Return a run. Hydra composes once for each choice of files, because that is slow.

        Raises:
            ConfigError: if a chosen file is a sweep, or for the first key or value that is not allowed.
        """
        settings = [override for override in overrides if not self.is_choice(override)]
        files = tuple(str(override.input_line) for override in overrides if self.is_choice(override))
        if files not in self.composed:
            config = self.loader.load_sweep_config(self.config, list(files))
            if config.hydra.sweeper.grids not in (self.config.hydra.sweeper.grids, [{}]):
                raise ConfigError(f"{' '.join(files)} is not allowed inside a sweep: it is a sweep. Start it alone.")
            self.composed[files] = pickle.dumps(without_hydra(config))
        config = pickle.loads(self.composed[files])  # ten times as fast as a deep copy
        for override in settings:
            OmegaConf.update(config, override.key_or_group, override.value(), force_add=True)
        return Run.of(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]

    def is_choice(self, override: Override) -> bool:
        """Return whether an override selects a file of conf/ or deletes a key."""
        is_group = override.key_or_group.split("/")[0] in self.groups and not isinstance(override.value(), dict)
        return override.is_delete() or is_group


def run_of(config: DictConfig) -> Run:
    """Return the run of a composed configuration. Raise ConfigError."""
    return Run.of(OmegaConf.to_container(without_hydra(config), resolve=True))  # type: ignore[arg-type]


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a copy of a configuration without Hydra's own options."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def file_names(override: Override) -> str:
    """Return the names of files that an override selects, 'best' or 'best,table1'."""
    return str(override.input_line).partition("=")[2].strip("[]")


def typed(value: Any) -> str:
    """Return a value of Python or NumPy in Hydra's syntax of the command line."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(typed, value)) + "]"
    if isinstance(value, str | Path):
        return "'" + str(value).replace("'", r"\'") + "'"
    return json.dumps(value.item() if hasattr(value, "item") else value)
