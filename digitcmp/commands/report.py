"""Print the tables of a sweep and write its report: digitcmp report DIR..."""

import argparse
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from digitcmp import files
from digitcmp.errors import ConfigError, RunError
from digitcmp.report import claims
from digitcmp.report.pages import comparison
from digitcmp.report.results import Results


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="digitcmp report", description="Tables, statistics and figures.")
    folders = "a folder of runs, or the report of runs that were deleted"
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help=folders)
    add = parser.add_argument_group("the written report").add_argument
    add("--out", type=Path, metavar="FOLDER", help="the folder of the report (default: report/ in the first DIR)")
    add("--open", action="store_true", help="open report.html in the browser")
    test_images = "add intervals that cover the test images too, from the answers of every checkpoint"
    add("--test-images", action="store_true", help=test_images)
    add = parser.add_argument_group("instead of a report").add_mutually_exclusive_group().add_argument
    add("--compare", type=Path, metavar="OTHER", help="print the differences between DIR and another folder")
    contrast = "print the difference A - B of two cells, paired by seed. A cell is given by its title, label or name"
    add("--contrast", nargs=2, metavar=("A", "B"), help=contrast)
    claims = "of a folder of sweeps with reports: print the paper's claims with their answers, and write DIR/claims.md"
    add("--claims", action="store_true", help=claims)
    command = "print the command that trains this run again. CELL and SEED as in runs.csv"
    add("--command", nargs=2, metavar=("CELL", "SEED"), help=command)
    return parser


def main() -> None:
    """Print the report of the given folders and write it. Exit with 2 and one line for bad input."""
    parser = command_line()
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    instead = [f"--{name}" for name in ("compare", "contrast", "claims", "command") if getattr(arguments, name)]
    if instead and (arguments.out or arguments.open or arguments.test_images):
        parser.exit(2, f"{instead[0]} writes no report; no option of one is expected. Leave out the other options.\n")
    try:
        run(arguments, console)
    except (ConfigError, RunError) as error:
        parser.exit(2, f"{error}\n")
    except OSError as error:
        parser.exit(1, f"{error.filename}: the report cannot be written: {error.strerror}\n")


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Do what the command line asks for.

    Raises:
        ConfigError: A cell or a seed is unknown, or two cells cannot be compared.
        RunError: A folder has no finished run.
        OSError: A file cannot be written.
    """
    if arguments.claims:
        for folder in arguments.folders:
            show_claims(folder, console)
        return
    results = load(arguments.folders, console)
    if arguments.compare:
        comparison.show(results, load([arguments.compare], console), console)
    elif arguments.contrast:
        show_contrast(results, arguments.contrast, console)
    elif arguments.command:
        from digitcmp.sweeps import repeat  # slow import

        console.print(repeat.command(repeat.find_run(results, *arguments.command)), markup=False)
    else:
        write_report(results, arguments, console)


def load(folders: list[Path], console: Console) -> Results:
    """Load the runs of some folders, and report each folder that was read from CSV files."""
    results = Results.load(folders)
    for archive in results.archives:
        console.print(f"{archive}: its runs were deleted. This report is made from its CSV files.", markup=False)
    return results


def show_claims(folder: Path, console: Console) -> None:
    """Print the claims of the paper with their answers and write them to claims.md in the folder."""
    table = claims.claims_table(folder)
    files.write(folder / "claims.md", claims.markdown(table))
    for row in table.to_dict("records"):
        console.print(f"[bold]{row['claim']}[/bold] ({row['section']}, {row['experiment']})", highlight=False)
        console.print(f"  {row['numbers']}\n  {row['verdict']}", markup=False)
    console.print(f"Written to {folder / 'claims.md'}", markup=False)


def show_contrast(results: Results, given: Sequence[str], console: Console) -> None:
    """Print the contrast between two given cells. Raise ConfigError if it cannot be measured."""
    from digitcmp.report.sections import accuracy, effects  # slow import

    cells = [results.find_cell(name) for name in given]
    row, notes = results.contrast(*cells)
    if reason := row.refused.iloc[0] if isinstance(row.refused.iloc[0], str) else "":
        raise ConfigError(f"{row.effect.iloc[0]} has no statistics: {reason}")
    runs = results.runs[results.runs.cell.isin(cells)]
    accuracy.table(replace(results, runs=runs.reset_index(drop=True))).show(console)
    console.print("\npaired by seed, the first cell minus the second:", markup=False)
    effects.table(row).show(console)
    for note in notes:
        console.print(note, markup=False)


def write_report(results: Results, arguments: argparse.Namespace, console: Console) -> None:
    """Write the report of some runs and print its tables.

    Raises:
        RunError: The folder holds a file of this name that no report wrote, or `--test-images` lacks checkpoints.
        OSError: A file cannot be written.
    """
    if arguments.test_images:
        from digitcmp.runs.saved import answers  # slow import

        results = replace(results, answers=answers(results.runs))
    from digitcmp.report.pages import output  # slow import; a wrong folder fails before it
    from digitcmp.report.sections import sections

    contents = sections(results)
    made = output.report_files(results, contents)
    root = results.roots[0]
    out = arguments.out or (root if root in results.archives else root / "report")
    output.write(out, made)
    output.show(results, contents, console)
    console.print(f"Written to {out}: {'  '.join(sorted(made))}", markup=False)
    if arguments.open:
        webbrowser.open((out / "report.html").resolve().as_uri())
