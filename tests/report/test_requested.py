"""Tests of the contrast between two named cells."""

import itertools
import re
from pathlib import Path

import pytest
from records import grid, record, report

from digitcmp.errors import ConfigError
from digitcmp.report.results import Results


def test_any_two_cells_are_paired_by_seed(tmp_path: Path) -> None:
    """No factor pairs WS2 and FCNN3 of 250 nodes. Their differences are .02, .03 and .04, with std .01."""
    for seed in range(3):
        record(tmp_path, "ws2", 0.85 + 0.01 * seed, seed=seed)
        record(tmp_path, "fcnn3", 0.83, hidden=250, lr=2e-3, seed=seed)
    record(tmp_path, "ws2", 0.9, seed=7)
    results = Results.load([tmp_path])
    row, notes = results.contrast(results.find_cell("WS2"), "model=fcnn3,aux=false,lr=0.002,hidden=250")
    first = row.iloc[0]
    assert (first.effect, first.n, first["mean"]) == ("WS2 − FCNN3", 3, pytest.approx(0.03))
    half = 4.302652730 * 0.01 / 3**0.5
    assert (first.ci_low, first.ci_high) == pytest.approx((0.03 - half, 0.03 + half))
    assert notes == ["not paired: WS2 seed=7"]


def test_names_of_no_cell_or_several_are_refused(tmp_path: Path) -> None:
    for lr, seed in itertools.product((1e-3, 2e-3), (0, 1)):
        record(tmp_path, "ws3", 0.8, lr=lr, seed=seed)
    record(tmp_path, "ws2", 0.8, seed=7)
    results = Results.load([tmp_path])
    first, second, other = (results.find_cell(name) for name in ("ws3 LR=0.001", "WS3 lr=0.002", "WS2"))
    assert results.contrast(first, second)[0].effect.iloc[0] == "WS3 lr=0.001 − WS3 lr=0.002"
    message = "'{}' names {} cells of this report; the title, name or label of one is expected. Choose from {}"
    for given, count, near in (("WS3", 2, "'WS3 lr=0.001', 'WS3 lr=0.002'"), ("WS2 lr=3", 0, "'WS3 lr")):
        with pytest.raises(ConfigError, match=re.escape(message.format(given, count, near))):
            results.find_cell(given)
    for pair in ((first, first), (first, other)):
        with pytest.raises(ConfigError, match=r"share 0 seeds; two cells with 2 or more are expected"):
            results.contrast(*pair)


def test_it_is_printed_and_nothing_is_written(tmp_path: Path) -> None:
    done = report(grid(tmp_path), "--contrast", "AL4", "WS1")
    assert "AL4 − WS1  +0.141" in done.stdout
    assert not (tmp_path / "report").exists()
    refused = report(tmp_path, "--contrast", "AL4", "AL9", code=2)
    assert refused.stderr.count("\n") == 1 and "Choose from 'AL4'" in refused.stderr
    assert report(tmp_path, "--contrast", "AL4", "WS1", "--open", code=2).stderr.startswith("--contrast writes")
