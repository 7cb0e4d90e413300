"""Synthetic sweeps for the tests of the report, written without training."""

import copy
import itertools
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from conftest import inside

from digitcmp.config.conf import config_yaml, files
from digitcmp.config.run import RENAMED, Run
from digitcmp.report.results import Results
from digitcmp.report.sections import sections
from digitcmp.runs.folder import CHECKPOINT, CONFIG, METRICS
from digitcmp.runs.result import SCORES, record_result

SETTINGS = {name: key.split(".") for key, name in RENAMED.items()}  # the settings whose name differs from their key
MADE_WITH = {"device": "cpu", "git_commit": "abc", "versions": "python 3, torch 2"}


def record(
    root: Path, model: str, test_acc: float | None, val_acc: float | None = None, begun: bool = True, **changes: Any
) -> Path:
    """Write a run below `root` and return its folder.

    Args:
        root: The folder of the sweep.
        model: The name of the network.
        test_acc: The test accuracy. With None the run is not finished.
        val_acc: The validation accuracy, .02 below the test accuracy by default.
        begun: Whether the run has started; otherwise it is only planned.
        changes: Settings by their names in result.json, the keys of MADE_WITH, `code`, `files` and `params`.
    """
    params = changes.pop("params", 1000)
    origin = MADE_WITH | {key: changes.pop(key) for key in (*MADE_WITH, "code", "files") if key in changes}
    config: dict[str, Any] = copy.deepcopy(config_yaml()) | {"lr": 1e-3, "model": {"name": model}}
    config["data"]["name"] = "mnist"
    for name, value in changes.items():
        if name in ("head", "optimizer", "schedule"):
            config[name] = dict(files(name).get(value, {"name": value}))
            continue
        group, key = SETTINGS.get(name, ["", name])
        groups = [config, config["data"], config["trainer"]]
        (config[group] if group else next((level for level in groups if key in level), config["model"]))[key] = value
    run = Run.of(config)
    folder = root / run.cell_name / f"seed={run.seed}"
    folder.mkdir(parents=True)
    if not begun:
        return folder
    (folder / CONFIG).write_text("begun")
    if test_acc is None:
        return folder
    val_acc = test_acc - 0.02 if val_acc is None else val_acc
    rows = [f"{epoch},{test_acc - 0.1 / epoch},{val_acc - 0.1 / epoch}\n" for epoch in (1, 2, 3)]
    (folder / METRICS).write_text("epoch,test_acc,val_acc\n" + "".join(rows))
    (folder / "checkpoints").mkdir()
    (folder / CHECKPOINT).write_text("weights")
    scores = dict.fromkeys(SCORES, 0.5) | {"test_acc": test_acc, "val_acc": val_acc}
    scores |= {"digit_acc": 0.9, "argmax_acc": 0.95} if run.aux else {"digit_acc": None, "argmax_acc": None}
    identity = {"cell": run.cell_name, "label": run.label, "config_hash": run.config_hash}
    record_result(folder, run.settings | identity | {"params": params, "fit_seconds": 2.0} | scores | origin)
    return folder


def grid(root: Path) -> Path:
    """Write WS1, WS3, AL2 and AL4 with 3 seeds. Mean effects: sharing .03, auxiliary loss .1, interaction .011."""
    for seed, base in enumerate((0.80, 0.82, 0.81)):
        noise = 0.001 * seed
        record(root, "ws1", base, seed=seed, lr=8e-4)
        record(root, "ws3", base + 0.029 + noise, seed=seed, lr=1.3e-3)
        record(root, "ws1", base + 0.099 + noise, seed=seed, lr=8e-4, aux=True)
        record(root, "ws3", base + 0.140 + noise, seed=seed, lr=2e-3, aux=True)
    return root


def sweep(root: Path, accuracy: Callable[..., float | None], **levels: Iterable[Any]) -> Path:
    """Write a run for each combination of levels of some settings, with the accuracy that they give."""
    for values in itertools.product(*levels.values()):
        settings = dict(zip(levels, values, strict=True))
        record(root, test_acc=accuracy(**settings), **settings)
    return root


def factorial(root: Path) -> Path:
    """Write WS1 and WS3, with and without AL, ordinal head and augmentation, with 2 seeds.

    Sharing adds .01, AL .04 (.02 with the ordinal head), the ordinal head .06 and augmentation .08. The second seed
    adds .003 to all cells and .002 more to those with AL.
    """

    def accuracy(model: str, aux: bool, head: str, augment: bool, seed: int, **_: Any) -> float:
        ordinal = head == "ordinal"
        base = 0.7 + 0.01 * (model == "ws3") + 0.04 * aux + 0.06 * ordinal + 0.08 * augment - 0.02 * aux * ordinal
        return base + 0.003 * seed + 0.002 * seed * aux

    two: dict[str, Any] = {"model": ("ws1", "ws3"), "aux": (False, True), "head": ("mlp", "ordinal")}
    return sweep(root, accuracy, **two, augment=(False, True), seed=range(2), epochs=[50])


def report(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `digitcmp report` in this process, 80 columns wide, and return what it printed."""
    return inside("report", *arguments, code=code, columns=80)


def parts(results: Results, title: str = "") -> list[Any]:
    """Return the tables, figures and notes of a report, or those of one section."""
    return [part for content in sections(results) if title in ("", content.title) for part in content.parts]
