"""report.html: the report as one file that loads no other file."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from digitcmp.report import figures, rule
from digitcmp.report.contrasts.planned import MAIN, MEAN
from digitcmp.report.formats import TWO_SEEDS
from digitcmp.report.pages import summary
from digitcmp.report.pages.section import Figure, Section, Table
from digitcmp.report.results import Results

SCHEME_COLOURS = {  # those of the figures in a light and a dark scheme
    **{"#000000": "currentColor", "#ffffff": "var(--paper)", "#e6e6e6": "var(--grid)", "#5d636e": "var(--soft)"},
    **{"#12805c": "var(--good)", "#a05a00": "var(--warm)", "#3b5bbf": "var(--cool)", "#b3261e": "var(--bad)"},
}
CARDS = 12  # verdicts at the head of the page
NARROW = 330  # points: the widest figure that has text or another figure beside it


def page(results: Results, sections: Iterable[Section], pictures: Mapping[str, bytes]) -> str:
    """Return the content of report.html.

    Args:
        results: The runs.
        sections: The sections of the report.
        pictures: The figures by name, as `save` returns them for a page.
    """
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    environment.filters |= {"prose": prose, "kind": kind, "blocks": blocks, "data": data, "bold": bold}
    environment.tests |= {"table": is_table, "figure": lambda part: isinstance(part, Figure)}
    environment.globals["zip"] = zip
    return environment.get_template("page.html").render(
        title=summary.title(results),
        asked=summary.question(results).removeprefix("Question: "),
        findings=summary.findings(results),
        distrusted=summary.distrusted(results),
        warnings=results.warnings,
        verdicts=dict(iter(highlights(results).groupby("family", sort=False))),
        rule=rule.RULE,
        sections=[section for section in sections if section.parts],
        figures={name: drawing(svg) for name, svg in pictures.items()},
        two_seeds=TWO_SEEDS,
        kinds=list(figures.VERDICTS),
    )


def prose(text: str) -> Markup:
    """Return a paragraph or line of a section as HTML, with *emphasis* and `code`."""
    marked = re.sub(r"\*(.+?)\*", r"<em>\1</em>", str(escape(text)))
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", marked))


def bold(text: str) -> Markup:
    """Return a sentence as HTML, with its accuracies and differences in bold."""
    return Markup(re.sub(r"(?<![=\w.])([+-]?\d\.\d{3,4})\b", r"<b>\1</b>", str(escape(text))))


def kind(verdict: str) -> str:
    """Return the CSS class of a verdict: 'smaller' for 'smaller than claimed (+0.079)'."""
    return figures.kind(verdict).replace(" ", "-")


def highlights(results: Results) -> pd.DataFrame:
    """Return the effects at the head of the page: those with a claim of the paper, else those with the smallest p."""
    if len(results.averages):
        main = results.averages[results.averages.order == MAIN].sort_values("p", kind="stable")
        return main.head(CARDS).assign(family=f"{MAIN}s, averaged", context="", claim=np.nan).sort_index()
    measured = results.effects[results.effects.refused.isna()]
    claimed = measured[measured.claim.notna()]
    if len(claimed):
        return claimed.groupby("family", sort=False).head(CARDS)
    means = measured[measured.family == MEAN]
    if len(means):
        return means.assign(family=means.effect + ", mean over networks", effect=MEAN)
    return measured[measured.family != "lr"].sort_values("p", kind="stable").head(CARDS)


def is_table(part: object) -> bool:
    """Return True if a part of a section is a table."""
    return isinstance(part, Table)


def blocks(section: Section) -> list[list[Any]]:
    """Return the parts of a section in blocks: tables, and the figures and notes between tables."""
    return [list(parts) for _, parts in itertools.groupby(section.parts, is_table)]


def data(table: Table) -> Markup:
    """Return the rows and sort keys of a table as JSON, for a script element."""
    keys = [[sort_key(key) for key in row] for row in table.keys]
    text = json.dumps([list(map(list, table.rows)), keys], separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def sort_key(key: Any) -> float | str | None:
    """Return a value for JSON: numbers rounded to ten digits, None for missing values, otherwise text."""
    if isinstance(key, int | float | np.number) and not isinstance(key, bool):
        return float(f"{float(key):.10g}") if np.isfinite(key) else None
    return None if key is None else str(key)


def drawing(svg: bytes) -> Markup:
    """Return a figure as inline SVG, without URLs, in the colours of the page, with the tips of its marks."""
    text = svg.decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    width = re.search(r'width="([\d.]+)pt" height="[\d.]+pt"', text)
    assert width
    shape = "narrow" if float(width[1]) <= NARROW else "wide"
    text = text.replace(width[0], f'class="{shape}" style="--width: {width[1]}px" role="img"', 1)
    text = text.replace('id="tip:', 'data-tip="')
    for colour, name in SCHEME_COLOURS.items():
        text = text.replace(colour, name)
    return Markup(text)
