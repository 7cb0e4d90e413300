"""Tests of the comparison of two sweeps."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from records import record, report

from digitcmp.report.pages.comparison import compare
from digitcmp.report.results import Results


@pytest.fixture
def sweeps(tmp_path: Path) -> tuple[Path, Path]:
    """Write two sweeps. The second has another version of torch and no normalisation; only the first has WS2."""
    for seed in range(3):
        record(tmp_path / "a", "ws3", 0.80 + 0.01 * seed, seed=seed)
        record(tmp_path / "a", "ws2", 0.7, seed=seed)
        record(tmp_path / "a", "ws1", 0.7, seed=seed)
        change = {"versions": "python 3, torch 3", "normalize": False}
        record(tmp_path / "b", "ws3", 0.81 + 0.012 * seed, seed=seed, **change)
        record(tmp_path / "b", "ws1", 0.7 + 0.01 * (seed == 1), seed=seed, **change)
    record(tmp_path / "b", "ws1", 0.9, seed=7, **change)  # unpaired: left out
    return tmp_path / "a", tmp_path / "b"


def test_what_differs_and_what_it_did(sweeps: tuple[Path, Path]) -> None:
    differences, cells, lacking = compare(*(Results.load([folder]) for folder in sweeps))
    assert differences.to_numpy().tolist() == [
        ["normalize", "true", "false"],
        ["versions", "python 3, torch 2", "python 3, torch 3"],
    ]
    assert list(cells.cell) == ["WS1", "WS3"] and list(cells.n) == [3, 3] and list(cells.same) == [2, 0]
    test = scipy.stats.ttest_rel([0.81, 0.822, 0.834], [0.80, 0.81, 0.82])
    row = cells.iloc[1]
    assert (row["first"], row.second, row["mean"]) == pytest.approx((0.81, 0.822, 0.012))
    assert row.p == pytest.approx(test.pvalue, rel=1e-6) and row.p_holm == pytest.approx(2 * test.pvalue, rel=1e-6)
    assert lacking == [f"only in {sweeps[0]}: WS2"]


def test_printed_and_nothing_written(sweeps: tuple[Path, Path], tmp_path: Path) -> None:
    done = report(sweeps[0], "--compare", sweeps[1])
    assert "WS3" in done.stdout and "+0.0120  [+0.0070, +0.0170]" in done.stdout
    assert "2 of 6 runs have the same test accuracy in both" in done.stdout
    assert not (sweeps[0] / "report").exists()
    reports = [tmp_path / "out" / folder.name for folder in sweeps]
    for folder, out in zip(sweeps, reports, strict=True):
        report(folder, "--out", out)
    assert "+0.0120  [+0.0070, +0.0170]" in report(reports[0], "--compare", reports[1]).stdout  # without their runs


def test_the_same_twice(sweeps: tuple[Path, Path]) -> None:
    done = report(sweeps[0], "--compare", sweeps[0])
    assert done.stdout.startswith("the same configuration, code and versions\n")
    assert "9 of 9 runs have the same test accuracy in both" in done.stdout


def test_a_single_seed_has_a_difference_and_no_statistics(tmp_path: Path) -> None:
    for name, accuracy in (("a", 0.8), ("b", 0.81)):
        record(tmp_path / name, "ws3", accuracy)
    cells = compare(*(Results.load([tmp_path / name]) for name in "ab"))[1]
    assert cells["mean"][0] == pytest.approx(0.01) and np.isnan(cells.p[0]) and np.isnan(cells.p_holm[0])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([], "expected one argument"),
        (["nowhere"], "nowhere is not a folder; a folder of runs is expected"),
        (["b", "--open"], "--compare writes no report; no option of one is expected"),
        (["b", "--claims"], "argument --claims: not allowed with argument --compare"),
    ],
)
def test_a_folder_and_nothing_else(sweeps: tuple[Path, Path], more: list[str], reason: str) -> None:
    arguments = [str(sweeps[1]) if argument == "b" else argument for argument in more]
    assert reason in report(sweeps[0], "--compare", *arguments, code=2).stderr


def test_accuracies_of_two_tasks_are_not_compared(tmp_path: Path) -> None:
    for task in ("leq", "same"):
        for seed in range(2):
            record(tmp_path / task, "ws3", 0.8, seed=seed, task=task)
    differences, cells, lacking = compare(Results.load([tmp_path / "leq"]), Results.load([tmp_path / "same"]))
    assert list(differences.itertuples(index=False, name=None)) == [("task", "leq", "same")]
    assert cells.empty and len(lacking) == 2
