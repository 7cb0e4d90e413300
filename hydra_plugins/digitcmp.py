"""What Hydra needs to know of digitcmp: the check before a run, the help text, and the sweeper."""

import copy
import itertools
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.errors import CompactHydraException
from hydra.experimental.callback import Callback
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from digitcmp import paper, runs
from digitcmp.config import CONF, HEADS, ConfigError, Settings, cell_name, resolve
from digitcmp.sweep import Job, Progress, print_plan, print_table, written


class YamlLoader(yaml.CSafeLoader):
    """Reads Hydra's files in C, 0.07 s of a dry run of table1, and says in one line what is wrong with one."""

    def get_single_data(self) -> Any:
        try:
            return super().get_single_data()
        except yaml.YAMLError as error:
            raise CompactHydraException(" ".join(str(error).split())) from None


yaml.SafeLoader = YamlLoader  # type: ignore[misc]  # what OmegaConf derives its own from


def without_hydra(config: DictConfig) -> DictConfig:
    """The project's own part of a composed configuration, which takes no key that it does not have."""
    own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    OmegaConf.set_struct(own, True)
    return own


def settings_of(config: DictConfig) -> Settings:
    """The settings in a configuration without Hydra's part; a value that is not allowed ends the program."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    try:
        return resolve(plain)
    except ConfigError as error:
        sys.exit(str(error))


class CheckConfig(Callback):
    """Ends a single run whose configuration is not allowed before its folder is made, or whose folder cannot be."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        settings = settings_of(without_hydra(config))
        if config.dry_run:
            label = paper.label(settings["model"], settings["aux"], settings["head"])
            print(f"would train {label}, {cell_name(settings)}, seed {settings['seed']}, into {config.hydra.run.dir}")
            sys.exit(0)
        try:
            Path(config.hydra.run.dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            sys.exit(str(error))


def help_text() -> str:
    """`python train.py --help`: what there is to choose from, a line each, taken from the files of conf/."""

    def choices(group: str) -> str:
        files = sorted((CONF / group).glob("*.yaml"))
        comments = [file.read_text().removeprefix("# @package _global_\n").splitlines()[0] for file in files]
        return "\n".join(f"  {file.stem:<24} {line.lstrip('# ')}" for file, line in zip(files, comments, strict=True))

    heads = "\n".join(f"  {name:<24} {line}" for name, line in HEADS.items())
    knobs = (CONF / "config.yaml").read_text().split("\nseed:")[1].split("\nhydra:")[0]
    return f"""Is the first digit <= the second? Train a network on pairs of 14x14 digits.

  python train.py model=ws3 aux=true                            one run, the paper's AL4
  python train.py -m model=ws2,ws3 aux=true,false 'seed=range(10)'   a sweep, on all cores
  python train.py -m experiment=table1                          the paper's ten cells x 10 seeds

model=NAME, a backbone; with aux=true it also learns to name the digits:
{choices("model")}

head=NAME, how the two embeddings are compared:
{heads}

data=NAME:
{choices("data")}

experiment=NAME, a sweep or a recipe as a file:
{choices("experiment")}

Everything else, with its default:
  seed:{knobs.replace(chr(10), chr(10) + "  ")}
Hydra's own help and shell completion: python train.py --hydra-help
"""


OmegaConf.register_new_resolver("digitcmp_help", help_text, replace=True)


class GridSweeper(Sweeper):
    """Trains the union of some grids, each run in the folder of its cell and seed, and only what is not finished.

    grids: a list of {key: values}, values as on the command line ('ws2,ws3', 'range(10)'). What stands on the
    command line replaces a grid's own values for that key.
    """

    def __init__(self, grids: Sequence[Mapping[str, Any]]) -> None:
        self.grids = grids

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.loader = hydra_context.config_loader
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Plan, skip what is finished, launch the rest, list what failed. Exits with 1 if anything did."""
        jobs = self.plan(arguments)
        try:
            to_do = [job for job in jobs if self.config.force or not runs.finished(job.folder, job.settings)]
        except (runs.RunError, OSError) as error:
            sys.exit(str(error))
        if self.config.dry_run:
            return print_plan(jobs, to_do)
        root = Path(self.config.hydra.sweep.dir)
        print(f"{len(jobs)} runs in {root}, {len(jobs) - len(to_do)} finished before", flush=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # as for a shell's background jobs
                signal.signal(number, stop)
        try:
            for job in to_do:
                job.folder.mkdir(parents=True, exist_ok=True)  # an empty folder is a run that is still missing
            errors = self.train(to_do, of=len(jobs))
        except OSError as error:
            sys.exit(str(error))
        except SystemExit:
            print("stopped: start the sweep again to train what is not finished", file=sys.stderr)
            raise
        print_table(root)
        if errors:
            self.print_failures(errors)
            sys.exit(1)

    def plan(self, arguments: list[str]) -> list[Job]:
        """Every run of the sweep once. Ends the program with one line at the first setting that is not allowed."""
        parser = OverridesParser.create(config_loader=self.loader)
        parse = cache(parser.parse_override)
        folders = self.loader.list_groups("")
        typed = alternatives(parser.parse_overrides(arguments))
        root = Path(self.config.hydra.sweep.dir)
        composed: dict[tuple[str, ...], DictConfig] = {}
        jobs: dict[Path, Job] = {}
        for grid in self.grids:
            own = alternatives(parser.parse_overrides([f"{key}={value}" for key, value in grid.items()]))
            given = typed
            if "experiment" in own:  # a recipe to sweep, not the sweep that was typed; its runs stay in this one
                given = typed | {"experiment": own["experiment"], "sweep": [f"sweep={self.config.sweep}"]}
            configs: dict[tuple[str, ...], DictConfig] = {}
            for overrides in itertools.product(*(own | given).values()):
                groups, values = [], []
                for override in map(parse, overrides):
                    composes = override.is_delete() or override.key_or_group.split("/")[0] in folders
                    (groups if composes else values).append(override)
                # composing takes 50 ms, setting a value 0.1 ms: compose once for every choice of groups
                choice = tuple(override.input_line for override in groups)
                if choice not in composed:
                    config = self.loader.load_sweep_config(self.config, list(choice))
                    if "experiment" not in own and config.hydra.sweeper.grids != self.config.hydra.sweeper.grids:
                        sys.exit(f"{' '.join(choice)}: a sweep of its own, start it alone")
                    composed[choice] = config
                if choice not in configs:  # one for all runs of a grid, which set the same keys
                    configs[choice] = without_hydra(composed[choice])
                settings = settings_of(set_values(configs[choice], values))
                folder = root / cell_name(settings) / f"seed={settings['seed']}"
                old = {file: written(folder / file) for file in (runs.CONFIG, runs.RESULT)}
                jobs[folder] = Job(list(overrides), settings, folder, old)
        return list(jobs.values())

    def train(self, jobs: list[Job], of: int) -> dict[Path, tuple[Job, str]]:
        """Launch the jobs, say when each is finished, and return those that are not, with their errors.

        A worker that is killed takes the whole launch with it. Then the rest is launched again, what was being trained
        last; and when that does not help, each of those alone, so that one that kills its worker takes no other along.
        """
        errors: dict[Path, tuple[Job, str]] = {}
        ended = "no result: its process ended before it was finished"
        left = jobs
        with Progress(jobs, of):
            while left:
                self.launch(left, errors)
                before, left = left, unfinished(left, errors)
                started = [job for job in left if job.wrote(runs.CONFIG)]
                if len(left) == len(before):
                    if not started:
                        break
                    for job in started:
                        self.launch([job], errors)
                        errors |= {job.folder: (job, ended) for job in unfinished([job], errors)}
                    left = unfinished(left, errors)
                else:
                    left = [job for job in left if job not in started] + started
        return errors | {job.folder: (job, ended) for job in left}

    def launch(self, jobs: list[Job], errors: dict[Path, tuple[Job, str]]) -> None:
        subfolder = [f"hydra.sweep.subdir='{job.folder.relative_to(self.config.hydra.sweep.dir)}'" for job in jobs]
        overrides = [[*job.overrides, folder] for job, folder in zip(jobs, subfolder, strict=True)]
        try:
            returns = self.launcher.launch(overrides, initial_job_idx=0)
        except Exception as error:  # whatever a launcher raises when it loses a worker or cannot start
            print(f"the launcher stopped: {(str(error) or repr(error)).splitlines()[0]}", flush=True)
            return
        for job, returned in zip(jobs, returns, strict=True):
            if returned.status == JobStatus.FAILED and unfinished([job], {}):
                error = returned._return_value
                errors[job.folder] = (job, str(error) or type(error).__name__)

    def print_failures(self, errors: dict[Path, tuple[Job, str]]) -> None:
        print(f"\n{len(errors)} not finished:", file=sys.stderr)
        hydra = list(self.config.hydra.overrides.hydra)
        if self.grids != [{}]:
            hydra.append("hydra.sweeper.grids=[{}]")
        for job, error in errors.values():
            command = shlex.join(["python", "train.py", "-m", *job.overrides, *hydra])
            print(f"  {job.title}: {error}\n    {command}", file=sys.stderr)


def stop(number: int, _: object) -> None:
    """End the program at the first Ctrl-C or kill; a second one must not keep the launcher from ending its workers."""
    for following in (signal.SIGINT, signal.SIGTERM):
        signal.signal(following, signal.SIG_IGN)
    sys.exit(128 + number)


def unfinished(jobs: Sequence[Job], errors: Mapping[Path, object]) -> list[Job]:
    """The jobs that have neither a result nor an error."""
    return [
        job
        for job in jobs
        if job.folder not in errors and not (job.wrote(runs.RESULT) and runs.read_result(job.folder))
    ]


def alternatives(overrides: Sequence[Override]) -> dict[str, list[str]]:
    """The overrides a sweep makes of each key. Raises CompactHydraException for an interval, which no grid holds."""
    values = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_sweep_override():
            if not override.is_discrete_sweep():
                raise CompactHydraException(f"{override.input_line}: a grid takes a list, range() or choice()")
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            values[key] = [f"{key}={override.get_value_element_as_str()}"]
    return values


def set_values(config: DictConfig, overrides: Sequence[Override]) -> DictConfig:
    """The configuration with these values set, as a copy only where one is a mapping, which Hydra merges.

    Raises CompactHydraException for a key that it does not have.
    """
    values = [override.value() for override in overrides]
    if any(isinstance(value, dict) for value in values):
        config = copy.deepcopy(config)
    for override, value in zip(overrides, values, strict=True):
        new = override.is_add() or override.is_force_add()
        try:
            OmegaConf.update(config, override.key_or_group, value, force_add=new)
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            raise CompactHydraException(f"Could not override '{override.key_or_group}': {reason}") from None
    return config
