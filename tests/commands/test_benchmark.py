"""Tests of the benchmark command, without its timings."""

import json
import sys
from pathlib import Path

import pytest
import torch

from digitcmp.commands import benchmark


def test_fit_ratios_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "CELLS", {"FCNN1": ("fcnn1", False)})
    out = tmp_path / "benchmark.json"
    monkeypatch.setattr(sys, "argv", ["benchmark", "--repetitions", "1", "--only", "fit", "--out", str(out)])
    benchmark.main()
    found = json.loads(out.read_text())
    assert set(found) == {"fit_ratio FCNN1", "common_ratio FCNN1", "fit_s FCNN1"}
    for ratio in found.values():
        assert ratio["n"] == 1 and 0 < ratio["min"] == ratio["median"] == ratio["max"]
    printed = capsys.readouterr().out
    assert all(name in printed for name in found)


def test_the_common_module_learns_as_a_run_does(tmp_path: Path) -> None:
    code = "from digitcmp.commands import benchmark; benchmark.common_module('ws2', False, 0, epochs=5)"
    benchmark.process("-c", code, folder=str(tmp_path))
    [file] = tmp_path.rglob("*.ckpt")  # of the epoch with the highest validation accuracy
    best = torch.load(file, weights_only=True)["callbacks"]
    [score] = [float(state["best_model_score"]) for name, state in best.items() if name.startswith("ModelCheckpoint")]
    assert 0.7 < score < 1 and list(tmp_path.rglob("events.out.tfevents.*"))


def test_a_process_that_fails_is_shown(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        benchmark.process("-c", "1 / 0", folder=str(tmp_path))
