"""The benchmark runs and writes what it measured; its numbers are nobody's business here."""

import json
import sys
from pathlib import Path

import pytest

from digitcmp.commands import benchmark


def test_fit_ratio_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "CELLS", {"FCNN1": ("fcnn1", False)})
    out = tmp_path / "benchmark.json"
    monkeypatch.setattr(sys, "argv", ["benchmark", "--repetitions", "1", "--only", "fit", "--out", str(out)])
    benchmark.main()
    found = json.loads(out.read_text())
    assert set(found) == {"fit_ratio FCNN1", "fit_s FCNN1"}
    ratio = found["fit_ratio FCNN1"]
    assert ratio["n"] == 1 and 0 < ratio["min"] == ratio["median"] == ratio["max"]
    assert "fit_ratio FCNN1" in capsys.readouterr().out


def test_a_process_that_fails_is_shown(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        benchmark.process("-c", "1 / 0", folder=str(tmp_path))
