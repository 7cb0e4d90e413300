"""The files of a report: make them, check the folder, write them."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from digitcmp.report import figures
from digitcmp.report.contrasts.effects import COLUMNS
from digitcmp.report.pages import document, tables
from digitcmp.report.pages.page import page
from digitcmp.report.results import Results
from digitcmp.runs.folder import MANIFEST

SUFFIXES = (".csv", ".html", ".md", ".png", ".svg", ".tex")
CAPTION = r"Test accuracy, mean $\pm$ standard deviation over seeds"


def report_files(results: Results) -> tuple[dict[str, bytes], list[document.Section]]:
    """Return the files of a report.

    Returns:
        The content of each file by its name, and the sections of the report.
    """
    drawn = figures.draw(results)
    sections = document.sections(results, drawn)
    pictures = {name: figures.save(figure, "page") for name, figure in drawn.items()}
    numbers = {"cells": results.cells, "curves": results.curves, "effects": results.effects[list(COLUMNS)]}
    texts = {f"{name}.csv": frame.to_csv(index=False, float_format="%.6g") for name, frame in numbers.items()}
    runs = results.runs.drop(columns="path").assign(collapsed=results.collapsed)
    texts["runs.csv"] = runs.to_csv(index=False)
    texts["table.tex"] = tables.latex(tables.cells(results), CAPTION)
    texts["report.md"] = document.markdown(results, sections)
    texts["report.html"] = page(results, sections, pictures)
    if len(results.seed_curves):
        texts["seed_curves.csv"] = results.seed_curves.to_csv(index=False, float_format="%.6g")
        texts["convergence.csv"] = results.convergence.to_csv(index=False, float_format="%.6g")
    if len(results.equal_parameters):
        texts["equal_parameters.csv"] = results.equal_parameters.to_csv(index=False, float_format="%.6g")
    if len(results.equal_rates):
        texts["equal_rates.csv"] = results.equal_rates.to_csv(index=False, float_format="%.6g")
    if len(results.averages):
        texts["averages.csv"] = results.averages.to_csv(index=False, float_format="%.6g")
    if len(results.over_images):
        texts["test_images.csv"] = results.over_images.to_csv(index=False, float_format="%.6g")
    if results.code:
        texts["code.csv"] = results.functions.to_csv(index=False)
    if len(results.evaluated):
        texts["evaluations.csv"] = results.evaluated.to_csv(index=False)
    files = {f"{name}.{form}": figures.save(figure, form) for name, figure in drawn.items() for form in ("png", "svg")}
    files |= {name: text.encode() for name, text in texts.items()}
    files[MANIFEST] = "".join(f"{name}\n" for name in sorted(files)).encode()
    return files, sections


def is_report(folder: Path) -> bool:
    """Return True if a folder holds a report, that is a runs.csv with a column config_hash."""
    try:
        return "config_hash" in (folder / "runs.csv").read_text("utf-8").partition("\n")[0].split(",")
    except (OSError, UnicodeError):
        return False


def foreign_file(folder: Path, files: Mapping[str, bytes]) -> str | None:
    """Return the name of a file that a report would replace, or None. Files of an earlier report may be replaced."""
    if is_report(folder):
        return None
    return next((name for name in files if (folder / name).exists()), None)


def earlier_files(folder: Path) -> set[str]:
    """Return the names of the files of an earlier report, from its manifest."""
    try:
        names = (folder / MANIFEST).read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        return set()
    return {name for name in names if Path(name).name == name and Path(name).suffix in SUFFIXES}


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a report and remove the files that only an earlier report had.

    All files are written under temporary names before the first one is renamed.

    Raises:
        OSError: A file cannot be written. Then no file was replaced, unless the renaming failed.
    """
    earlier = earlier_files(folder)
    partials = {name: folder / f"{name}.{os.getpid()}.partial" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            partials[name].write_bytes(content)
        for name, partial in partials.items():
            partial.replace(folder / name)
        for name in earlier - files.keys():
            (folder / name).unlink(missing_ok=True)
    except OSError:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink()
        raise
