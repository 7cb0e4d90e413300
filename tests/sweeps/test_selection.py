"""Tests of sweeps in two stages: which values are tried, which one is selected, and what the second stage trains."""

import csv
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Run, Start, until, written
from records import record

from digitcmp.errors import ConfigError
from digitcmp.runs.folder import RATES, RESULT, lock, run_folders
from digitcmp.sweeps import selection
from digitcmp.sweeps.grid import Planner
from digitcmp.sweeps.jobs import Job
from digitcmp.sweeps.selection import Cell, select

QUICK = ("epochs=1", "data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40")
CELL = "model=ws2,aux=false,lr={},epochs=1,test_pairs=40,train_pairs=40,val_pairs=40"
RATES_TRIED = [f"{1e-3 * 2.0**power:g}" for power in range(-3, 6)]
RATE = {"lr": "1e-3,2e-3,4e-3", "seed": "range(20,22)"}


def tuned_cells(
    planner: Planner, root: Path, *grids: dict, rates: dict | None = None, typed: Sequence[str] = ()
) -> list[Cell]:
    return selection.cells(grids, rates or {}, list(typed), planner.plan, root)[0]


@pytest.mark.parametrize(
    ("means", "best"),
    [({1.0: 0.5, 2.0: 0.7, 4.0: 0.6}, 2.0), ({1.0: 0.5, 2.0: 0.7, 4.0: 0.7}, 2.0), ({2.0: 0.7}, 2.0)],
)
def test_the_smallest_of_the_best_values_is_selected(means: dict[float, float], best: float) -> None:
    assert select(means) == best


def test_the_stages_match_but_for_the_keys_of_rates(planner: Planner, tmp_path: Path) -> None:
    """Typed values are in both stages, except for keys of `rates`, which the first stage takes from there."""
    grids = [
        {"model": "ws2,ws3", "aux": "false,true", "lr": "selected", "seed": "range(10,13)"},
        {"model": "fcnn3", "lr": "selected", "seed": 10, "rates": {"lr": "1e-5", "data.val_pairs": 300}},
    ]
    cells = tuned_cells(planner, tmp_path, *grids, rates=RATE, typed=["epochs=2", "data.val_pairs=200"])
    assert [(len(cell.trials), len(cell.finals)) for cell in cells] == [(6, 3)] * 4 + [(2, 1)]
    jobs = [job for cell in cells for job in (*cell.trials, *cell.finals)]
    assert {job.run.epochs for job in jobs} == {2}
    assert [{job.run.data.val_pairs for job in cell.trials} for cell in cells] == [{200}] * 4 + [{300}]
    assert {job.run.data.val_pairs for cell in cells for job in cell.finals} == {200}
    assert all(job.folder.parents[1] == tmp_path / RATES for cell in cells for job in cell.trials)
    for cell in cells:
        assert len({(job.run.model.name, job.run.aux) for job in (*cell.trials, *cell.finals)}) == 1


def test_the_final_runs_have_the_selected_value(
    planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = tuned_cells(planner, tmp_path, {"model": "ws2,ws3", "lr": "selected", "seed": "0,1"}, rates=RATE)

    def score(job: Job) -> float:
        return {("ws2", 2e-3): 0.8, ("ws3", 2e-3): 0.7}.get((job.run.model.name, job.run.lr), 0.6)

    monkeypatch.setattr(selection, "score", score)
    assert selection.extend(cells, planner.plan) == []
    finals, rows = selection.selected(cells, planner.plan)
    assert [job.folder.relative_to(tmp_path).as_posix() for job in finals] == [
        f"model={model},aux=false,lr=0.002/seed={seed}" for model in ("ws2", "ws3") for seed in (0, 1)
    ]
    assert [(row["cell"], row["value"], row["val_acc"]) for row in rows] == [
        ("model=ws2,aux=false,lr=0.002", 0.002, 0.8),
        ("model=ws3,aux=false,lr=0.002", 0.002, 0.7),
    ]
    assert [rows[0][key] for key in ("lower", "lower_val_acc", "upper", "at_end", "seeds")] == [
        *(0.001, 0.6, 0.004, False),
        "20 21",
    ]


def test_the_score_is_the_validation_accuracy(planner: Planner, tmp_path: Path) -> None:
    """The run with the best test accuracy does not have the best validation accuracy."""
    [cell] = tuned_cells(
        planner, tmp_path, {"model": "ws2", "lr": "selected", "seed": 9}, rates={"lr": "1e-3,2e-3", "seed": 1}
    )
    for job, (val_acc, test_acc) in zip(cell.trials, ((0.8, 0.7), (0.7, 0.9)), strict=True):
        recorded = record(tmp_path / "made", "ws2", test_acc, val_acc=val_acc, seed=1, lr=job.run.lr)
        shutil.copytree(recorded, job.folder)
    assert cell.means() == {0.001: 0.8, 0.002: 0.7} and select(cell.means()) == 0.001


def test_a_best_value_at_an_end_extends_the_list_three_times(
    planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cell is always best at its largest rate, the other one in the middle. An unfinished cell is not extended."""
    cells = tuned_cells(planner, tmp_path, {"model": "ws2,ws3", "lr": "selected", "seed": "0"}, rates=RATE)

    def score(job: Job) -> float:
        return job.run.lr if job.run.model.name == "ws3" else -abs(job.run.lr - 2e-3)

    assert not selection.extend(cells, planner.plan)
    monkeypatch.setattr(selection, "score", score)
    for rate in (8e-3, 1.6e-2, 3.2e-2):
        added = selection.extend(cells, planner.plan)
        assert [(job.run.model.name, job.run.lr, job.run.seed) for job in added] == [
            ("ws3", rate, 20),
            ("ws3", rate, 21),
        ]
    assert not selection.extend(cells, planner.plan)
    _, rows = selection.selected(cells, planner.plan)
    assert [(row["value"], row["at_end"]) for row in rows] == [(2e-3, False), (3.2e-2, True)]


@pytest.mark.parametrize(
    ("option", "values", "tried"),
    [
        ("model.units", "3,6", [1, 3, 6]),  # 0 is not allowed
        ("aux_weight", "1,2", [0.125, 0.25, 0.5, 1, 2]),
        ("label_smoothing", "0.5,0.75", [0.0625, 0.125, 0.25, 0.5, 0.75]),
    ],
)
def test_any_numeric_option_is_selected(
    planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, values: str, tried: list[float]
) -> None:
    """The smallest value is the best. Whole numbers stay whole, and a value that is not allowed is not tried."""
    grid = {"model": "ws3", "aux": "true", option: "selected", "seed": "0"}
    [cell] = tuned_cells(planner, tmp_path, grid, rates={option: values, "seed": "20"})

    monkeypatch.setattr(selection, "score", lambda job: -selection.value(job, option))
    while selection.extend([cell], planner.plan):
        pass
    assert cell.values == tried
    [final], [row] = selection.selected([cell], planner.plan)
    assert row["value"] == tried[0] and row["at_end"] and selection.value(final, option) == tried[0]


@pytest.mark.parametrize(
    ("grids", "rates", "typed", "message"),
    [
        ([{"lr": "selected", "aux_weight": "selected"}], RATE, [], "lr and aux_weight are `selected`; one option"),
        ([{"model": "ws3"}], RATE, [], "`rates` without a `selected` value in the grids"),
        ([{"lr": "selected"}], {}, [], "lr=selected without a list of values"),
        ([{}], {"seed": "20"}, ["lr=selected"], "lr=selected without a list of values"),
        ([{"lr": "selected", "seed": "range(21)"}], RATE, [], "seed=20 is in both stages"),
        ([{"lr": "selected"}], {"lr": "1e-3"}, [], "seed=0 is in both stages"),
        ([{"head": "selected"}], {"head": "mlp,ordinal", "seed": "1"}, [], "in `rates` is not a number"),
        ([{"lr": "selected"}], RATE | {"lr": "1e-3,-1"}, [], "lr=-1 is not allowed"),
    ],
)
def test_what_does_not_fit_together_is_one_line(
    planner: Planner, tmp_path: Path, grids: list, rates: dict, typed: list, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        tuned_cells(planner, tmp_path, *grids, rates=rates, typed=typed)
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_typed_value_replaces_selected(planner: Planner, tmp_path: Path) -> None:
    planned: list[Job] = []
    grids, arguments = [{"lr": "selected", "seed": "0"}], ["lr=1e-2"]
    selection.in_stages(grids, RATE, arguments, tmp_path, planner.plan, lambda jobs, root: planned.extend(jobs))
    assert [job.folder for job in planned] == [tmp_path / "model=ws3,aux=false,lr=0.01/seed=0"]


def test_another_start_keeps_the_rows_of_other_cells(tmp_path: Path) -> None:
    file = tmp_path / "selected.csv"
    for cells, number in (("ab", 1), ("bc", 2)):
        selection.record(file, [{"cell": cell, "value": number} for cell in cells])
    with file.open() as stream:
        assert [tuple(row.values()) for row in csv.DictReader(stream)] == [("a", "1"), ("b", "2"), ("c", "2")]


def test_a_sweep_trains_both_stages(train: Run, tmp_path: Path) -> None:
    """A dry run counts both stages. The second start trains nothing, and a report reads the final runs only."""
    rates = 'hydra.sweeper.rates={lr:"1e-3,2e-3,1e30",seed:"20"}'
    sweep = ("-m", "model=ws2", "aux=true,false", "lr=selected", "seed=0", *QUICK)
    failed = train(*sweep, rates, code=1)
    assert "2 not finished" in failed.stderr and 'hydra.sweep.dir="multirun/sweep/rates"' in failed.stderr
    root = tmp_path / "multirun/sweep"
    assert run_folders([root]) == [] and not (root / "rates/selected.csv").exists()

    rates = rates.replace(",1e30", "")
    plan = train(*sweep, rates, "dry_run=true").stdout
    assert "lr=selected" in plan or "lr=0.00" in plan
    done = train(*sweep, rates).stdout
    assert "lr selected for 2 cells on validation pairs of seeds 20" in done
    assert done.rindex("2 runs in multirun/sweep, 0 finished before") > done.rindex("runs in multirun/sweep/rates")
    assert len(run_folders([root])) == 2
    rows = list(csv.DictReader((root / "rates/selected.csv").read_text().splitlines()))
    assert {folder.parent.name for folder in run_folders([root])} == {row["cell"] for row in rows}
    tried = [folder for folder in run_folders([root / "rates"]) if "e+30" not in str(folder)]
    again = train(*sweep, rates).stdout
    assert f"{len(tried)} runs in multirun/sweep/rates, {len(tried)} finished before" in again
    assert "2 runs in multirun/sweep, 2 finished before" in again


@pytest.mark.faults
def test_a_sweep_killed_in_each_stage_goes_on(command: Run, start: Start, tmp_path: Path) -> None:
    """The workers wait for locked folders, one of each stage, while the sweep is killed. Nothing is trained twice."""
    sweep = ("-m", "model=ws2", "lr=selected", "seed=range(3)", *QUICK)
    sweep += ('hydra.sweeper.rates={lr:"1e-3,2e-3,4e-3",seed:"range(20,22)"}',)
    root = tmp_path / "multirun/sweep"
    first, final = root / "rates" / CELL.format("0.004") / "seed=21", "seed=2"
    with lock(first):
        process = start(*sweep, "hydra.launcher.n_jobs=2")
        until(lambda: len(list((root / "rates").rglob(RESULT))) == 5)
        process.kill_group()
    before = written(file.parent for file in root.rglob(RESULT))
    assert not (root / "rates/selected.csv").exists() and run_folders([root]) == []

    with ExitStack() as held:
        for rate in RATES_TRIED:  # whichever is selected
            held.enter_context(lock(root / CELL.format(rate) / final))
        process = start(*sweep, "hydra.launcher.n_jobs=2")
        until(lambda: len(list(root.glob(f"model*/*/{RESULT}"))) == 2)
        process.kill_group()
    assert written({file.parent for file in before}).items() >= before.items()
    between = written(file.parent for file in root.rglob(RESULT))

    out = command(*sweep).stdout
    assert "3 runs in multirun/sweep, 2 finished before" in out
    assert written(file.parent for file in root.rglob(RESULT)).items() >= between.items()
    assert len([folder for folder in run_folders([root]) if (folder / RESULT).exists()]) == 3
