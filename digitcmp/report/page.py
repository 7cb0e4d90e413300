"""report.html: the report as one file, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from digitcmp.report import document, rule, tables
from digitcmp.report.results import Results

MISTAKES = "pictures/mistakes.png"  # in a run's folder
COLOURS = {"#000000": "currentColor", "#ffffff": "var(--paper)", "#e6e6e6": "var(--grid)"}  # of either scheme
KINDS = ("as claimed", "smaller", "larger", "opposite", "no effect", "undecided", "effect seen")  # of verdicts


def page(results: Results, sections: Iterable[document.Section], figures: Mapping[str, bytes]) -> str:
    """Return report.html.

    Args:
        figures: The figures by name, as `figures.save` returns them for a page.
    """
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    environment.filters |= {"prose": prose, "kind": kind}
    environment.globals["zip"] = zip
    measured = results.effects[results.effects.refused.isna()]
    claimed = measured[measured.claim.notna()]
    shown = claimed if len(claimed) else measured[measured.family != "lr"].sort_values("p", kind="stable").head(12)
    return environment.get_template("page.html").render(
        title=document.title(results),
        head=document.head(results),
        warnings=results.warnings,
        verdicts=dict(iter(shown.groupby("family", sort=False))),
        rule=rule.RULE,
        sections=list(sections),
        figures={name: drawing(svg) for name, svg in figures.items()},
        mistakes=mistakes(results),
        two_seeds=tables.TWO_SEEDS,
    )


def prose(text: str) -> Markup:
    """Return a text of a section as HTML: *emphasis* and `code`."""
    marked = re.sub(r"\*(.+?)\*", r"<em>\1</em>", str(escape(text)))
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", marked))


def kind(verdict: str) -> str:
    """Return the class of a verdict: 'smaller than claimed (+0.079)' -> 'smaller'."""
    return next((name.replace(" ", "-") for name in KINDS if verdict.startswith(name)), "")


def drawing(svg: bytes) -> Markup:
    """Return a figure as a part of the page: without addresses, in the page's colours, its marks with their tips."""
    text = svg.decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    text = re.sub(r'width="([\d.]+)pt" height="[\d.]+pt"', r'style="--width: \1px" role="img"', text, count=1)
    text = text.replace('id="tip:', 'data-tip="')
    for colour, name in COLOURS.items():
        text = text.replace(colour, name)
    return Markup(text)


def mistakes(results: Results) -> list[tuple[str, str]]:
    """Return the pictures of the mistakes of the best and the worst run, if there are any: captions and data URLs."""
    order = results.runs.test_acc.sort_values(kind="stable").index
    pictures = []
    for place, i in {"best": order[-1], "worst": order[0]}.items():
        run = results.runs.loc[i]
        if (file := Path(run.path) / MISTAKES).exists():
            caption = f"The {place} run, {run.label} with seed {run.seed}: test accuracy {run.test_acc:.4f}."
            pictures.append((caption, "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()))
    return pictures
