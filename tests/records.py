"""Synthetic sweeps for the tests of the report, written without training."""

import copy
import itertools
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from conftest import inside

from digitcmp.config.conf import config_yaml, files
from digitcmp.config.identity import RENAMED
from digitcmp.config.run import Run
from digitcmp.report.figures import save
from digitcmp.report.results import Results
from digitcmp.report.sections import sections
from digitcmp.runs.folder import CHECKPOINT, CONFIG, METRICS
from digitcmp.runs.result import SCORES, record_result

SETTINGS = {name: key.split(".") for key, name in RENAMED.items()}  # the settings whose name differs from their key
MADE_WITH = {"device": "cpu", "git_commit": "abc", "versions": "python 3, torch 2"}


def record(
    root: Path,
    model: str,
    *test_accs: float | None,
    val_acc: float | None = None,
    seed: int = 0,
    begun: bool = True,
    **changes: Any,
) -> Path:
    """Write the runs of a cell below `root` and return the folder of the last.

    Args:
        root: The folder of the sweep.
        model: The name of the network.
        test_accs: The test accuracy of each run. With None the run is not finished.
        val_acc: The validation accuracy, .02 below the test accuracy by default.
        seed: The seed of the first run. Each other has the next.
        begun: Whether the runs have started; otherwise they are only planned.
        changes: Settings by their names in result.json, the keys of MADE_WITH, `code`, `files` and `params`.
    """
    more = {"params": changes.pop("params", 1000), "fit_seconds": 2.0}
    more |= MADE_WITH | {key: changes.pop(key) for key in (*MADE_WITH, "code", "files") if key in changes}
    config: dict[str, Any] = copy.deepcopy(config_yaml()) | {"lr": 1e-3, "model": {"name": model}}
    config["data"]["name"] = "mnist"
    for name, value in changes.items():
        if name in ("head", "optimizer", "schedule"):
            config[name] = dict(files(name).get(value, {"name": value}))
            continue
        group, key = SETTINGS.get(name, ["", name])
        groups = [config, config["data"], config["trainer"]]
        (config[group] if group else next((level for level in groups if key in level), config["model"]))[key] = value
    for number, test_acc in enumerate(test_accs, seed):
        run = Run.of(config | {"seed": number})
        folder = root / run.cell_name / f"seed={number}"
        folder.mkdir(parents=True)
        if begun:
            (folder / CONFIG).write_text("begun")
        if test_acc is None:
            continue
        scores = dict.fromkeys(SCORES, 0.5) | {"test_acc": test_acc, "val_acc": val_acc or test_acc - 0.02}
        scores |= {"digit_acc": 0.9, "argmax_acc": 0.95} if run.aux else {"digit_acc": None, "argmax_acc": None}
        rows = [f"{epoch},{test_acc - 0.1 / epoch},{scores['val_acc'] - 0.1 / epoch}\n" for epoch in (1, 2, 3)]
        (folder / METRICS).write_text("epoch,test_acc,val_acc\n" + "".join(rows))
        (folder / "checkpoints").mkdir()
        (folder / CHECKPOINT).write_text("weights")
        identity = {"cell": run.cell_name, "label": run.label, "config_hash": run.config_hash}
        record_result(folder, run.settings | identity | scores | more)
    return folder


def grid(root: Path) -> Path:
    """Write WS1, WS3, AL2 and AL4 with 3 seeds. Mean effects: sharing .03, auxiliary loss .1, interaction .011."""
    record(root, "ws1", 0.800, 0.820, 0.810, lr=8e-4)
    record(root, "ws3", 0.829, 0.850, 0.841, lr=1.3e-3)
    record(root, "ws1", 0.899, 0.920, 0.911, lr=8e-4, aux=True)
    record(root, "ws3", 0.940, 0.961, 0.952, lr=2e-3, aux=True)
    return root


def sweep(root: Path, accuracy: Callable[..., float | None], **levels: Iterable[Any]) -> Path:
    """Write a run for each combination of levels of some settings, with the accuracy that they give."""
    for values in itertools.product(*levels.values()):
        settings = dict(zip(levels, values, strict=True))
        model = settings.pop("model")
        record(root, model, accuracy(model=model, **settings), **settings)
    return root


def load(*roots: Path) -> Results:
    """Read the runs of some folders."""
    return Results.load(roots)


def report(*arguments: str | Path, code: int = 0, drawn: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `digitcmp report` in this process, 80 columns wide, and return what it printed.

    Without `drawn` its figures are empty, because drawing them takes most of its time.
    """
    empty = b'<svg width="9pt" height="9pt"></svg>'
    draw = save if drawn else lambda _: dict.fromkeys(("page", "png", "svg"), empty)
    with mock.patch("digitcmp.report.pages.output.save", draw):
        return inside("report", *arguments, code=code, columns=80)


def parts(results: Results, title: str = "") -> list[Any]:
    """Return the tables, figures and notes of a report, or those of one section."""
    return [part for content in sections(results) if title in ("", content.title) for part in content.parts]


def assert_scipys(table: pd.DataFrame, differences: Mapping[str, Sequence[float]]) -> None:
    """Compare the effects of a table, by name, with scipy's t-tests of their differences by seed."""
    tests = [scipy.stats.ttest_1samp(difference, 0) for difference in differences.values()]
    assert list(table.index) == list(differences)
    assert list(table["mean"]) == pytest.approx([test._estimate for test in tests])
    assert list(table.p) == pytest.approx([test.pvalue for test in tests])
    intervals = [tuple(test.confidence_interval()) for test in tests]
    assert table[["ci_low", "ci_high"]].to_numpy() == pytest.approx(np.array(intervals))
