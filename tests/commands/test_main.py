"""Tests of the command line of `digitcmp`."""

import sys

import pytest

from digitcmp import __main__


@pytest.mark.parametrize(
    ("argument", "out"), [("--version", "digitcmp "), ("--help", "usage: digitcmp [--plugins MODULE,...] COMMAND")]
)
def test_options(argument: str, out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["digitcmp", argument])
    __main__.main()
    assert capsys.readouterr().out.startswith(out)


def test_an_unknown_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["digitcmp", "benchmark"])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    err = capsys.readouterr().err
    assert stop.value.code == 2 and "benchmark: unknown command; expected train, report" in err
