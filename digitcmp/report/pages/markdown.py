"""report.md."""

from collections.abc import Iterable, Sequence

from digitcmp.report.pages.columns import Table
from digitcmp.report.pages.section import Content, Figure
from digitcmp.report.pages.summary import conclusion, question, title
from digitcmp.report.results import Results


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
                parts.append(table(part))
            elif isinstance(part, str):
                parts.append(f"{part}\n")
            else:
                parts.append("".join(f"- {line}\n" for line in part))
    return "\n".join(parts)


def table(content: Table) -> str:
    """Return a table as Markdown."""
    rule = [":--" if column.left else "--:" for column in content.columns]
    rows: list[Sequence[str]] = [[column.heading for column in content.columns], rule, *content.first]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"\n{content.rest}\n" if content.rest else "")
