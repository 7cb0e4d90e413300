"""Tests of the contrast between two named cells."""

from pathlib import Path

import pytest
from records import grid, record, report

from digitcmp.errors import ConfigError
from digitcmp.report.requested import contrast
from digitcmp.report.results import Results


def test_any_two_cells_are_paired_by_seed(tmp_path: Path) -> None:
    """No factor pairs WS2 and FCNN3 of 250 nodes. Their differences are .02, .03 and .04, with std .01."""
    for seed in range(3):
        record(tmp_path, "ws2", 0.85 + 0.01 * seed, seed=seed)
        record(tmp_path, "fcnn3", 0.83, hidden=250, lr=2e-3, seed=seed)
    record(tmp_path, "ws2", 0.9, seed=7)
    row, notes = contrast(Results.load([tmp_path]), "WS2", "model=fcnn3,aux=false,lr=0.002,hidden=250")
    first = row.iloc[0]
    assert (first.effect, first.n, first["mean"]) == ("WS2 − FCNN3", 3, pytest.approx(0.03))
    half = 4.302652730 * 0.01 / 3**0.5
    assert (first.ci_low, first.ci_high) == pytest.approx((0.03 - half, 0.03 + half))
    assert notes == ["not paired: WS2 seed=7"]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            "AL4",
            "WS5",
            "'WS5' is not a cell of this report; a title, label or name of a cell is expected. Did you mean 'WS",
        ),
        ("AL4", "al4", "'AL4' and 'al4' are the same cell; two cells are expected"),
    ],
)
def test_names_of_no_two_cells_are_refused(tmp_path: Path, first: str, second: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        contrast(Results.load([grid(tmp_path)]), first, second)
    assert str(error.value).startswith(message)


def test_a_label_of_several_cells_is_ambiguous(tmp_path: Path) -> None:
    for lr in (1e-3, 2e-3):
        record(tmp_path, "ws3", 0.8, lr=lr)
        record(tmp_path, "ws3", 0.8, lr=lr, seed=1)
    results = Results.load([tmp_path])
    with pytest.raises(ConfigError, match="'WS3' names 2 cells; one is expected. Choose from 'WS3 lr=0.001', 'WS3 lr="):
        contrast(results, "WS3", "WS3 lr=0.002")
    row, _ = contrast(results, "ws3 LR=0.001", "WS3 lr=0.002")
    assert row.effect.iloc[0] == "WS3 lr=0.001 − WS3 lr=0.002"


def test_too_few_seeds_in_common(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.8, seed=0)
    record(tmp_path, "ws2", 0.8, seed=1)
    with pytest.raises(ConfigError, match="WS3 and WS2 have 0 seeds in common; 2 or more are expected"):
        contrast(Results.load([tmp_path]), "WS3", "WS2")


def test_it_is_printed_and_nothing_is_written(tmp_path: Path) -> None:
    done = report(grid(tmp_path), "--contrast", "AL4", "WS1")
    assert "AL4 − WS1  +0.141" in done.stdout
    assert not (tmp_path / "report").exists()
    refused = report(tmp_path, "--contrast", "AL4", "AL9", code=2)
    assert refused.stderr.count("\n") == 1 and "Did you mean" in refused.stderr
    assert report(tmp_path, "--contrast", "AL4", "WS1", "--open", code=2).stderr.startswith("--contrast writes")
