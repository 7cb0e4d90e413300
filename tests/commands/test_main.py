"""Tests of the command line of `digitcmp`."""

import sys

import pytest
from conftest import Run, inside


@pytest.mark.parametrize(("argument", "out"), [("--version", "digitcmp "), ("--help", "usage: digitcmp [-h]")])
def test_options(argument: str, out: str) -> None:
    assert inside(argument).stdout.startswith(out)


def test_an_unknown_command() -> None:
    assert "invalid choice: 'benchmark' (choose from" in inside("benchmark", code=2).stderr


def test_a_terminal_of_few_letters(command: Run) -> None:
    done = command("model=ws2", "pictures=false", before=lambda: sys.stdout.reconfigure(encoding="ascii"))
    assert done.stderr == "" and "0.845 ? 0.014" in done.stdout
    ascii = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
    assert command("model=\u00e9", code=1, cold=True, **ascii).stderr.count("\n") == 1
