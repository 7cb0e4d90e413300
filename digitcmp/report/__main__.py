"""`python -m digitcmp.report DIR...`: the tables of a sweep on the terminal, and its report/ beside the runs."""

import argparse
import os
import webbrowser
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from digitcmp import streams
from digitcmp.report import comparison, document, tables
from digitcmp.report.effects import COLUMNS
from digitcmp.report.results import Results
from digitcmp.runs import MANIFEST, RunError

KINDS = (".csv", ".html", ".md", ".png", ".svg", ".tex")  # of files that a report has


def folder_named(text: str) -> Path:
    """A folder's name from the command line. Raises argparse.ArgumentTypeError for none."""
    if not text:
        raise argparse.ArgumentTypeError("the name of a folder is wanted")
    return Path(text)


def is_report(folder: Path) -> bool:
    """Whether a report lies there: its runs.csv has the hashes of runs."""
    try:
        return "config_hash" in (folder / "runs.csv").read_text("utf-8").partition("\n")[0].split(",")
    except (OSError, UnicodeError):
        return False


def written(folder: Path) -> set[str]:
    """The files that an earlier report wrote there, as its manifest says."""
    try:
        names = (folder / MANIFEST).read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        return set()
    return {name for name in names if Path(name).name == name and Path(name).suffix in KINDS}


def main() -> None:
    """Read everything, draw everything, and only then write."""
    parser = argparse.ArgumentParser(prog="python -m digitcmp.report", description="Tables, statistics and figures.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a folder of runs, or of their report")
    parser.add_argument(
        "--out", type=folder_named, metavar="FOLDER", help="where to write (default: report/ in the first DIR)"
    )
    parser.add_argument("--open", action="store_true", help="show report.html in the browser")
    parser.add_argument("--compare", action="store_true", help="of two DIRs: print what differs, and write nothing")
    arguments = parser.parse_args()
    folders, console = arguments.folders, Console(highlight=False, soft_wrap=True)
    for folder in folders:
        if not folder.is_dir():
            parser.exit(2, f"{folder} is not a folder\n")
    if arguments.compare and (len(folders) != 2 or arguments.out or arguments.open):
        parser.exit(2, "--compare takes two DIRs and writes nothing: python -m digitcmp.report A B --compare\n")
    try:
        sides = [Results.load([folder]) for folder in folders] if arguments.compare else [Results.load(folders)]
    except RunError as error:
        parser.exit(2, f"{error}\n")
    for results in sides:
        if results.runs.empty:
            parser.exit(2, f"no finished run in {', '.join(map(str, results.roots))}\n")
        for archive in results.archives:
            console.print(f"no run is left beside {archive}: read from its CSV files", markup=False)
    if arguments.compare:
        comparison.show(sides[0], sides[1], console)
        return

    from digitcmp.report import figures  # matplotlib takes half a second, which a wrong folder need not wait for
    from digitcmp.report.page import page

    drawn = figures.draw(results)
    sections = document.sections(results, drawn)
    pictures = {name: figures.save(figure, "page") for name, figure in drawn.items()}
    effects = results.effects[list(COLUMNS)]
    numbers = {"cells.csv": results.cells, "curves.csv": results.curves, "effects.csv": effects}
    texts = {name: frame.to_csv(index=False, float_format="%.6g") for name, frame in numbers.items()}
    texts |= {
        "runs.csv": results.runs.drop(columns="path").to_csv(index=False),
        "table.tex": tables.latex(tables.cells(results), r"Test accuracy, mean $\pm$ standard deviation over seeds"),
        "report.md": document.markdown(results, sections),
        "report.html": page(results, sections, pictures),
    }
    if results.code:
        texts["code.csv"] = results.functions.to_csv(index=False)
    if len(results.evaluated):
        texts["evaluations.csv"] = results.evaluated.to_csv(index=False)
    files = {f"{name}.{form}": figures.save(figure, form) for name, figure in drawn.items() for form in ("png", "svg")}
    files |= {name: text.encode() for name, text in texts.items()}
    files[MANIFEST] = "".join(f"{name}\n" for name in sorted(files)).encode()
    root = results.roots[0]
    out = arguments.out or (root if root in results.archives else root / "report")
    if not is_report(out) and (theirs := [name for name in files if (out / name).exists()]):
        parser.exit(2, f"{out} holds a {theirs[0]} that is no report's: choose another folder, --out FOLDER\n")
    before = written(out)
    partials = {name: out / f"{name}.{os.getpid()}.partial" for name in files}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            partials[name].write_bytes(content)
        for name, partial in partials.items():  # only now that all of them are on the disk
            partial.replace(out / name)
        for name in before - files.keys():
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink()
        parser.exit(1, f"cannot write the report into {out}: {error.strerror}\n")

    for section in sections:
        for part in section.parts:
            if isinstance(part, tables.Table):
                tables.show(part, console)
                console.print()
            elif isinstance(part, list):
                for line in part:
                    console.print(line, markup=False)
    if results.unfinished or results.planned:
        console.print(
            f"missing runs: {len(results.unfinished)} begun, {len(results.planned)} never begun: see report.md"
        )
    for warning in results.warnings:
        console.print(f"WARNING: {warning}", style="bold red", markup=False)
    console.print(f"Written to {out}: {'  '.join(sorted(files.keys() - {MANIFEST}))}", markup=False)
    if arguments.open:
        webbrowser.open((out / "report.html").resolve().as_uri())


if __name__ == "__main__":
    with streams.guarded():
        main()
