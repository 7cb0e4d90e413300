"""Print the tables of a sweep and write its report: digitcmp report DIR..."""

import argparse
import webbrowser
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from digitcmp import files
from digitcmp.errors import ConfigError, RunError
from digitcmp.report import claims
from digitcmp.report.contrasts import cell_contrast
from digitcmp.report.pages import comparison, tables
from digitcmp.report.pages.document import Section
from digitcmp.report.results import Results
from digitcmp.runs.folder import MANIFEST


def folder_named(name: str) -> Path:
    """Return the folder of this name. Raise argparse.ArgumentTypeError if the name is empty."""
    if not name:
        raise argparse.ArgumentTypeError("the name is empty; the name of a folder is expected")
    return Path(name)


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="digitcmp report", description="Tables, statistics and figures.")
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="a folder of runs, or the report of runs that were deleted"
    )
    parser.add_argument(
        "--out",
        type=folder_named,
        metavar="FOLDER",
        help="write the report into this folder (default: report/ in the first DIR)",
    )
    parser.add_argument("--open", action="store_true", help="open report.html in the browser")
    parser.add_argument("--compare", action="store_true", help="print the differences between two DIRs; write nothing")
    parser.add_argument(
        "--contrast",
        nargs=2,
        metavar=("A", "B"),
        help="print the difference A - B of two cells, paired by seed; write nothing. A cell is given by its title, "
        "label or name",
    )
    parser.add_argument(
        "--claims",
        action="store_true",
        help="of a folder of sweeps with reports: print the paper's claims with their answers, and write DIR/claims.md",
    )
    parser.add_argument(
        "--command",
        nargs=2,
        metavar=("CELL", "SEED"),
        help="print the command that trains this run again; write nothing. CELL and SEED as in runs.csv",
    )
    parser.add_argument(
        "--test-images",
        action="store_true",
        help="add intervals that cover the test images too, from the answers of every checkpoint",
    )
    return parser


def show(results: Results, sections: Iterable[Section], console: Console) -> None:
    """Print the tables of a report, the number of missing runs and the warnings."""
    for section in sections:
        for part in section.parts:
            if isinstance(part, tables.Table):
                tables.show(part, console)
                console.print()
            elif isinstance(part, list):
                for line in part:
                    console.print(line, markup=False)
    if results.unfinished or results.planned:
        unfinished, unstarted = len(results.unfinished), len(results.planned)
        console.print(f"missing runs: {unfinished} started but not finished, {unstarted} not started. See report.md.")
    for warning in results.warnings:
        console.print(f"WARNING: {warning}", style="bold red", markup=False)


def show_claims(folder: Path, parser: argparse.ArgumentParser, console: Console) -> None:
    """Print the claims of the paper with their answers and write them to claims.md in the folder."""
    try:
        table = claims.claims_table(folder)
        files.write(folder / "claims.md", claims.markdown(table))
    except RunError as error:
        parser.exit(2, f"{error}\n")
    except OSError as error:
        parser.exit(1, f"cannot write {folder / 'claims.md'}: {error.strerror}\n")
    for row in table.to_dict("records"):
        console.print(f"[bold]{row['claim']}[/bold] ({row['section']}, {row['experiment']})", highlight=False)
        console.print(f"  {row['answer']}\n  {row['verdict']}", markup=False)
    console.print(f"Written to {folder / 'claims.md'}", markup=False)


def show_contrast(results: Results, first: str, second: str, console: Console) -> None:
    """Print the contrast between two cells. Raise ConfigError if it cannot be measured."""
    row, notes = cell_contrast.contrast(results, first, second)
    if reason := row.refused.iloc[0] if isinstance(row.refused.iloc[0], str) else "":
        raise ConfigError(f"{row.effect.iloc[0]} has no statistics: {reason}")
    cells = results.runs.cell.isin([cell_contrast.find_cell(results, first), cell_contrast.find_cell(results, second)])
    tables.show(tables.cells(replace(results, runs=results.runs[cells].reset_index(drop=True))), console)
    console.print("\npaired by seed, the first cell minus the second:", markup=False)
    tables.show(tables.effects(row), console)
    for note in notes:
        console.print(note, markup=False)


def main() -> None:
    """Print the report of the given folders and write it. Exit with 2 and one line for bad input."""
    parser = command_line()
    arguments = parser.parse_args()
    folders, console = arguments.folders, Console(highlight=False, soft_wrap=True)
    for folder in folders:
        if not folder.is_dir():
            parser.exit(2, f"{folder} is not a folder; a folder of runs is expected\n")
    if arguments.compare and (len(folders) != 2 or arguments.out or arguments.open or arguments.test_images):
        parser.exit(2, "--compare needs exactly two DIRs and no other option: digitcmp report A B --compare\n")
    printed = [name for name in ("compare", "contrast", "command") if getattr(arguments, name)]
    if len(printed) > 1 or (printed and (arguments.out or arguments.open or arguments.test_images)):
        parser.exit(2, f"--{printed[0]} writes no report; no other option is expected. Leave out the other options.\n")
    if arguments.claims:
        if len(folders) > 1 or printed or arguments.out or arguments.open or arguments.test_images:
            parser.exit(2, "--claims takes one folder of sweeps and no other option: digitcmp report DIR --claims\n")
        show_claims(folders[0], parser, console)
        return
    try:
        sides = [Results.load([folder]) for folder in folders] if arguments.compare else [Results.load(folders)]
    except RunError as error:
        parser.exit(2, f"{error}\n")
    for results in sides:
        if results.runs.empty:
            parser.exit(2, f"{', '.join(map(str, results.roots))}: no finished run; a folder of runs is expected\n")
        for archive in results.archives:
            console.print(f"{archive}: its runs were deleted. This report is made from its CSV files.", markup=False)
    if arguments.compare:
        comparison.show(sides[0], sides[1], console)
        return
    [results] = sides
    try:
        if arguments.test_images:
            from digitcmp.commands.answers import answers  # slow import

            results = replace(results, answers=answers(results.runs))
        if arguments.contrast:
            first, second = arguments.contrast
            show_contrast(results, first, second, console)
        if arguments.command:
            from digitcmp.sweeps import repeat  # slow import

            console.print(repeat.command(repeat.find_run(results.runs, *arguments.command)), markup=False)
    except (ConfigError, RunError) as error:
        parser.exit(2, f"{error}\n")
    if printed:
        return

    from digitcmp.report.pages import output  # slow import; a wrong folder fails before it

    texts, sections = output.report_files(results)
    root = results.roots[0]
    out = arguments.out or (root if root in results.archives else root / "report")
    if foreign := output.foreign_file(out, texts):
        parser.exit(
            2, f"{out} contains {foreign}, a file that no report wrote. Choose another folder with --out FOLDER.\n"
        )
    try:
        output.write(out, texts)
    except OSError as error:
        parser.exit(1, f"{out}: the report cannot be written: {error.strerror}\n")
    show(results, sections, console)
    console.print(f"Written to {out}: {'  '.join(sorted(texts.keys() - {MANIFEST}))}", markup=False)
    if arguments.open:
        webbrowser.open((out / "report.html").resolve().as_uri())
