"""A report on the terminal and as files: make them, check the folder, write them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from digitcmp.errors import RunError
from digitcmp.report.figures import save
from digitcmp.report.pages.page import page
from digitcmp.report.pages.section import Figure, Section, Table
from digitcmp.report.pages.summary import conclusion, question, title
from digitcmp.report.results import Results

MANIFEST = ".manifest"  # lists the files of a report: the names of figures depend on the settings


def report_files(results: Results, sections: Sequence[Section]) -> dict[str, bytes]:
    """Return the content of each file of a report by its name."""
    files: dict[str, bytes] = {}
    pictures = {}
    for section in sections:
        files |= {file.name: file.text.encode() for file in section.files}
        for part in section.parts:
            if isinstance(part, Figure):
                saved = save(part.draw)
                pictures[part.name] = saved.pop("page")
                files |= {f"{part.name}.{form}": content for form, content in saved.items()}
    files["report.md"] = document(results, sections).encode()
    files["report.html"] = page(results, sections, pictures).encode()
    return files


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a report and remove the files that only an earlier report had.

    All files are written into a temporary folder before the first one is moved.

    Raises:
        RunError: The folder holds a file of one of these names that no report wrote.
        OSError: A file cannot be written. Then no file was replaced, unless the moving failed.
    """
    runs, manifest = folder / "runs.csv", folder / MANIFEST
    foreign = [name for name in files if (folder / name).exists()]
    if foreign and not (runs.is_file() and b",config_hash," in runs.read_bytes()):
        raise RunError(
            f"{folder} contains {foreign[0]}, a file that no report wrote. Choose another folder with --out FOLDER."
        )
    earlier = manifest.read_text().splitlines() if manifest.exists() else []
    texts = {**files, MANIFEST: "".join(f"{name}\n" for name in sorted(files)).encode()}
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".partial") as partial:
        for name, content in texts.items():
            (Path(partial) / name).write_bytes(content)
        for name in texts:
            (Path(partial) / name).replace(folder / name)
    for name in {*earlier} - files.keys():
        (folder / name).unlink(missing_ok=True)


def document(results: Results, sections: Iterable[Section]) -> str:
    """Return the content of report.md."""
    parts = [f"# {title(results)}\n", f"{conclusion(results)}\n", f"{question(results)}\n"]
    parts += [f"> **Warning:** {warning}\n" for warning in results.warnings]
    for section in [section for section in sections if section.parts]:
        parts.append(f"## {section.title}\n")
        for part in section.parts:
            if isinstance(part, Figure):
                parts.append(f"![{part.caption}]({part.name}.svg)\n\n*{part.caption}*\n")
            elif isinstance(part, Table):
                parts.append(part.markdown)
            elif isinstance(part, str):
                parts.append(f"{part}\n")
            else:
                parts.append("".join(f"- {line}\n" for line in part))
    return "\n".join(parts)


def show(results: Results, sections: Iterable[Section], console: Console) -> None:
    """Print the tables and lists of a report, the number of missing runs and the warnings."""
    for section in sections:
        for part in section.parts:
            if isinstance(part, Table):
                part.show(console)
                console.print()
            elif isinstance(part, list):
                for line in part:
                    console.print(line, markup=False)
    if results.missing:
        console.print(f"{len(results.missing)} runs are missing. See report.md.")
    for warning in results.warnings:
        console.print(f"WARNING: {warning}", style="bold red", markup=False)
