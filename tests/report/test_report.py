"""Tests of the tables, files and warnings of reports of small synthetic sweeps, and of the committed reports."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import COMMITTED
from records import grid, parts, record, report
from rich.console import Console
from rich.text import Text

from digitcmp import paper
from digitcmp.report.figures import STYLE, save
from digitcmp.report.pages.output import document
from digitcmp.report.pages.section import Figure, Table
from digitcmp.report.results import Results
from digitcmp.report.sections import accuracy as accuracy_section
from digitcmp.report.sections import sections
from digitcmp.report.sections.learning_curves import mean_curves
from digitcmp.report.sections.rates import selection
from digitcmp.runs.folder import METRICS, RESULT
from digitcmp.runs.result import SCORES, read_result, record_result


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures of a report by their names."""
    return {part.name: part for part in parts(results) if isinstance(part, Figure)}


def markdown(*roots: Path) -> str:
    """Return report.md of the runs of some folders, without drawing its figures."""
    results = Results.load(roots)
    return document(results, sections(results))


def table_of(results: Results, title: str) -> Table:
    """Return the first table of a section."""
    return next(part for part in parts(results, title) if isinstance(part, Table))


def column(table: Table, heading: str) -> list[str]:
    """Return the values of a column of a table."""
    place = [column.heading for column in table.columns].index(heading)
    return [row[place] for row in table.rows]


def evaluation(folder: Path, name: str, **changes: Any) -> None:
    """Write a later evaluation of a run."""
    crc = read_result(folder)["checkpoint_crc"]  # type: ignore[index]
    result = {"checkpoint_crc": crc, "dataset": "mnist", "seed": 0, "test_pairs": 1000, "tta": False, "test_acc": 0.8}
    (folder / f"evaluation,{name}.json").write_text(json.dumps(result | changes))


def test_cells(tmp_path: Path) -> None:
    results = Results.load([grid(tmp_path)])
    cells = results.cells
    assert not results.missing and not results.warnings
    assert list(cells.label) == ["WS1", "WS3", "AL2", "AL4"]
    assert list(cells)[:7] == ["label", "model", "head", "aux", "lr", "train_pairs", "n"]
    ws1 = cells.iloc[0]
    assert (ws1.n, ws1.test_acc_mean, ws1.test_acc_std) == (3, pytest.approx(0.81), pytest.approx(0.01))
    assert (ws1.ci_low, ws1.ci_high) == pytest.approx((0.81 - 0.0248414, 0.81 + 0.0248414))
    assert (ws1.val_acc_mean, ws1.paper_mean, ws1.paper_std) == (pytest.approx(0.79), 0.827, 0.014)
    assert np.isnan(ws1.digit_acc_mean) and cells.argmax_acc_mean[3] == pytest.approx(0.95)


def test_intervals_of_two_seeds_are_marked(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.3, 0.9)):
        record(tmp_path / "sweep", "ws3", accuracy, seed=seed)
    results = Results.load([tmp_path / "sweep"])
    assert column(accuracy_section.table(results), "95 % interval") == ["[0.000, 1.000] †"]
    assert "† marks the interval of two seeds" in markdown(tmp_path / "sweep")


def test_cells_of_one_label_are_told_apart_by_their_settings(tmp_path: Path) -> None:
    for more in ({}, {"ensemble": 3, "tta": True}):
        best = {"head": "ordinal", "augment": True, **more}
        record(tmp_path, "convnet", 0.991, aux=True, re_pair=True, epochs=128, **best)
        record(tmp_path, "convnet", 0.987, bins=30, epochs=192, **best)
    record(tmp_path, "ws3", 0.8, normalize=False)
    results = Results.load([tmp_path])
    names = ["convnet+ordinal", "convnet+ordinal ensemble=3, tta"]
    assert list(results.cells.title) == ["WS3", *names, *(name.replace("+", "+AL+", 1) for name in names)]
    table = accuracy_section.table(results)
    assert column(table, "ensemble") == ["1", "1", "3", "1", "3"]
    assert column(table, "tta") == ["false", "false", "true", "false", "true"]
    assert column(table, "test accuracy") == ["0.800", "0.9870", "0.9870", "0.9910", "0.9910"]


def test_others_stand_beside_results_in_their_reach(tmp_path: Path) -> None:
    record(tmp_path / "paper", "ws3", 0.923, aux=True)
    record(tmp_path / "other", "convnet", 0.99, dataset="kmnist")
    assert parts(Results.load([tmp_path]), "Published results") == []
    record(tmp_path / "beyond", "convnet", 0.95)
    results = Results.load([tmp_path])
    table = table_of(results, "Published results")
    sources = [work.source for work in paper.OTHERS.values()]
    assert column(table, "work") == [*sources, "the paper's AL4"]
    assert column(table, "test accuracy")[::5] == ["0.9826 ± 0.0034", "0.914 ± 0.015"]
    assert column(table, "95 % interval")[4] == "[0.865, 1.000]"  # three runs, std .028


def test_the_commands_of_several_sweeps_name_the_seeds_of_each(tmp_path: Path) -> None:
    for seed in (0, 1, 4):
        record(tmp_path / "table1", "ws3", 0.8, seed=seed)
    for seed in range(10):
        record(tmp_path / "authors", "ws3", 0.8, seed=seed, normalize=False)
    text = markdown(tmp_path / "table1", tmp_path / "authors")
    assert "`python train.py -m experiment=table1 'seed=0,1,4'`" in text
    assert "`python train.py -m experiment=authors`" in text


def test_later_evaluations_have_a_table(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for seed, accuracy in ((0, 0.8), (1, 0.9)):
        folder = record(sweep, "ws3", 0.7, seed=seed)
        task = {"test_pairs": 5000, "seed": seed, "tta": True}
        evaluation(folder, "a", test_acc=accuracy, **task)
        evaluation(folder, "b", test_acc=0.1, checkpoint_crc="another", **task)
        evaluation(folder, "A", test_acc=0.6, **task | {"seed": 100})  # other pairs are another task
        (folder / "evaluation,c.json").write_text("{")  # a damaged file is skipped
    text = markdown(sweep)
    assert "| WS3 | mnist | 5,000 | true | 2 | 0.850 ± 0.071 | [0.215, 1.000] † |" in text
    assert "| WS3 | mnist, pairs of seed 100 | 5,000 | true | 2 | 0.600 ± 0.000 |" in text
    [content] = [content for content in sections(Results.load([sweep])) if content.title == "Later evaluations"]
    table = pd.read_csv(io.StringIO(content.files[0].text))
    assert table[table.own_pairs][["run_seed", "test_acc"]].to_numpy().tolist() == [[0, 0.8], [1, 0.9]]


def test_no_file_of_an_earlier_report_stays(tmp_path: Path) -> None:
    """A new report removes the old evaluations.csv, which would be read once the runs are deleted. Other files stay."""
    folder = record(tmp_path / "sweep", "ws3", 0.8)
    evaluation(folder, "x")
    report(tmp_path / "sweep")
    (tmp_path / "sweep/report/notes.csv").write_text("mine")
    before = {file.name for file in (tmp_path / "sweep/report").iterdir()}
    (folder / "evaluation,x.json").unlink()
    report(tmp_path / "sweep")
    assert before - {file.name for file in (tmp_path / "sweep/report").iterdir()} == {"evaluations.csv"}


def test_a_single_cell_has_no_rates_to_select(tmp_path: Path) -> None:
    for seed in (0, 1):
        record(tmp_path, "ws3", 0.8, seed=seed)
    results = Results.load([tmp_path])
    assert selection(results).empty and {*figures(results)} == {"accuracy", "curves"}


def test_a_checksum_stays_a_text(tmp_path: Path) -> None:
    """Checksums that look like numbers, 3220e772 and 02290525, are read from a CSV file as text."""
    for crc in ("3220e772", "02290525"):
        file = tmp_path / f"{crc}.npz"
        file.write_text(crc)
        folder = record(tmp_path / "sweep", "ws3", 0.8, dataset="npz", file=str(file))
        result = read_result(folder)
        assert result
        (folder / RESULT).unlink()
        record_result(folder, result | {"data_crc": crc, "config_hash": crc})
    report(tmp_path / "sweep")
    table = (tmp_path / "sweep/report/runs.csv").read_bytes()
    alone = shutil.move(tmp_path / "sweep" / "report", tmp_path / "alone")
    report(alone)
    assert (alone / "runs.csv").read_bytes() == table and b",3220e772," in table and b",02290525," in table


def test_one_width_of_each_network_is_no_figure5(tmp_path: Path) -> None:
    for model, batch_size in (("fcnn1", 10), ("fcnn1", 40), ("ws2", 40)):
        record(tmp_path, model, 0.8, hidden=300, batch_size=batch_size)
    assert "figure5" not in figures(Results.load([tmp_path]))


def test_a_damaged_run_is_missing(tmp_path: Path) -> None:
    folder = next(grid(tmp_path).glob("*/seed=1"))
    (folder / METRICS).write_text("cut off")
    results = Results.load([tmp_path])
    assert results.missing == [folder] and len(results.runs) == 11


def test_missing_runs_are_listed(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.8)
    begun = record(tmp_path, "ws3", None, seed=1)
    planned = record(tmp_path, "ws2", None, begun=False)
    assert Results.load([tmp_path]).missing == [planned, begun]
    text = markdown(tmp_path)
    assert "2 missing" in text and "- model=ws3,aux=false,lr=0.001/seed=1\n" in text


def test_a_run_in_two_folders_counts_once(tmp_path: Path) -> None:
    """The duplicate is detected in a folder that is not named after its cell, like that of a single run."""
    first = record(tmp_path / "a", "ws3", 0.9)
    single = tmp_path / "b" / "12-00-00_WS3"
    shutil.copytree(first, single)
    record(tmp_path / "a", "ws3", 0.8, seed=1)
    record(tmp_path / "b", "ws3", None, seed=1)
    results = Results.load([tmp_path / "a", tmp_path / "b"])
    assert results.warnings == [f"1 runs are in several folders and are counted once, without {single}"]
    assert len(results.runs) == 2 and not results.missing  # seed=1 is finished in the other folder


def test_different_results_of_one_run_are_said(tmp_path: Path) -> None:
    record(tmp_path / "first", "ws3", 0.9)
    record(tmp_path / "second", "ws3", 0.8)
    results = Results.load([tmp_path])
    assert list(results.runs.test_acc) == [0.9]
    warning, _ = results.warnings
    assert "different results" in warning and "0.9000" in warning and "0.8000" in warning


def test_mixed_versions_commits_and_devices_are_said(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.9, versions="torch 1")
    record(tmp_path, "ws3", 0.9, seed=1, versions="torch 2", git_commit="abc-dirty", device="cuda:0")
    warnings = "\n".join(Results.load([tmp_path]).warnings)
    assert "mixed versions" in warnings and "torch 1 (1 runs); torch 2 (1 runs)" in warnings
    assert "mixed git_commit" in warnings and "mixed device" in warnings
    assert "uncommitted changes: git_commit abc-dirty" in warnings
    done = report(tmp_path)
    assert "WARNING: mixed versions" in done.stdout
    assert "> **Warning:** mixed versions" in (tmp_path / "report" / "report.md").read_text()


def test_mixed_code_is_said_by_file(tmp_path: Path) -> None:
    """Code is mixed if the same file differs between runs. Networks may use different files."""
    sweep, files = tmp_path / "sweep", {"module.py": "0123", "conv.py": "1e4"}
    record(sweep, "ws3", 0.9, code="aa", files=files)
    record(sweep, "ws2", 0.9, code="bb", files={"module.py": "0123", "dense.py": "77"})
    assert Results.load([sweep]).warnings == []
    before = shutil.copytree(sweep, tmp_path / "before")
    report(before)
    record(sweep, "ws3", 0.9, seed=1, code="cc", files=files | {"conv.py": "88", "more.py": "5"})
    record(sweep, "ws1", 0.9)  # an older result without a record of its code
    warnings = ["mixed code among these runs: conv.py. Results may not be comparable."]
    warnings += ["1 of 4 runs have no record of the code that trained them"]
    assert Results.load([sweep]).warnings == warnings
    report(sweep)
    assert Results.load([shutil.move(sweep / "report", tmp_path / "alone")]).warnings == warnings
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
    chosen = selection(Results.load([tmp_path]))
    assert list(chosen.title) == ["AL4"]
    row = chosen.iloc[0]
    assert (row.lr, row.val_acc, row.test_acc) == (1e-3, pytest.approx(0.90), pytest.approx(0.85))
    assert (row.oracle_lr, row.oracle_test_acc, row.paper_lr) == (1e-4, pytest.approx(0.95), 2e-3)
    assert (row.rates, row.at_edge) == (3, False)


def test_settings_that_differ_have_a_column(tmp_path: Path) -> None:
    record(tmp_path, "fcnn2", 0.8, hidden=[300, 50])
    record(tmp_path, "fcnn2", 0.8, hidden=[300, 150, 50])
    record(tmp_path, "fcnn1", 0.8, hidden=1000, normalize=False)
    record(tmp_path, "fcnn1", 0.8, hidden=200, normalize=False)
    cells = Results.load([tmp_path]).cells
    assert list(cells.hidden) == ["200", "1000", "300-50", "300-150-50"]  # by number and depth, not as text
    assert list(cells.normalize) == ["false", "false", "true", "true"]
    assert list(cells)[-2:] == ["cell", "title"] and "batch_size" not in cells
    assert list(cells.paper_mean.notna()) == [False, False, False, True]  # Fig. 5 has 300-150-50


def test_order_is_by_value_with_the_default_among_the_others(tmp_path: Path) -> None:
    for pairs in (2000, 62, 1000, 250):
        record(tmp_path, "ws3", 0.8, train_pairs=pairs, head="ordinal")
        record(tmp_path, "ws3", 0.8, train_pairs=pairs)
    cells = Results.load([tmp_path]).cells
    assert list(cells.train_pairs) == [62, 250, 1000, 2000] * 2
    assert list(cells["head"]) == ["mlp"] * 4 + ["ordinal"] * 4


def test_curves(tmp_path: Path) -> None:
    curves = mean_curves(Results.load([grid(tmp_path)]))
    first = curves[(curves.cell == "model=ws1,aux=false,lr=0.0008") & (curves.epoch == 2)].iloc[0]
    assert (first.n, first.test_acc_mean, first.test_acc_std) == (3, pytest.approx(0.76), pytest.approx(0.01))
    assert len(curves) == 4 * 3


def test_the_whole_report(tmp_path: Path) -> None:
    record(grid(tmp_path), "ws3", None, seed=3, lr=1.3e-3)
    done = report(tmp_path)
    out = tmp_path / "report"
    names = {"cells.csv", "runs.csv", "curves.csv", "effects.csv", "report.md", "report.html", "table.tex"}
    names |= {"seed_curves.csv", "convergence.csv"}
    figures = {f"{name}.{form}" for name in ("accuracy", "effects", "curves") for form in ("png", "svg")}
    assert {file.name for file in out.iterdir()} == names | figures | {".manifest"}
    assert "AL4    0.002  3  0.951 ± 0.011  [0.925, 0.977]" in done.stdout  # complete on 80 columns too
    assert "1 runs are missing. See report.md." in done.stdout
    assert (out / "table.tex").read_text().count(r"\bottomrule") == 1
    assert r"0.951 $\pm$ 0.011" in (out / "table.tex").read_text()
    table = pd.read_csv(out / "runs.csv")
    assert len(table) == 12 and {"cell", "label", "config_hash", *SCORES} <= {*table} and "path" not in table
    text = (out / "report.md").read_text()
    row = (
        "| AL4 | 0.002 | 3 | 0.951 ± 0.011 | [0.925, 0.977] | 0.931 | 0.900 | 0.950 | -0.001 [-0.027, +0.025] | 1,000 |"
    )
    assert f"{row} 0.914 ± 0.015 | +0.037 |" in text
    effect = "| AL2 − WS1 | +0.100 | as claimed | [+0.098, +0.102] | 3 | <0.001 | <0.001 | +0.10 | +0.057 [+0.046, "
    assert effect in text
    assert "*smaller*, *larger than claimed*" in text  # the rule of the verdicts
    assert "no statistics for AL4 − WS3, WS3 − WS1, (AL4 − WS3) − (AL2 − WS1): missing runs: WS3 lacks seed=3" in text
    assert "- model=ws3,aux=false,lr=0.0013/seed=3\n" in text
    for name in figures:
        assert (out / name).stat().st_size > 1000
        assert name.endswith("png") or f"]({name})" in text

    before = {file.name: file.read_bytes() for file in out.iterdir()}
    report(tmp_path)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_figures_of_the_paper_are_drawn_where_their_cells_are(tmp_path: Path) -> None:
    for model, aux in paper.CELLS:
        record(tmp_path / "table", model, 0.8, aux=aux)
    for model, hidden in (("fcnn3", 200), ("fcnn3", 500), ("fcnn2", [300, 50]), ("fcnn2", [300, 150, 50])):
        record(tmp_path / "widths", model, 0.8, hidden=hidden)
    for lr in (1e-3, 1e-2):
        record(tmp_path / "rates", "convnet", 0.8, lr=lr)
    drawn = {sweep: figures(Results.load([tmp_path / sweep])) for sweep in ("table", "widths", "rates")}
    assert {*drawn["table"]} == {"accuracy", "figure6", "figure7"}
    assert {*drawn["widths"]} == {"accuracy", "figure5"} and not drawn["rates"]
    for name in ("figure5", "figure6"):
        assert save((drawn["table"] | drawn["widths"])[name].draw)["svg"]


def test_tick_labels_of_effects_do_not_overlap(tmp_path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with matplotlib.rc_context(STYLE):
        figure = figures(Results.load([grid(tmp_path)]))["effects"].draw()
        FigureCanvasAgg(figure).draw()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        boxes = [box for box in boxes if figure.bbox.containsx(box.x0) and figure.bbox.containsy(box.y0)]
        assert len(boxes) > 2 and not any(box.overlaps(after) for box, after in zip(boxes, boxes[1:], strict=False))


def test_exit_2_and_nothing_written(tmp_path: Path) -> None:
    done = report(tmp_path / "nowhere", code=2)
    assert done.stderr == f"{tmp_path / 'nowhere'} is not a folder; a folder of runs is expected\n"
    record(tmp_path / "sweep", "ws3", None)
    done = report(tmp_path / "sweep", code=2)
    assert done.stderr == f"{tmp_path / 'sweep'}: no finished run; a folder of runs is expected\n"
    assert not (tmp_path / "sweep" / "report").exists()


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (grid(tmp_path) / "report").write_text("a file where the folder should be")
    done = report(tmp_path, code=1)
    assert done.stderr == f"{tmp_path / 'report'}: the report cannot be written: File exists\n"


def test_open_shows_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, "ws3", 0.8)
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    report(tmp_path, "--open")
    assert shown == [(tmp_path / "report/report.html").as_uri()]


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        ("digitcmp.report.pages.comparison", {"torch", "lightning", "matplotlib", "scipy.stats"}),
        ("digitcmp.report.sections, digitcmp.report.pages.output", {"torch", "lightning"}),
    ],
)
def test_the_tables_import_neither_torch_nor_matplotlib(modules: str, slow: set[str]) -> None:
    code = f"import {modules}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert slow.isdisjoint(loaded)


def test_a_wide_table_is_folded_on_a_terminal(tmp_path: Path) -> None:
    """At 80 columns the table is split into blocks. No line is longer, and every block names each cell once."""
    stream = io.StringIO()
    table = accuracy_section.table(Results.load([grid(tmp_path)]))
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
    contents = sections(results := Results.load([folder.parent]))
    made = {file.name: file.text for content in contents for file in content.files}
    made["report.md"] = document(results, contents)
    for file in [file for file in folder.iterdir() if file.suffix in (".csv", ".md")]:
        assert made[file.name] == file.read_text("utf-8"), file.name


def test_a_report_of_csv_files_is_that_of_the_runs(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "sweep")
    record(sweep, "fcnn2", 0.8, hidden=[300, 50])
    folder = record(sweep, "fcnn1", 0.81, hidden=300, ema=0.99)
    evaluation(folder, "order", class_order=0.5, positions={"Bag, small": 0.4})
    evaluation(folder, "tta", tta=True)
    report(sweep)
    before = {file.name: file.read_bytes() for file in (sweep / "report").iterdir()}
    for folder in sweep.glob("model=*"):
        shutil.rmtree(folder)
    for root in (sweep, sweep / "report"):  # a report folder can be read as well
        report(root)
        after = {file.name: file.read_bytes() for file in (sweep / "report").iterdir()}
        other = {name for name in before if before[name] != after[name]}
        assert other <= {"curves.png", "curves.svg", "report.html"}  # curves.csv keeps six digits
        assert after.keys() == before.keys()


@pytest.mark.parametrize("text", ["name,value\na,1\n", "", "cell,seed,test_acc,config_hash\n"])
def test_csv_files_of_others_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.csv").write_text(text)
    message = report(tmp_path, code=2).stderr
    assert message.startswith(f"{tmp_path}/runs.csv is not that of a report; the columns cell, seed, test_acc, ")


def test_a_report_takes_no_place_but_its_own(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path / "sweep", "ws3", 0.9 + 0.01 * seed, seed=seed)
    out = tmp_path / "mine"
    out.mkdir()
    for name in ("report.md", "notes.partial"):
        (out / name).write_text("mine")
    refused = report(tmp_path / "sweep", "--out", out, code=2)
    assert (
        refused.stderr
        == f"{out} contains report.md, a file that no report wrote. Choose another folder with --out FOLDER.\n"
    )
    assert sorted(file.name for file in out.iterdir()) == ["notes.partial", "report.md"]
    (out / "report.md").unlink()
    for _ in range(2):  # the second replaces the first
        report(tmp_path / "sweep", "--out", out)
    assert (out / "notes.partial").read_text() == "mine" and (out / "report.md").read_text() != "mine"
    assert [file.name for file in out.glob("*.partial")] == ["notes.partial"]
