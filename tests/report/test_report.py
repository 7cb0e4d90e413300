"""Tests of the tables, files and warnings of reports of small synthetic sweeps, and of the committed reports."""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import COMMITTED
from records import grid, load, parts, record, report
from rich.console import Console
from rich.text import Text

from digitcmp import paper
from digitcmp.report import sections as report_sections
from digitcmp.report.figures import STYLE, save
from digitcmp.report.loader import read_csv
from digitcmp.report.pages import comparison, output
from digitcmp.report.pages.section import Column, Figure, File, Part, Table, named
from digitcmp.report.results import Results
from digitcmp.report.sections import accuracy as accuracy_section
from digitcmp.report.sections import sections
from digitcmp.report.sections.learning_curves import mean_curves
from digitcmp.runs.folder import METRICS
from digitcmp.runs.result import SCORES, read_result


@pytest.fixture(scope="module")
def of_grid(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(grid(tmp_path_factory.mktemp("grid")))


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures of a report by their names."""
    return {part.name: part for part in parts(results) if isinstance(part, Figure)}


def markdown(results: Results) -> str:
    """Return report.md of some runs, without drawing its figures."""
    return output.document(results, sections(results))


def column(table: Table, heading: str) -> list[str]:
    """Return the values of a column of a table."""
    place = [column.heading for column in table.columns].index(heading)
    return [row[place] for row in table.rows]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def evaluation(folder: Path, name: str, **changes: Any) -> None:
    """Write a later evaluation of a run."""
    crc = read_result(folder)["checkpoint_crc"]  # type: ignore[index]
    result = {"checkpoint_crc": crc, "dataset": "mnist", "seed": 0, "test_pairs": 1000, "tta": False, "test_acc": 0.8}
    (folder / f"evaluation,{name}.json").write_text(json.dumps(result | changes))


def test_cells_and_curves(of_grid: Results) -> None:
    cells = of_grid.cells
    assert not of_grid.missing and not of_grid.warnings
    assert list(cells.label) == ["WS1", "WS3", "AL2", "AL4"]
    assert list(cells)[:7] == ["label", "model", "head", "aux", "lr", "train_pairs", "n"]
    ws1 = cells.iloc[0]
    assert (ws1.n, ws1.test_acc_mean, ws1.test_acc_std) == (3, pytest.approx(0.81), pytest.approx(0.01))
    assert (ws1.ci_low, ws1.ci_high) == pytest.approx((0.81 - 0.0248414, 0.81 + 0.0248414))
    assert (ws1.val_acc_mean, ws1.paper_mean, ws1.paper_std) == (pytest.approx(0.79), 0.827, 0.014)
    assert np.isnan(ws1.digit_acc_mean) and cells.argmax_acc_mean[3] == pytest.approx(0.95)
    curves = mean_curves(of_grid)
    second = curves[(curves.cell == ws1.cell) & (curves.epoch == 2)].iloc[0]
    assert (second.n, second.test_acc_mean, second.test_acc_std) == (3, pytest.approx(0.76), pytest.approx(0.01))
    assert len(curves) == 4 * 3


def test_collapsed_runs_are_counted_named_and_no_setting(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.82, 0.83, 0.81, 0.56)
    record(tmp_path, "ws1", *[0.8] * 4)
    results = load(tmp_path)
    assert list(results.cells.collapsed) == [0, 1]
    assert column(accuracy_section.table(results), "collapsed") == ["", "1 of 4"]
    assert ["collapsed: WS3 seed 3 (0.560)"] in parts(results, "Accuracy")


def test_the_heads_loss_by_hand(tmp_path: Path) -> None:
    """argmax_acc is .95 in every run: .05, .06 and .07 above the test accuracies .90, .89 and .88."""
    record(tmp_path, "ws3", 0.90, 0.89, 0.88, aux=True)
    record(tmp_path, "ws3", 0.8, 0.8, 0.8)
    record(tmp_path, "ws1", 0.9, aux=True)
    cells = load(tmp_path).cells.set_index("label")[["head_loss", "head_loss_low", "head_loss_high"]]
    half = 4.302653 * 0.01 / 3**0.5
    assert list(cells.loc["AL4"]) == pytest.approx([0.06, 0.06 - half, 0.06 + half])
    assert list(cells.loc["AL2"]) == pytest.approx([0.05, np.nan, np.nan], nan_ok=True)
    assert cells.loc["WS3"].isna().all()


def test_later_evaluations_have_a_table(tmp_path: Path) -> None:
    for seed, accuracy in ((0, 0.8), (1, 0.9)):
        folder = record(tmp_path, "ws3", 0.7, seed=seed)
        task = {"test_pairs": 5000, "seed": seed, "tta": True}
        evaluation(folder, "a", test_acc=accuracy, **task)
        evaluation(folder, "b", test_acc=0.1, checkpoint_crc="another", **task)
        evaluation(folder, "A", test_acc=0.6, **task | {"seed": 100})  # other pairs are another task
        (folder / "evaluation,c.json").write_text("{")  # a damaged file is skipped
    results = load(tmp_path)
    text = markdown(results)
    assert "| WS3 | mnist | 5,000 | true | 2 | 0.850 ± 0.071 | [0.215, 1.000] † |" in text
    assert "| WS3 | mnist, pairs of seed 100 | 5,000 | true | 2 | 0.600 ± 0.000 |" in text
    [content] = [content for content in sections(results) if content.title == "Later evaluations"]
    table = pd.read_csv(io.StringIO(content.files[0].text))
    assert table[table.own_pairs][["run_seed", "test_acc"]].to_numpy().tolist() == [[0, 0.8], [1, 0.9]]


def test_a_checksum_stays_a_text(tmp_path: Path) -> None:
    """Checksums that look like numbers are read from a CSV file as text."""
    (tmp_path / "runs.csv").write_text("data_crc,config_hash\n3220e772,02290525\n")
    assert read_csv(tmp_path / "runs.csv").to_numpy().tolist() == [["3220e772", "02290525"]]


def test_missing_runs_are_listed(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.8)
    begun = record(tmp_path, "ws3", None, seed=1)
    damaged = record(tmp_path, "ws3", 0.8, seed=2)
    (damaged / METRICS).write_text("cut off")
    planned = record(tmp_path, "ws2", None, begun=False)
    results = load(tmp_path)
    assert results.missing == [planned, begun, damaged] and len(results.runs) == 1
    assert "3 missing" in (text := markdown(results)) and "- model=ws3,aux=false,lr=0.001/seed=1\n" in text


def test_a_run_in_two_folders_counts_once(tmp_path: Path) -> None:
    """The duplicate is detected in a folder that is not named after its cell, like that of a single run."""
    first = record(tmp_path / "a", "ws3", 0.9)
    single = tmp_path / "b" / "12-00-00_WS3"
    shutil.copytree(first, single)
    record(tmp_path / "a", "ws3", 0.8, seed=1)
    record(tmp_path / "b", "ws3", None, seed=1)
    results = load(tmp_path / "a", tmp_path / "b")
    assert results.warnings == [f"1 runs are in several folders and are counted once, without {single}"]
    assert len(results.runs) == 2 and not results.missing  # seed=1 is finished in the other folder


def test_mixed_versions_commits_and_devices_are_said(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.9, versions="torch 1")
    record(tmp_path, "ws3", 0.9, seed=1, versions="torch 2", git_commit="abc-dirty", device="cuda:0")
    warnings = "\n".join(load(tmp_path).warnings)
    assert "mixed versions" in warnings and "torch 1 (1 runs); torch 2 (1 runs)" in warnings
    assert "mixed git_commit" in warnings and "mixed device" in warnings
    assert "uncommitted changes: git_commit abc-dirty" in warnings
    assert "WARNING: mixed versions" in report(tmp_path).stdout
    assert "> **Warning:** mixed versions" in (tmp_path / "report" / "report.md").read_text()


def test_mixed_code_is_said_by_file(tmp_path: Path) -> None:
    """Code is mixed if the same file differs between runs. Networks may use different files."""
    sweep, files = tmp_path / "sweep", {"module.py": "0123", "conv.py": "1e4"}
    record(sweep, "ws3", 0.9, code="aa", files=files)
    record(sweep, "ws2", 0.9, code="bb", files={"module.py": "0123", "dense.py": "77"})
    assert load(sweep).warnings == []
    before = shutil.copytree(sweep, tmp_path / "before")
    report(before)
    record(sweep, "ws3", 0.9, seed=1, code="cc", files=files | {"conv.py": "88", "more.py": "5"})
    record(sweep, "ws1", 0.9)  # an older result without a record of its code
    warnings = ["mixed code among these runs: conv.py. Results may not be comparable."]
    warnings += ["1 of 4 runs have no record of the code that trained them"]
    assert load(sweep).warnings == warnings
    report(sweep)
    assert load(shutil.move(sweep / "report", tmp_path / "alone")).warnings == warnings
    done = report(before / "report", "--compare", tmp_path / "alone")
    lines = [line for line in done.stdout.splitlines() if line.startswith("code")]
    assert [" ".join(line.split()) for line in lines] == [
        "code 2 of 2 recorded 3 of 4 recorded",
        "code of conv.py 1e4 1e4, 88",
    ]


def test_selection_looks_at_validation_only(tmp_path: Path) -> None:
    for lr, val, test in ((1e-4, 0.80, 0.95), (1e-3, 0.90, 0.85), (2e-3, 0.85, 0.80)):
        record(tmp_path, "ws3", test, val_acc=val, lr=lr, aux=True)
    record(tmp_path, "ws2", 0.8)  # a single rate: nothing to select
    [row] = load(tmp_path).selected_rates.itertuples()
    assert (row.title, row.lr, row.val_acc, row.test_acc) == ("AL4", 1e-3, pytest.approx(0.90), pytest.approx(0.85))
    assert (row.oracle_lr, row.oracle_test_acc, row.paper_lr) == (1e-4, pytest.approx(0.95), 2e-3)
    assert (row.rates, row.at_edge) == (3, False)


def test_the_whole_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(grid(tmp_path), "ws3", None, seed=3, lr=1.3e-3)
    done = report(tmp_path, drawn=True)
    out = tmp_path / "report"
    names = {"cells.csv", "runs.csv", "curves.csv", "effects.csv", "report.md", "report.html", "table.tex"}
    names |= {"seed_curves.csv", "convergence.csv", ".manifest"}
    drawn = {f"{name}.{form}" for name in ("accuracy", "effects", "curves") for form in ("png", "svg")}
    before = contents(out)
    assert before.keys() == names | drawn
    assert "AL4    0.002  3  0.951 ± 0.011  [0.925, 0.977]" in done.stdout  # complete on 80 columns too
    assert "1 runs are missing. See report.md." in done.stdout
    tex, text = before["table.tex"].decode(), before["report.md"].decode()
    assert tex.count(r"\bottomrule") == 1 and r"0.951 $\pm$ 0.011" in tex
    table = pd.read_csv(out / "runs.csv")
    assert len(table) == 12 and {"cell", "label", "config_hash", *SCORES} <= {*table} and "path" not in table
    row = "| AL4 | 0.002 | 3 | 0.951 ± 0.011 | [0.925, 0.977] | 0.931 | 0.900 | 0.950 | -0.001 [-0.027, +0.025] | 1,000"
    assert f"{row} | 0.914 ± 0.015 | +0.037 |" in text
    effect = "| AL2 − WS1 | +0.100 | as claimed | [+0.098, +0.102] | 3 | <0.001 | <0.001 | +0.10 | +0.057 [+0.046, "
    assert effect in text
    assert "*smaller*, *larger than claimed*" in text  # the rule of the verdicts
    assert "no statistics for AL4 − WS3, WS3 − WS1, (AL4 − WS3) − (AL2 − WS1): missing runs: WS3 lacks seed=3" in text
    assert "- model=ws3,aux=false,lr=0.0013/seed=3\n" in text
    for name in drawn:
        assert len(before[name]) > 1000 and (name.endswith("png") or f"]({name})" in text)
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    report(tmp_path, "--open", drawn=True)
    assert contents(out) == before and shown == [(out / "report.html").as_uri()]


def test_a_new_section_is_in_every_form_of_the_report(of_grid: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """A section is defined in one place."""

    def seconds(results: Results) -> Iterator[Part]:
        frame = results.runs.groupby("label", as_index=False).fit_seconds.sum()
        yield Table.of(frame, [named("label", "network"), Column("seconds", "fit_seconds", ".1f")], "seconds.csv")
        yield File.csv("seconds.csv", frame)
        yield "Seconds of *training*."

    monkeypatch.setattr(report_sections, "SECTIONS", {"Seconds": seconds})
    made = sections(of_grid)
    files = output.report_files(of_grid, made)
    assert files["seconds.csv"].splitlines()[:2] == [b"label,fit_seconds", b"AL2,6"]
    assert "## Seconds\n\n| network | seconds |\n| :-- | --: |\n| AL2 | 6.0 |" in files["report.md"].decode()
    page = files["report.html"].decode()
    assert ">Seconds</a>" in page and ">6.0</td>" in page and "Seconds of <em>training</em>." in page
    terminal = io.StringIO()
    output.show(of_grid, made, Console(file=terminal))
    assert "AL2          6.0" in terminal.getvalue()


def test_figures_of_the_paper_are_drawn_where_their_cells_are(tmp_path: Path) -> None:
    for model, aux in paper.CELLS:
        record(tmp_path / "table", model, 0.8, aux=aux)
    for model, hidden in (("fcnn3", 200), ("fcnn3", 500), ("fcnn2", [300, 50]), ("fcnn2", [300, 150, 50])):
        record(tmp_path / "widths", model, 0.8, hidden=hidden)
    for model, batch_size in (("fcnn1", 10), ("fcnn1", 40), ("ws2", 40)):  # one width of each network
        record(tmp_path / "batches", model, 0.8, hidden=300, batch_size=batch_size)
    for lr in (1e-3, 1e-2):
        record(tmp_path / "rates", "convnet", 0.8, lr=lr)
    drawn = {sweep.name: figures(load(sweep)) for sweep in tmp_path.iterdir()}
    assert {*drawn["table"]} == {"accuracy", "figure6", "figure7"}
    assert {*drawn["widths"]} == {"accuracy", "figure5"} and not drawn["rates"] and "figure5" not in drawn["batches"]
    for name in ("figure5", "figure6"):
        assert save((drawn["table"] | drawn["widths"])[name].draw)["svg"]


def test_tick_labels_of_effects_do_not_overlap(of_grid: Results) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with matplotlib.rc_context(STYLE):
        figure = figures(of_grid)["effects"].draw()
        FigureCanvasAgg(figure).draw()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        boxes = [box for box in boxes if figure.bbox.containsx(box.x0) and figure.bbox.containsy(box.y0)]
        assert len(boxes) > 2 and not any(box.overlaps(after) for box, after in zip(boxes, boxes[1:], strict=False))


OTHERS = ("table", "nothing", "no_curves")  # folders with another runs.csv than that of a report


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with sweeps and with folders that no report can be made of or written to."""
    root = tmp_path_factory.mktemp("folders")
    for name in ("sweep", "blocked"):
        record(root / name, "ws3", 0.9, 0.91)
    record(root / "unfinished", "ws3", None)
    for name, text in (
        ("blocked/report", "a file where the folder should be"),
        ("mine/report.md", "mine"),
        ("table/runs.csv", "name,value\na,1\n"),
        ("nothing/runs.csv", ""),
        ("no_curves/runs.csv", "cell,seed,test_acc,config_hash\n"),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("nowhere", 2, "nowhere is not a folder; a folder of runs is expected\n"),
        ("unfinished", 2, "unfinished: no finished run; a folder of runs is expected\n"),
        ("blocked", 1, "blocked/report: the report cannot be written: File exists\n"),
        (
            "sweep --out mine",
            2,
            "mine contains report.md, a file that no report wrote. Choose another folder with --out ",
        ),
        *((name, 2, f"{name}/runs.csv is not that of a report; the columns cell, seed, test_acc, ") for name in OTHERS),
        ("sweep --compare", 2, "usage: .*expected one argument\n"),
        ("sweep --compare sweep --claims", 2, "usage: .*argument --claims: not allowed with argument --compare\n"),
        ("sweep --compare nowhere", 2, "nowhere is not a folder; a folder of runs is expected\n"),
        ("sweep --compare sweep --open", 2, "--compare writes no report; no option of one is expected."),
        ("sweep --compare sweep --test-images", 2, "--compare writes no report; no option of one is expected."),
        ("sweep --contrast WS3 WS3 --open", 2, "--contrast writes no report; no option of one is expected."),
        ("sweep --contrast WS3 WS9", 2, "'WS9' names 0 cells of this report; .* Choose from 'WS3'\n"),
        ("sweep --claims --open", 2, "--claims writes no report; no option of one is expected."),
        ("sweep --claims", 2, "sweep has no report of table1, equal_rates"),
    ],
)
def test_one_line_and_nothing_written(
    folders: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int, reason: str
) -> None:
    monkeypatch.chdir(folders)
    before = sorted(folders.rglob("*"))
    error = report(*line.split(), code=code).stderr
    assert re.match(f"(?s){reason}", error) and (error.count("\n") == 1 or error.startswith("usage: "))
    assert sorted(folders.rglob("*")) == before


def test_the_tables_import_neither_torch_nor_matplotlib() -> None:
    code = "import sys, {}; print(*sys.modules); import {}, {}; print(*sys.modules)"
    code = code.format(comparison.__name__, report_sections.__name__, output.__name__)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tables, figures = (set(line.split()) for line in done.stdout.splitlines())
    assert tables.isdisjoint({"torch", "lightning", "matplotlib", "scipy.stats"})
    assert figures.isdisjoint({"torch", "lightning"})


def test_a_wide_table_is_folded_on_a_terminal(of_grid: Results) -> None:
    """At 80 columns the table is split into blocks. No line is longer, and every block names each cell once."""
    stream = io.StringIO()
    table = accuracy_section.table(of_grid)
    table.show(Console(width=80, force_terminal=True, no_color=True, file=stream))
    lines = [Text.from_ansi(line).plain for line in stream.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    assert sum("AL4" in line for line in lines) == len(table.blocks(80)) > 1
    assert "0.914 ± 0.015" in stream.getvalue() and "the head's loss" in stream.getvalue()
    table.show(Console(width=40, file=stream))  # a file has complete lines
    assert "0.914 ± 0.015" in stream.getvalue().splitlines()[-1]


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.parent.name)
def test_committed_reports_made_again_are_the_same(folder: Path) -> None:
    """The CSV and Markdown files of a report follow from its CSV files alone."""
    made_again = sections(results := load(folder.parent))
    made = {file.name: file.text for content in made_again for file in content.files}
    made["report.md"] = output.document(results, made_again)
    for file in [file for file in folder.iterdir() if file.suffix in (".csv", ".md")]:
        assert made[file.name] == file.read_text("utf-8"), file.name


def test_a_report_of_csv_files_is_that_of_the_runs(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "sweep")
    record(sweep, "ws2", 0.8, 0.55)  # one collapsed
    record(sweep, "fcnn2", 0.8, hidden=[300, 50])
    folder = record(sweep, "fcnn1", 0.81, hidden=300, ema=0.99)
    evaluation(folder, "order", class_order=0.5, positions={"Bag, small": 0.4})
    evaluation(folder, "tta", tta=True)
    report(sweep, drawn=True)
    before = contents(sweep / "report")
    for folder in sweep.glob("model=*"):
        shutil.rmtree(folder)
    for root in (sweep, sweep / "report"):  # a report folder can be read as well
        report(root, drawn=True)
        after = contents(sweep / "report")
        assert after.keys() == before.keys()
        other = {name for name in before if before[name] != after[name]}
        assert other <= {"curves.png", "curves.svg", "report.html"}  # curves.csv keeps six digits


def test_a_report_replaces_the_files_of_reports_only(tmp_path: Path) -> None:
    """The second report removes evaluations.csv, which would be read once the runs are deleted."""
    folder = record(tmp_path / "sweep", "ws3", 0.9, 0.91)
    evaluation(folder, "x")
    out = tmp_path / "mine"
    out.mkdir()
    for name in ("notes.csv", "notes.partial"):
        (out / name).write_text("mine")
    report(tmp_path / "sweep", "--out", out)
    before = contents(out)
    (folder / "evaluation,x.json").unlink()
    report(tmp_path / "sweep", "--out", out)
    assert before.keys() - contents(out).keys() == {"evaluations.csv"}
    assert contents(out)["notes.csv"] == contents(out)["notes.partial"] == b"mine"
    assert [file.name for file in out.glob("*.partial")] == ["notes.partial"]
