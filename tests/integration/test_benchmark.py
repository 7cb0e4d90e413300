"""Tests of benchmarks/overhead.py, without its timings."""

import runpy
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SCRIPT = runpy.run_path(str(ROOT / "benchmarks/overhead.py"))


def test_ratios_of_fit_and_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["overhead.py", "--repetitions", "1"])
    cells = SCRIPT["CELLS"]
    for label in cells.keys() - {"FCNN1"}:
        monkeypatch.delitem(cells, label)
    SCRIPT["main"]()
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.endswith("(n = 1)") and len(rows) == 4
    for row in rows:
        median, low, high = map(float, row.split()[-3:])
        assert 0 < low == median == high


def test_a_process_that_fails_is_shown(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        SCRIPT["process"]("-c", "1 / 0", folder=str(tmp_path))
