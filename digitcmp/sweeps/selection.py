"""A sweep in two stages: select a value of each cell on validation pairs, then train the cell at it on other seeds.

A cell with `lr: selected` is first trained at each value of `rates`, in NAME/rates. The value with the highest mean
validation accuracy is selected; test scores are never read.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from digitcmp.errors import ConfigError
from digitcmp.files import write
from digitcmp.runs.folder import RATES, SELECTION
from digitcmp.runs.result import read_result
from digitcmp.sweeps.job import Job

SELECTED = "selected"  # the value of an option that the first stage selects
EXTENSIONS = 3  # how often the list of values grows on one side
DIGITS = 12  # of a mean accuracy; below them the order of the seeds matters

Grid = Mapping[str, Any]
Plan = Callable[[Sequence[Grid], list[str], Path], list[Job]]  # grids, typed overrides, folder
Train = Callable[[Sequence[Job], Path], None]  # exits if a run failed
Score = Callable[[Job], float | None]  # the validation accuracy of a run, None if it is not finished


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
    listed: list[float] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        """The values tried, ascending."""
        return sorted({value(job, self.option) for job in self.trials})

    @property
    def whole(self) -> bool:
        """Whether the option accepts whole numbers only."""
        return whole(self.trials[0], self.option)

    @property
    def seeds(self) -> list[int]:
        """The seeds of the first stage, ascending."""
        return sorted({job.run.seed for job in self.trials})

    def at(self, number: float) -> list[Job]:
        """Return the runs of the first stage with this value."""
        return [job for job in self.trials if value(job, self.option) == number]

    def means(self, score: Score) -> dict[float, float]:
        """Return the mean validation accuracy of each value. Empty if a run is not finished."""
        scores = {number: [score(job) for job in self.at(number)] for number in self.values}
        if any(accuracy is None for accuracies in scores.values() for accuracy in accuracies):
            return {}
        return {number: round(fmean(accuracies), DIGITS) for number, accuracies in scores.items()}  # type: ignore[arg-type]

    def extensions(self, best: float) -> list[float]:
        """Return the values to try next if the best one is the smallest or largest tried."""
        values, added = self.values, []
        below = sum(number < min(self.listed) for number in values)
        above = sum(number > max(self.listed) for number in values)
        if best == values[0] and below < EXTENSIONS:
            added.append(extended(best, False, self.whole))
        if best == values[-1] and above < EXTENSIONS:
            added.append(extended(best, True, self.whole))
        return [number for number in added if number != best]

    def row(self, means: Mapping[float, float], final: Job) -> dict[str, Any]:
        """Return the cell's row of selected.csv.

        Args:
            means: the mean validation accuracy of each value.
            final: a run of the second stage at the selected value.
        """
        best, values = select(means), self.values
        place = values.index(best)
        lower = values[place - 1] if place else None
        upper = values[place + 1] if best != values[-1] else None
        row: dict[str, Any] = {"cell": final.run.cell_name, "option": self.option}
        row |= {"value": best, "val_acc": means[best]}
        row |= {"lower": lower, "lower_val_acc": None if lower is None else means[lower]}
        row |= {"upper": upper, "upper_val_acc": None if upper is None else means[upper]}
        return row | {"at_end": lower is None or upper is None, "seeds": " ".join(map(str, self.seeds))}


def select(means: Mapping[float, float]) -> float:
    """Return the value with the highest mean validation accuracy, the smallest of equal ones."""
    return min(means, key=lambda number: (-means[number], number))


def extended(number: float, up: bool, is_whole: bool) -> float:
    """Return twice or half a number, the one on the given side. A whole number stays whole."""
    doubled = up == (number > 0)
    if doubled:
        return number * 2
    return number // 2 if is_whole else number / 2


def name(override: str) -> str:
    """Return the key of an override."""
    return override.partition("=")[0].lstrip("+")


def value(job: Job, option: str) -> float:
    """Return a numeric option of a run. Raise ConfigError if its value is not a number."""
    [text] = [override.partition("=")[2] for override in job.overrides if name(override) == option]
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{option}={text} in `rates` is not a number; an option is selected from numbers") from None


def whole(job: Job, option: str) -> bool:
    """Return whether a numeric option accepts whole numbers only."""
    try:
        return isinstance(reduce(lambda node, key: node[key], option.split("."), job.run.model_dump()), int)
    except (LookupError, TypeError):  # an option of another place in the configuration
        return value(job, option).is_integer()


def with_value(job: Job, option: str, number: float, plan: Plan, root: Path) -> Job:
    """Return a run with another value of an option. Raise ConfigError if the value is not allowed."""
    number = int(number) if whole(job, option) else number
    others = [override for override in job.overrides if name(override) != option]
    [planned] = plan([{}], [*others, f"{option}={number!r}"], root)
    return planned


class Request(NamedTuple):
    """A grid with a selected value: the grid, the values of the first stage by key, and the option."""

    grid: Grid
    lists: Grid
    option: str


def requests(grids: Sequence[Grid], rates: Grid, arguments: Sequence[str]) -> tuple[list[Request], list[Grid]]:
    """Divide the grids of a sweep into those with a selected value and the others.

    Args:
        grids: the grids of the sweep. A key `rates` of a grid adds to `rates`, for this grid.
        rates: {key: values} of the first stage, which replace those of the grids and the typed ones.
        arguments: the typed overrides. A typed value replaces `selected`.

    Raises:
        ConfigError: if grids and rates do not fit together.
    """
    typed = {name(argument): argument.partition("=")[2] for argument in arguments}
    options = [key for grid in (*grids, typed) for key, given in grid.items() if str(given) == SELECTED]
    if len(set(options)) > 1:
        raise ConfigError(f"{' and '.join(dict.fromkeys(options))} are `selected`; one option of a sweep is expected.")
    found: list[Request] = []
    others: list[Grid] = []
    for grid in grids:
        swept = {key: given for key, given in grid.items() if key != RATES}
        lists = {**rates, **grid.get(RATES, {})}
        if lists and not options:
            raise ConfigError("`rates` without a `selected` value in the grids; one is expected, such as lr: selected.")
        if SELECTED not in map(str, (swept | typed).values()):
            others.append(swept)
            continue
        [option] = set(options)
        if option not in lists:
            raise ConfigError(
                f"{option}=selected without a list of values; one is expected. Set hydra.sweeper.rates, such as "
                "{lr: '1e-3,2e-3', seed: 'range(20,22)'}."
            )
        found.append(Request(swept, lists, option))
    return found, others


def cells(request: Request, arguments: Sequence[str], plan: Plan, root: Path) -> list[Cell]:
    """Return the cells of a grid with a selected value, with their runs of both stages.

    A cell of the first stage belongs to the cells of the second one that differ from it in the keys of `rates` only.

    Raises:
        ConfigError: if a value is not allowed, or a seed is in both stages.
    """
    grid, lists, option = request
    trials = plan([{**grid, **lists}], [text for text in arguments if name(text) not in lists], root / RATES)
    first = next(text.partition("=")[2] for text in trials[0].overrides if name(text) == option)
    given = [text for text in arguments if name(text) != option]
    finals = plan([{**grid, option: first}], given, root)
    found: dict[frozenset[str], Cell] = {}
    for stage, jobs in (("trials", trials), ("finals", finals)):
        for job in jobs:
            key = frozenset(text for text in job.overrides if name(text) not in lists)
            getattr(found.setdefault(key, Cell(option)), stage).append(job)
    for cell in found.values():
        cell.listed = cell.values
        if both := {job.run.seed for job in cell.finals} & {*cell.seeds}:
            raise ConfigError(f"seed={min(both)} is in both stages; other seeds are expected in `rates`.")
    return list(found.values())


def validation_accuracy(job: Job) -> float | None:
    """Return the validation accuracy of a finished run, None if it is not finished."""
    result = read_result(job.folder)
    return None if result is None else result["val_acc"]


def extend(found: Iterable[Cell], score: Score, plan: Plan, root: Path) -> list[Job]:
    """Extend the list of each cell whose best value is at an end, and return the added runs.

    A value that the option does not allow is not added.
    """
    added = []
    for cell in found:
        if not (means := cell.means(score)):
            continue
        best = select(means)
        for number in cell.extensions(best):
            try:
                more = [with_value(job, cell.option, number, plan, root / RATES) for job in cell.at(best)]
            except ConfigError:
                continue
            cell.trials += more
            added += more
    return added


def selected(found: Iterable[Cell], score: Score, plan: Plan, root: Path) -> tuple[list[Job], list[dict[str, Any]]]:
    """Return the runs of the second stage at the selected values, and a row of selected.csv for each cell."""
    finals, rows = [], []
    for cell in found:
        means = cell.means(score)
        jobs = [with_value(job, cell.option, select(means), plan, root) for job in cell.finals]
        finals += jobs
        rows.append(cell.row(means, jobs[0]))
    return finals, rows


def undecided(found: Iterable[Cell]) -> list[Job]:
    """Return the runs of the second stage in folders named `lr=selected`, for a plan that is only printed."""
    jobs = []
    for cell in found:
        for job in cell.finals:
            option = cell.option.rpartition(".")[2]
            parts = job.folder.parent.name.split(",")
            parts = [f"{option}={SELECTED}" if part.startswith(f"{option}=") else part for part in parts]
            jobs.append(replace(job, folder=job.folder.parents[1] / ",".join(parts) / job.folder.name))
    return jobs


def in_stages(
    grids: Sequence[Grid],
    rates: Grid,
    arguments: list[str],
    root: Path,
    plan: Plan,
    train: Train,
    dry_run: bool = False,
    force: bool = False,
) -> None:
    """Train a sweep, the runs that select values first. A sweep without `selected` has one stage.

    The second stage starts when all runs of the first one are finished.

    Args:
        grids: the grids of the sweep.
        rates: {key: values} of the runs that select a value.
        arguments: the typed overrides.
        root: the folder of the sweep.
        plan: plans the runs of some grids.
        train: trains the unfinished ones of some runs, and exits if one failed. In a dry run it prints them.
        dry_run: whether to print the plan and train nothing.
        force: whether finished runs are trained again.

    Raises:
        ConfigError: see `requests` and `cells`.
    """
    selecting, plain = requests(grids, rates, arguments)
    found = [cell for request in selecting for cell in cells(request, arguments, plan, root)]
    others = plan(plain, arguments, root)
    if not found:
        return train(others, root)
    score: Score = (lambda _: None) if force else validation_accuracy
    while extend(found, score, plan, root):  # extensions of an earlier start
        pass
    train([job for cell in found for job in cell.trials], root / RATES)
    score = validation_accuracy
    while not dry_run and (added := extend(found, score, plan, root)):
        listed = ", ".join(f"{number:g}" for number in sorted({value(job, found[0].option) for job in added}))
        print(f"\nThe best {found[0].option} is at an end of its list. Trying {listed}", flush=True)
        train(added, root / RATES)
    if dry_run and not all(cell.means(score) for cell in found):
        return train([*undecided(found), *others], root)
    finals, rows = selected(found, score, plan, root)
    if not dry_run:
        record(root / RATES / SELECTION, rows)
        print(f"\n{summary(rows)}", flush=True)
    train([*finals, *others], root)


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of selected values, the seeds, and the cells whose value is at an end of its list."""
    seeds = ", ".join(dict.fromkeys(seed for row in rows for seed in row["seeds"].split()))
    option, ends = rows[0]["option"], [row["cell"] for row in rows if row["at_end"]]
    lines = [f"{option} selected for {len(rows)} cells on validation pairs of seeds {seeds}"]
    return "\n".join(lines + [f"  at an end of its list: {cell}" for cell in ends])


def record(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write selected.csv. Rows of other cells, from another start of the sweep, stay."""
    known: dict[str, Mapping[str, Any]] = {}
    if file.exists():
        with file.open(newline="", encoding="utf-8") as stream:
            known = {row["cell"]: row for row in csv.DictReader(stream)}
    known |= {row["cell"]: row for row in rows}
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    table.writeheader()
    table.writerows(known.values())
    write(file, text.getvalue())
