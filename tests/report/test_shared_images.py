"""Tests of intervals that cover the test images, against hand computations and simulated images."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Run
from records import report

import digitcmp.runs.saved
from digitcmp.report.sections.test_images import shared_variance, widened

SWEEP = ("-m", "model=ws2", "aux=false,true", "seed=0,1,2", "epochs=2", "data.train_pairs=100", "data.val_pairs=20")


def answers(*seeds: tuple[list[tuple[int, int]], list[float]]) -> pd.DataFrame:
    """Return the answers of a cell. A seed has pairs of images and 1 for each correct answer."""
    tables = []
    for seed, (pairs, correct) in enumerate(seeds):
        first, second = np.array(pairs).T
        tables.append(pd.DataFrame({"seed": seed, "first": first, "second": second, "correct": correct}))
    return pd.concat(tables)


def test_the_variance_of_shared_images_by_hand() -> None:
    first = [(0, 1), (2, 3)], [1, 1]
    for pairs, expected in (
        # the terms are (1 - .75) / 4 = .0625 and (0 - .75) / 4; images 0 and 2 are shared and add 2 * .0625^2 each
        ([(0, 2), (4, 5)], 2 * 2 * 0.0625**2),
        ([(1, 0), (4, 5)], 2 * 0.0625**2),  # a pair that two seeds share counts once
        ([(4, 5), (6, 7)], 0),  # no shared image
    ):
        variance = shared_variance({"a": 1.0}, {"a": answers(first, (pairs, [1, 0]))})
        assert variance == pytest.approx(2 * expected)  # times n / (n - 1)
    # two cells differ on pair (0, 1) alone, by 1 in both seeds: the mean difference is .5, the terms are +-.125
    cells = {"a": answers(first, first), "b": answers(*[([(0, 1), (2, 3)], [0, 1])] * 2)}
    variance = shared_variance({"a": 1.0, "b": -1.0}, cells)
    assert variance == pytest.approx(2 * (2 * 0.125**2 + 2 * 0.125**2))


def test_an_interval_is_widened_by_the_standard_error() -> None:
    """Standard errors of .03 over ten seeds and of .04 over images combine to .05."""
    t = 2.262157
    rows = pd.DataFrame({"ci_low": [0.5 - t * 0.03, 0.1], "ci_high": [0.5 + t * 0.03, 0.3], "n": [10, 2]})
    table = widened(rows, [0.04**2, 0.0])
    assert list(table.images_low) == pytest.approx([0.5 - t * 0.05, 0.1])
    assert list(table.images_high) == pytest.approx([0.5 + t * 0.05, 0.3])
    assert list(table.images_share) == pytest.approx([0.64, 0])


def test_the_variance_of_simulated_seeds_on_shared_images() -> None:
    """The variance of the mean is 4 * .3^2 / 200 by images, .02^2 / 5 by seeds and .2^2 / 500 by pairs."""
    rng = np.random.default_rng(0)
    estimates, seeds_alone = [], []
    for _ in range(200):
        difficulty = rng.normal(0, 0.3, 200)
        runs = []
        for _ in range(5):
            pairs = rng.permutation(200).reshape(100, 2)
            runs.append((pairs, difficulty[pairs].sum(axis=1) + rng.normal(0, 0.02) + rng.normal(0, 0.2, 100)))
        seeds_alone.append(np.var([values.mean() for _, values in runs], ddof=1) / 5)
        estimates.append(seeds_alone[-1] + shared_variance({"a": 1.0}, {"a": answers(*runs)}))
    truth = 4 * 0.3**2 / 200 + 0.02**2 / 5 + 0.2**2 / 500
    assert np.mean(estimates) == pytest.approx(truth, rel=0.05)
    assert np.mean(seeds_alone) < 0.2 * truth


def test_report_with_test_images(train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has both intervals, and keeps test_images.csv when the runs are deleted.

    Checkpoints with another accuracy than the recorded one are rejected.
    """
    train(*SWEEP, "sweep=two", "hydra/launcher=basic")
    folder = tmp_path / "multirun/two"
    assert "and test images" in report(folder, "--test-images").stdout
    table = pd.read_csv(folder / "report/test_images.csv")
    effects = pd.read_csv(folder / "report/effects.csv")
    row = table[table.effect == "AL3 − WS2"].iloc[0]
    assert (row["mean"], row.ci_low) == pytest.approx((effects["mean"].iloc[0], effects.ci_low.iloc[0]))
    assert (table.images_low <= table.ci_low + 1e-6).all() and (table.images_high >= table.ci_high - 1e-6).all()
    assert list(table.family) == ["accuracy", "accuracy", "auxiliary loss"]
    assert "## Test images" in (folder / "report/report.md").read_text()

    archive = tmp_path / "archive"
    shutil.copytree(folder / "report", archive / "report")
    report(archive)
    assert (archive / "report/test_images.csv").read_bytes() == (folder / "report/test_images.csv").read_bytes()
    needed = r"--test-images needs the checkpoints and data of the runs: .*seed=0 cannot be read: .*\n"
    assert re.fullmatch(needed, report(archive, "--test-images", code=2).stderr)

    monkeypatch.setattr(digitcmp.runs.saved, "SAME", -1.0)
    refused = report(folder, "--test-images", code=2)
    assert "the same accuracy is expected. Train the run again.\n" in refused.stderr
