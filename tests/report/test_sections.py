"""Tests that a section is defined in one place."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from records import grid
from rich.console import Console

from digitcmp.report import sections as report_sections
from digitcmp.report.pages.output import report_files, show
from digitcmp.report.pages.section import Column, File, Part, Table, named
from digitcmp.report.results import Results


def test_a_new_section_is_in_every_form_of_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is added in one place."""

    def parts(results: Results) -> Iterator[Part]:
        frame = results.runs.groupby("label", as_index=False).fit_seconds.sum()
        yield Table.of(frame, [named("label", "network"), Column("seconds", "fit_seconds", ".1f")], "seconds.csv")
        yield File.csv("seconds.csv", frame)
        yield "Seconds of *training*."

    monkeypatch.setitem(report_sections.SECTIONS, "Seconds", parts)
    results = Results.load([grid(tmp_path)])
    contents = report_sections.sections(results)
    files = report_files(results, contents)
    assert files["seconds.csv"].splitlines()[:2] == [b"label,fit_seconds", b"AL2,6"]
    assert "## Seconds\n\n| network | seconds |\n| :-- | --: |\n| AL2 | 6.0 |" in files["report.md"].decode()
    page = files["report.html"].decode()
    assert ">Seconds</a>" in page and ">6.0</td>" in page and "Seconds of <em>training</em>." in page
    terminal = io.StringIO()
    show(results, contents, Console(file=terminal))
    assert "AL2          6.0" in terminal.getvalue()
