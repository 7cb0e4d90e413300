"""Tests of the committed reports: rows trained again, which detect changed dependencies, and the selected rates."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Run
from hydra.types import RunMode

import digitcmp
from digitcmp.sweeps import selection
from digitcmp.sweeps.grid import Planner
from digitcmp.sweeps.jobs import Job

ROWS = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").set_index("config_hash")


def test_a_committed_row(tmp_path: Path) -> None:
    """Seeds 0 and 1 of FCNN3 are equal to the last digit on all processors tried. test_fit has a row of AL4."""
    result = digitcmp.train("model=fcnn3", seed=0, folder=tmp_path)
    row = ROWS.loc[result["config_hash"]]
    for split in ("val", "test"):
        assert result[f"{split}_acc"] == pytest.approx(row[f"{split}_acc"], abs=0.002)
        assert result[f"{split}_loss"] == pytest.approx(row[f"{split}_loss"], rel=0.005)


@pytest.mark.parametrize(
    "name", ["table1_tuned", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tasks", "transfer"))]
)
def test_the_committed_rates_select_the_committed_runs(
    name: str, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The final runs have the rates that the runs of NAME/rates select. No rate that was not tried is needed there."""
    root, arguments = ROOT / "multirun" / name, [f"experiment={name}"]
    planner.config = planner.loader.load_configuration("config", arguments, RunMode.MULTIRUN)
    options = planner.config.hydra.sweeper
    cells, others = selection.cells(options.grids, options.rates, arguments, planner.plan, root)
    accuracies = pd.read_csv(root / "rates/report/runs.csv").set_index("config_hash").val_acc
    assert not others and all(job.run.config_hash in accuracies for cell in cells for job in cell.trials)

    def score(job: Job) -> float | None:
        return accuracies.get(job.run.config_hash)

    monkeypatch.setattr(selection, "score", score)
    while any(score(job) for job in selection.extend(cells, planner.plan)):
        pass
    for cell in cells:
        cell.trials = [job for job in cell.trials if score(job)]
    finals, rows = selection.selected(cells, planner.plan)
    committed = pd.read_csv(root / "report/runs.csv")
    assert {job.run.config_hash for job in finals} == {*committed.config_hash}
    recorded = pd.read_csv(root / "report/selected_rates.csv").set_index("cell")
    assert {row["cell"]: row["value"] for row in rows} == recorded.value.to_dict()


COMMANDS = re.findall(r"^\| `(\w+)` \|.*: `(.* ?sweep=.*?)`", (ROOT / "multirun/README.md").read_text(), re.M)


@pytest.mark.parametrize(("name", "line"), COMMANDS)
def test_a_command_of_the_readme_plans_the_committed_cells(name: str, line: str, train: Run) -> None:
    planned = train(*shlex.split(line), "dry_run=true").stdout
    cells = {word for word in planned.split() if word.startswith("model=")}
    runs = pd.read_csv(ROOT / f"multirun/{name}/report/runs.csv")
    assert cells == {*runs.cell} and f"{len(runs)} runs, 0 finished" in planned
