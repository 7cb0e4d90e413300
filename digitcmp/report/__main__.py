"""`python -m digitcmp.report DIR...`: the table of a sweep on the terminal, and its report/ beside the runs."""

import argparse
from pathlib import Path

from rich.console import Console

from digitcmp import runs
from digitcmp.report import tables
from digitcmp.report.document import document
from digitcmp.report.effects import effects


def main() -> None:
    """Read everything, draw everything, and only then write."""
    parser = argparse.ArgumentParser(prog="python -m digitcmp.report", description="Tables, statistics and figures.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a folder of runs, finished or not")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default: report/ in the first DIR)")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        if not folder.is_dir():
            parser.exit(2, f"{folder} is not a folder\n")
    table, missing, warnings = tables.load(arguments.folders)
    if table.empty:
        parser.exit(2, f"no finished run in {', '.join(map(str, arguments.folders))}\n")
    cells, curves = tables.cells(table), tables.curves(table)
    selection, differences = tables.selection(cells), effects(table, missing)
    pairs, others = tables.pairs(cells), tables.others(cells)
    evaluated = runs.evaluations(table)
    evaluations = tables.evaluations(evaluated, cells)

    from digitcmp.report import plots  # matplotlib takes half a second, which a wrong folder need not wait for

    figures = plots.figures(cells, curves, table, differences, selection, pairs, others)
    files = {f"{name}.{form}": plots.save(figure, form) for name, figure in figures.items() for form in ("png", "svg")}
    texts = {
        "cells.csv": cells.to_csv(index=False, float_format="%.6g"),
        "runs.csv": table.drop(columns="path").to_csv(index=False),
        "curves.csv": curves.to_csv(index=False, float_format="%.6g"),
        "effects.csv": differences.to_csv(index=False, float_format="%.6g"),
        "table.tex": tables.latex(tables.cells_text(cells), r"Test accuracy, mean $\pm$ standard deviation over seeds"),
        "report.md": document(
            arguments.folders,
            table,
            cells,
            differences,
            selection,
            pairs,
            others,
            evaluations,
            missing,
            warnings,
            list(figures),
        ),
    }
    if len(evaluated):
        texts["evaluations.csv"] = evaluated.to_csv(index=False)
    files |= {name: text.encode() for name, text in texts.items()}
    out = arguments.out or arguments.folders[0] / "report"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (out / f"{name}.partial").write_bytes(content)
        for name in files:  # only now that all of them are on the disk
            (out / f"{name}.partial").replace(out / name)
    except OSError as error:
        for partial in out.glob("*.partial"):
            partial.unlink()
        parser.exit(1, f"cannot write the report into {out}: {error.strerror}\n")

    console = Console(highlight=False, soft_wrap=True)
    tables.print_cells(cells, console)
    if len(evaluations):
        console.print()
        tables.print_table(tables.evaluations_text(evaluations), console)
    if len(pairs):
        console.print()
        tables.print_table(tables.pairs_text(pairs), console)
    if differences.refused.isna().any():
        console.print()
        tables.print_table(tables.effects_text(differences), console)
    for line in tables.refusals(differences):
        console.print(line, markup=False)
    if len(selection):
        console.print()
        tables.print_table(tables.selection_text(selection), console)
    if missing:
        console.print(f"\nmissing runs: {len(missing)}; report.md lists them")
    for warning in warnings:
        console.print(f"\nWARNING: {warning}", style="bold red", markup=False)
    console.print(f"\nWritten to {out}: {'  '.join(sorted(files))}", markup=False)


if __name__ == "__main__":
    main()
