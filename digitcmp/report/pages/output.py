"""The files of a report: make them, check the folder, write them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from digitcmp.errors import RunError
from digitcmp.report.figures.style import save
from digitcmp.report.pages.page import page
from digitcmp.report.pages.section import Content, Figure, Table
from digitcmp.report.pages.summary import conclusion, question, title
from digitcmp.report.results import Results

MANIFEST = ".manifest"  # lists the files of a report: the names of figures depend on the settings
SUFFIXES = (".csv", ".html", ".md", ".png", ".svg", ".tex")


def report_files(results: Results, contents: Sequence[Content]) -> dict[str, bytes]:
    """Return the content of each file of a report by its name.

    Args:
        results: The runs.
        contents: The content of the sections that apply to them.
    """
    files: dict[str, bytes] = {}
    pictures = {}
    for content in contents:
        files |= {file.name: file.text.encode() for file in content.files}
        for part in content.parts:
            if isinstance(part, Figure):
                saved = save(part.draw)
                pictures[part.name] = saved["page"]
                files |= {f"{part.name}.{form}": saved[form] for form in ("png", "svg")}
    shown = [content for content in contents if content.parts]
    files["report.md"] = document(results, shown).encode()
    files["report.html"] = page(results, shown, pictures).encode()
    return files


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a report and remove the files that only an earlier report had.

    All files are written under temporary names before the first one is renamed.

    Raises:
        RunError: The folder holds a file of one of these names that no report wrote.
        OSError: A file cannot be written. Then no file was replaced, unless the renaming failed.
    """
    foreign = [name for name in files if (folder / name).exists()]
    if foreign and not is_report(folder):
        raise RunError(
            f"{folder} contains {foreign[0]}, a file that no report wrote. Choose another folder with --out FOLDER."
        )
    earlier = earlier_files(folder)
    texts = {**files, MANIFEST: "".join(f"{name}\n" for name in sorted(files)).encode()}
    partials = {name: folder / f"{name}.{os.getpid()}.partial" for name in texts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in texts.items():
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


def is_report(folder: Path) -> bool:
    """Return True if a folder holds a report, that is a runs.csv with a column config_hash."""
    try:
        return "config_hash" in (folder / "runs.csv").read_text("utf-8").partition("\n")[0].split(",")
    except (OSError, UnicodeError):
        return False


def earlier_files(folder: Path) -> set[str]:
    """Return the names of the files of an earlier report, from its manifest."""
    try:
        names = (folder / MANIFEST).read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        return set()
    return {name for name in names if Path(name).name == name and Path(name).suffix in SUFFIXES}


def document(results: Results, sections: Iterable[Content]) -> str:
    """Return the content of report.md."""
    warnings = [f"> **Warning:** {warning}\n" for warning in results.warnings]
    parts = [f"# {title(results)}\n", f"{conclusion(results)}\n", f"{question(results)}\n", *warnings]
    for section in sections:
        parts.append(f"## {section.title}\n")
        for part in section.parts:
            if isinstance(part, Figure):
                parts.append(f"![{part.caption}]({part.name}.svg)\n\n*{part.caption}*\n")
            elif isinstance(part, Table):
                parts.append(markdown_table(part))
            elif isinstance(part, str):
                parts.append(f"{part}\n")
            else:
                parts.append("".join(f"- {line}\n" for line in part))
    return "\n".join(parts)


def markdown_table(content: Table) -> str:
    """Return a table as Markdown."""
    rule = [":--" if column.left else "--:" for column in content.columns]
    rows: list[Sequence[str]] = [[column.heading for column in content.columns], rule, *content.first]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"\n{content.rest}\n" if content.rest else "")
