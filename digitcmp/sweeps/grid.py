"""The runs of a sweep: a union of grids, each the product of its keys' values."""

import copy
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from digitcmp.config.run import Run
from digitcmp.errors import ConfigError
from digitcmp.fields import shown
from digitcmp.sweeps.job import Job

Grid = Mapping[str, Any]  # {key: values} with values as on the command line: 'ws2,ws3', 'range(10)'
GRID_OF_ITS_OWN = (
    ". An argument that only some of a sweep's networks have needs a grid of its own: "
    "'hydra.sweeper.grids=[{model: ws2, model.hidden: 50}, {model: ws3}]'"
)
OF_A_SWEEP = ("sweep", "force", "stop_on_failure", "stale", "dry_run")  # options of a sweep, not of a run


def flags(arguments: Sequence[str]) -> list[str]:
    """Return the flags on a command line that locate Hydra's files, with their values."""
    found = []
    for argument, value in itertools.pairwise([*arguments, ""]):
        flag, equals, _ = argument.partition("=")
        if flag in ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"):
            found += [argument] if equals else [argument, value]
    return found


def typed(value: Any) -> str:
    """Return a value of Python or NumPy in Hydra's syntax of the command line."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(typed, value)) + "]"
    if isinstance(value, str | Path):
        return "'" + str(value).replace("'", r"\'") + "'"
    return json.dumps(value.item() if hasattr(value, "item") else value)


def plan(
    grids: Sequence[Grid],
    arguments: list[str],
    sweep: str,
    root: Path,
    parser: OverridesParser,
    groups: Iterable[str],
    compose: Callable[[tuple[str, ...]], dict[str, Any]],
) -> list[Job]:
    """Return the jobs of a sweep, each run once.

    Args:
        grids: the grids of the sweep.
        arguments: the typed overrides. They replace a grid's values of the same key.
        sweep: the name of the sweep.
        root: the folder of the sweep.
        parser: Hydra's parser of overrides.
        groups: the folders of conf/.
        compose: returns the configuration for some choices of files.

    Raises:
        ConfigError: for the first key or value that is not allowed.
    """
    typed_values = alternatives(arguments, parser)
    for key in OF_A_SWEEP:
        if len(several := typed_values.get(key, [])) > 1:
            listed = ",".join(shown(override.value()) for override in several)
            raise ConfigError(f"{key}={listed} is not allowed: a sweep has one {key}; one value is expected")
    jobs: dict[Path, Job] = {}
    for grid in grids:
        lines = (f"{key}={'null' if value is None else value}" for key, value in grid.items())
        values = alternatives(list(lines), parser)
        given = typed_values
        if "experiment" in values:  # the grid sweeps recipes; the sweep's own file overrides their options
            own = [f",{name(override)}" for override in typed_values.get("experiment", [])] or [""]
            pairs = itertools.product(values["experiment"], own)
            recipes = parser.parse_overrides([f"experiment=[{name(recipe)}{file}]" for recipe, file in pairs])
            given = typed_values | {"experiment": recipes} | alternatives([f"sweep={sweep}"], parser)
        for overrides in itertools.product(*(values | given).values()):
            files = tuple(str(override.input_line) for override in overrides if is_choice(override, groups))
            settings = [override for override in overrides if not is_choice(override, groups)]
            # composing is slow, so compose once for every choice of files
            config = compose(files)
            try:
                run = Run.of(with_values(config, settings))
            except ConfigError as error:
                is_mixed = len((values | given).get("model", [])) > 1 and str(error).startswith("model.")
                raise ConfigError(f"{error}{GRID_OF_ITS_OWN if is_mixed else ''}") from None
            if run.trainer.fast_dev_run:
                raise ConfigError("trainer.fast_dev_run is not allowed in a sweep: it records no result. Leave it out.")
            folder = root / run.cell_name / f"seed={run.seed}"
            jobs[folder] = Job.planned([str(override.input_line) for override in overrides], run, folder)
    return list(jobs.values())


def name(override: Override) -> str:
    """Return the names of files that an override selects, 'best' or 'best,table1'."""
    return str(override.input_line).partition("=")[2].strip("[]")


def is_choice(override: Override, groups: Iterable[str]) -> bool:
    """Return whether an override selects a file of conf/ or deletes a key."""
    is_group = override.key_or_group.split("/")[0] in groups and not isinstance(override.value(), dict)
    return override.is_delete() or is_group


def alternatives(arguments: list[str], parser: OverridesParser) -> dict[str, list[Override]]:
    """Return the values of each key as overrides. Raise ConfigError for an interval."""
    values = {}
    for override in parser.parse_overrides(arguments):
        key = override.get_key_element()
        if not override.is_sweep_override():
            values[key] = [override]
        elif override.is_discrete_sweep():
            values[key] = parser.parse_overrides([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            raise ConfigError(f"{override.input_line} is not allowed; expected a list, range() or choice()")
    return values


def with_values(config: Mapping[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """Return a copy of a nested configuration with these values set, mappings merged and interpolations resolved.

    Raises:
        ConfigError: if a key is below an option that is not a group, or if + adds an existing key.
    """
    result = dict(copy.deepcopy(config))
    for override in overrides:
        *path, key = override.key_or_group.split(".")
        node: Any = result
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{override.key_or_group} is unknown: {part} is not a group of keys")
        if override.is_add() and key in node:
            raise ConfigError(
                f"{override.input_line} is not allowed: {override.key_or_group} exists. Type it without the +."
            )
        value = override.value()
        if isinstance(value, dict) and isinstance(node.get(key), dict):
            value = {**node[key], **value}
        node[key] = value
    if "${" not in str(result):
        return result
    resolved = OmegaConf.to_container(OmegaConf.create(result), resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}
