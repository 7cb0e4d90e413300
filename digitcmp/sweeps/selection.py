"""A sweep in two stages: select a value of each cell on validation pairs, then train the cell at it on other seeds.

A cell with `lr: selected` is first trained at each value of `rates`, in NAME/rates. The value with the highest mean
validation accuracy is selected; test scores are never read.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from statistics import fmean
from typing import Any

from digitcmp.errors import ConfigError
from digitcmp.fields import shown
from digitcmp.files import write
from digitcmp.runs.folder import RATES, SELECTION
from digitcmp.runs.result import read_result
from digitcmp.sweeps.grid import Grid
from digitcmp.sweeps.jobs import Job

SELECTED = "selected"  # the value of an option that the first stage selects
EXTENSIONS = 3  # how often the list of values grows on one side
DIGITS = 12  # of a mean accuracy; below them the order of the seeds matters

Number = int | float
Plan = Callable[[Sequence[Grid], list[str], Path], list[Job]]  # grids, typed overrides, folder
Train = Callable[[Sequence[Job], Path], None]  # exits if a run failed


@dataclass
class Cell:
    """A cell of the second stage, and the runs of the first stage that select its value.

    Attributes:
        option: the option whose value is selected.
        trials: the runs of the first stage.
        finals: the runs of the second stage, with any value of the option.
        listed: the values of the list, without its extensions.
    """

    option: str
    trials: list[Job] = field(default_factory=list)
    finals: list[Job] = field(default_factory=list)
    listed: list[Number] = field(default_factory=list)

    @property
    def values(self) -> list[Number]:
        """The values tried, ascending."""
        return sorted({value(job, self.option) for job in self.trials})

    @property
    def seeds(self) -> list[int]:
        """The seeds of the first stage, ascending."""
        return sorted({job.run.seed for job in self.trials})

    def at(self, number: Number) -> list[Job]:
        """Return the runs of the first stage with this value."""
        return [job for job in self.trials if value(job, self.option) == number]

    def means(self) -> dict[Number, float]:
        """Return the mean validation accuracy of each value, ascending by value. Empty if a run is not finished."""
        scores = {number: [score(job) for job in self.at(number)] for number in self.values}
        if any(None in accuracies for accuracies in scores.values()):
            return {}
        return {number: round(fmean(accuracies), DIGITS) for number, accuracies in scores.items()}  # type: ignore[arg-type]

    def extensions(self, best: Number) -> list[Number]:
        """Return the values to try next if the best one is the smallest or largest tried. Whole numbers stay whole."""
        values, added = self.values, []
        if best == values[0] and sum(number < self.listed[0] for number in values) < EXTENSIONS:
            added.append(best // 2 if isinstance(best, int) else best / 2)
        if best == values[-1] and sum(number > self.listed[-1] for number in values) < EXTENSIONS:
            added.append(best * 2)
        return [number for number in added if number not in values]

    def row(self, means: Mapping[Any, float], final: Job) -> dict[str, Any]:
        """Return the cell's row of selected.csv.

        Args:
            means: the mean validation accuracy of each value.
            final: a run of the second stage at the selected value.
        """
        best, values = select(means), [None, *means, None]
        place = values.index(best)
        lower, upper = values[place - 1], values[place + 1]
        row: dict[str, Any] = {
            "cell": final.run.cell_name,
            "option": self.option,
            "value": best,
            "val_acc": means[best],
        }
        row |= {"lower": lower, "lower_val_acc": means.get(lower), "upper": upper, "upper_val_acc": means.get(upper)}
        return row | {"at_end": None in (lower, upper), "seeds": " ".join(map(str, self.seeds))}


def select(means: Mapping[Number, float]) -> Number:
    """Return the value with the highest mean validation accuracy, the smallest of equal ones."""
    return min(means, key=lambda number: (-means[number], number))


def score(job: Job) -> float | None:
    """Return the validation accuracy of a finished run, None if it is not finished."""
    result = read_result(job.folder)
    return None if result is None else result["val_acc"]


def key_of(override: str) -> str:
    """Return the key of an override."""
    return override.partition("=")[0].lstrip("+")


def value(job: Job, option: str) -> Number:
    """Return a numeric option of a run. Raise ConfigError if its value is not a number."""
    number: Any = reduce(lambda node, key: node[key], option.split("."), job.run.model_dump())
    if type(number) not in (int, float):
        raise ConfigError(f"{option}={shown(number)} in `rates` is not a number; an option is selected from numbers")
    return number


def with_value(job: Job, option: str, number: Number, plan: Plan) -> Job:
    """Return a run with another value of an option. Raise ConfigError if the value is not allowed."""
    others = [override for override in job.overrides if key_of(override) != option]
    [planned] = plan([{}], [*others, f"{option}={number!r}"], job.folder.parents[1])
    return planned


def cells(
    grids: Sequence[Grid], rates: Grid, arguments: list[str], plan: Plan, root: Path
) -> tuple[list[Cell], list[Grid]]:
    """Return the cells of a sweep with a selected value, with their runs of both stages, and the other grids.

    A cell of the first stage belongs to the cells of the second one that differ from it in the keys of `rates` only.

    Args:
        grids: the grids of the sweep. A key `rates` of a grid adds to `rates`, for this grid.
        rates: {key: values} of the first stage, which replace those of the grids and the typed ones.
        arguments: the typed overrides. A typed value replaces `selected`.
        plan: plans the runs of some grids.
        root: the folder of the sweep.

    Raises:
        ConfigError: if grids and rates do not fit together, a value is not allowed, or a seed is in both stages.
    """
    typed = {key_of(argument): argument.partition("=")[2] for argument in arguments}
    options = {key: None for grid in (*grids, typed) for key, given in grid.items() if str(given) == SELECTED}
    if len(options) > 1:
        raise ConfigError(f"{' and '.join(options)} are `selected`; one option of a sweep is expected.")
    by_key: dict[frozenset[str], Cell] = {}
    others: list[Grid] = []
    for grid in grids:
        swept = {key: given for key, given in grid.items() if key != RATES}
        lists = {**rates, **grid.get(RATES, {})}
        if lists and not options:
            raise ConfigError("`rates` without a `selected` value in the grids; one is expected, such as lr: selected.")
        if SELECTED not in map(str, (swept | typed).values()):
            others.append(swept)
            continue
        [option] = options
        if option not in lists:
            raise ConfigError(
                f"{option}=selected without a list of values; one is expected. Set hydra.sweeper.rates, such as "
                "{lr: '1e-3,2e-3', seed: 'range(20,22)'}."
            )
        trials = plan([swept | lists], [text for text in arguments if key_of(text) not in lists], root / RATES)
        given = [text for text in arguments if key_of(text) != option]
        finals = plan([swept | {option: value(trials[0], option)}], given, root)
        for stage, jobs in (("trials", trials), ("finals", finals)):
            for job in jobs:
                key = frozenset(text for text in job.overrides if key_of(text) not in lists)
                getattr(by_key.setdefault(key, Cell(option)), stage).append(job)
    for cell in by_key.values():
        cell.listed = cell.values
        if both := {job.run.seed for job in cell.finals} & {*cell.seeds}:
            raise ConfigError(f"seed={min(both)} is in both stages; other seeds are expected in `rates`.")
    return list(by_key.values()), others


def extend(tuned: Iterable[Cell], plan: Plan) -> list[Job]:
    """Extend the list of each cell whose best value is at an end, and return the added runs.

    A value that the option does not allow is not added.
    """
    added = []
    for cell in tuned:
        if not (means := cell.means()):
            continue
        best = select(means)
        for number in cell.extensions(best):
            try:
                more = [with_value(job, cell.option, number, plan) for job in cell.at(best)]
            except ConfigError:
                continue
            cell.trials += more
            added += more
    return added


def selected(tuned: Iterable[Cell], plan: Plan) -> tuple[list[Job], list[dict[str, Any]]]:
    """Return the runs of the second stage at the selected values, and a row of selected.csv for each cell."""
    finals, rows = [], []
    for cell in tuned:
        means = cell.means()
        jobs = [with_value(job, cell.option, select(means), plan) for job in cell.finals]
        finals += jobs
        rows.append(cell.row(means, jobs[0]))
    return finals, rows


def undecided(job: Job, option: str) -> Job:
    """Return a run of the second stage in a folder named `lr=selected`, for a plan that is only printed."""
    name = re.sub(rf"\b({option.rpartition('.')[2]})=[^,]*", rf"\1={SELECTED}", job.folder.parent.name)
    return replace(job, folder=job.folder.parents[1] / name / job.folder.name)


def in_stages(grids: Sequence[Grid], rates: Grid, arguments: list[str], root: Path, plan: Plan, train: Train) -> None:
    """Train a sweep, the runs that select values first. A sweep without `selected` has one stage.

    The second stage starts when all runs of the first one are finished.

    Args:
        grids, rates, arguments, plan, root: see `cells`.
        train: trains the unfinished ones of some runs, and exits if one failed. In a dry run it prints them.

    Raises:
        ConfigError: see `cells`.
    """
    tuned, plain = cells(grids, rates, arguments, plan, root)
    others = plan(plain, arguments, root)
    if not tuned:
        return train(others, root)
    run, option = tuned[0].finals[0].run, tuned[0].option
    while not run.force and extend(tuned, plan):  # extensions of an earlier start
        pass
    train([job for cell in tuned for job in cell.trials], root / RATES)
    while not run.dry_run and (added := extend(tuned, plan)):
        listed = ", ".join(f"{number:g}" for number in sorted({value(job, option) for job in added}))
        print(f"\nThe best {option} is at an end of its list. Trying {listed}", flush=True)
        train(added, root / RATES)
    if run.dry_run and not all(cell.means() for cell in tuned):
        return train([*(undecided(job, option) for cell in tuned for job in cell.finals), *others], root)
    finals, rows = selected(tuned, plan)
    if not run.dry_run:
        record(root / RATES / SELECTION, rows)
        print(f"\n{summary(rows)}", flush=True)
    train([*finals, *others], root)


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of selected values, the seeds, and the cells whose value is at an end of its list."""
    seeds = ", ".join(dict.fromkeys(seed for row in rows for seed in row["seeds"].split()))
    lines = [f"{rows[0]['option']} selected for {len(rows)} cells on validation pairs of seeds {seeds}"]
    return "\n".join(lines + [f"  at an end of its list: {row['cell']}" for row in rows if row["at_end"]])


def record(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write selected.csv. Rows of other cells, from another start of the sweep, stay."""
    import pandas as pd  # slow import

    table = pd.DataFrame(rows, dtype=object)
    if file.exists():
        table = pd.concat([pd.read_csv(file, dtype=str), table]).drop_duplicates("cell", keep="last")
    write(file, table.to_csv(index=False))
