"""Tests of benchmarks/overhead.py, without its timings."""

import runpy
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Program

SCRIPT = runpy.run_path(str(ROOT / "benchmarks/overhead.py"))


def program(*line: str, folder: str) -> tuple[float, str]:
    """Return two seconds and the output of a program in a fork, in the place of a new process and its seconds."""
    short = ["epochs=1"] if line[0].endswith("train.py") else []
    return 2.0, Program(Path(folder), *line, *short).done().stdout


def test_ratios_of_fit_and_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["overhead.py", "--repetitions", "1"])
    monkeypatch.setitem(SCRIPT["main"].__globals__, "CELLS", {"FCNN1": SCRIPT["CELLS"]["FCNN1"]})
    monkeypatch.setitem(SCRIPT["main"].__globals__, "process", program)
    SCRIPT["main"]()
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.endswith("(n = 1)") and len(rows) == 4
    for row in rows:
        median, low, high = map(float, row.split()[-3:])
        assert 0 < low == median == high


def test_a_process_that_fails_is_shown(tmp_path: Path) -> None:
    assert SCRIPT["process"]("-c", "print(3)", folder=str(tmp_path))[1] == "3\n"
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        SCRIPT["process"]("-c", "1 / 0", folder=str(tmp_path))
