"""Tests of digitcmp.results, curves, effects and sweep."""

from pathlib import Path

import pytest
from records import grid

import digitcmp
from digitcmp.errors import ConfigError, RunError


def test_results_curves_and_effects(tmp_path: Path) -> None:
    runs = digitcmp.results(grid(tmp_path))
    assert len(runs) == 12 and set(runs.label) == {"WS1", "WS3", "AL2", "AL4"}
    assert len(digitcmp.curves(tmp_path)) == 36
    effects = digitcmp.effects(tmp_path).set_index("effect")
    assert effects.loc["AL4 − WS3", "mean"] == pytest.approx(0.111) and "contrast" not in effects


def test_a_folder_without_runs_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere is not a folder; a folder of runs is expected"):
        digitcmp.results(tmp_path / "nowhere")
    with pytest.raises(RunError, match="no finished run; a folder of runs is expected"):
        digitcmp.curves(tmp_path)


def test_a_sweep(
    forked_sweeps: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Lists and ranges are swept. An unknown option raises ConfigError, a failed run RunError."""
    monkeypatch.chdir(tmp_path)
    small = {"data": {"train_pairs": 40, "val_pairs": 40, "test_pairs": 40}, "epochs": 1, "sweep": "mine"}
    runs = digitcmp.sweep(model="ws2", aux=[True, False], seed=range(2), **small)
    assert len(runs) == 4 and set(runs.label) == {"WS2", "AL3"} and (tmp_path / "multirun/mine").is_dir()
    assert "4 runs in multirun/mine, 0 finished before" in capfd.readouterr().out
    with pytest.raises(RunError, match="^the sweep trained no run"):
        digitcmp.sweep(model="ws2", dry_run=True)
    narrow = digitcmp.sweep(model={"name": "ws2", "hidden": [8, 9]}, **small | {"sweep": "narrow"})
    assert set(narrow.hidden) == {8, 9}
    with pytest.raises(ConfigError, match="^lrr is unknown: did you mean lr?"):
        digitcmp.sweep(lrr=1)
    with pytest.raises(RunError, match="the train loss is nan in epoch 1"):
        digitcmp.sweep("hydra/launcher=basic", model="ws2", lr=1e30, **small | {"sweep": "bad"})
