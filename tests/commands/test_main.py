"""Tests of the command line of `digitcmp`."""

import sys

import pytest
from conftest import Run

from digitcmp import __main__


@pytest.mark.parametrize(("argument", "out"), [("--version", "digitcmp "), ("--help", "usage: digitcmp [-h]")])
def test_options(argument: str, out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["digitcmp", argument])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    assert stop.value.code == 0 and capsys.readouterr().out.startswith(out)


def test_an_unknown_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["digitcmp", "benchmark"])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    err = capsys.readouterr().err
    assert stop.value.code == 2 and "invalid choice: 'benchmark' (choose from" in err


def test_a_terminal_of_few_letters(command: Run) -> None:
    done = command("model=ws2", before=lambda: sys.stdout.reconfigure(encoding="ascii"))  # type: ignore[union-attr]
    assert done.stderr == "" and "0.845 ? 0.014" in done.stdout
    ascii = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
    assert command("model=\u00e9", code=1, cold=True, **ascii).stderr.count("\n") == 1
