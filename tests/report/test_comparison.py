"""Tests of the comparison of two sweeps, and of two named cells of one."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from records import grid, load, record, report

from digitcmp.errors import ConfigError
from digitcmp.report.pages.comparison import compare


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write two sweeps. The second has another version of torch and no normalisation; only the first has WS2."""
    root = tmp_path_factory.mktemp("sweeps")
    record(root / "a", "ws3", 0.80, 0.81, 0.82)
    record(root / "a", "ws2", 0.7, 0.7, 0.7)
    record(root / "a", "ws1", 0.7, 0.7, 0.7)
    change = {"versions": "python 3, torch 3", "normalize": False}
    record(root / "b", "ws3", 0.81, 0.822, 0.834, **change)
    record(root / "b", "ws1", 0.7, 0.71, 0.7, **change)
    record(root / "b", "ws1", 0.9, seed=7, **change)  # unpaired: left out
    return root / "a", root / "b"


def test_what_differs_and_what_it_did(sweeps: tuple[Path, Path]) -> None:
    differences, cells, lacking = compare(*map(load, sweeps))
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
    same = report(sweeps[0], "--compare", sweeps[0]).stdout
    assert same.startswith("the same configuration, code and versions\n")
    assert "9 of 9 runs have the same test accuracy in both" in same
    assert not (sweeps[0] / "report").exists()
    reports = [tmp_path / folder.name for folder in sweeps]
    for folder, out in zip(sweeps, reports, strict=True):
        report(folder, "--out", out)
    assert "+0.0120  [+0.0070, +0.0170]" in report(reports[0], "--compare", reports[1]).stdout  # without their runs


def test_a_single_seed_has_no_statistics_and_two_tasks_no_difference(tmp_path: Path) -> None:
    record(tmp_path / "a", "ws3", 0.8)
    record(tmp_path / "b", "ws3", 0.81)
    record(tmp_path / "same", "ws3", 0.8, task="same")
    a, b, same = (load(tmp_path / name) for name in ("a", "b", "same"))
    _, cells, _ = compare(a, b)
    assert cells["mean"][0] == pytest.approx(0.01) and np.isnan(cells.p[0]) and np.isnan(cells.p_holm[0])
    differences, cells, lacking = compare(a, same)
    assert differences.to_numpy().tolist() == [["task", "leq", "same"]] and cells.empty and len(lacking) == 2


def test_any_two_cells_are_paired_by_seed(tmp_path: Path) -> None:
    """No factor pairs WS2 and FCNN3 of 250 nodes. Their differences are .02, .03 and .04, with std .01."""
    record(tmp_path, "ws2", 0.85, 0.86, 0.87)
    record(tmp_path, "fcnn3", 0.83, 0.83, 0.83, hidden=250, lr=2e-3)
    record(tmp_path, "ws2", 0.9, seed=7)
    results = load(tmp_path)
    table, notes = results.contrast(results.find_cell("WS2"), "model=fcnn3,aux=false,lr=0.002,hidden=250")
    [row] = table.to_dict("records")
    half = 4.302652730 * 0.01 / 3**0.5
    assert (row["effect"], row["n"]) == ("WS2 − FCNN3", 3)
    assert (row["mean"], row["ci_low"], row["ci_high"]) == pytest.approx((0.03, 0.03 - half, 0.03 + half))
    assert notes == ["not paired: WS2 seed=7"]


def test_names_of_no_cell_or_several_are_refused(tmp_path: Path) -> None:
    for lr in (1e-3, 2e-3):
        record(tmp_path, "ws3", 0.8, 0.8, lr=lr)
    record(tmp_path, "ws2", 0.8, seed=7)
    results = load(tmp_path)
    first, second, other = (results.find_cell(name) for name in ("ws3 LR=0.001", "WS3 lr=0.002", "WS2"))
    assert results.contrast(first, second)[0].effect.iloc[0] == "WS3 lr=0.001 − WS3 lr=0.002"
    message = "'{}' names {} cells of this report; the title, name or label of one is expected. Choose from {}"
    for given, count, near in (("WS3", 2, "'WS3 lr=0.001', 'WS3 lr=0.002'"), ("WS2 lr=3", 0, "'WS3 lr")):
        with pytest.raises(ConfigError, match=re.escape(message.format(given, count, near))):
            results.find_cell(given)
    for pair in ((first, first), (first, other)):
        with pytest.raises(ConfigError, match=r"share 0 seeds; two cells with 2 or more are expected"):
            results.contrast(*pair)


def test_the_contrast_is_printed_and_nothing_is_written(tmp_path: Path) -> None:
    assert "AL4 − WS1  +0.141" in report(grid(tmp_path), "--contrast", "AL4", "WS1").stdout
    assert not (tmp_path / "report").exists()
