"""The style, the colours and the marks that the figures share.

Each backbone has one colour in all figures (Okabe and Ito's palette, safe for colour-blind readers). Dashed lines and
open marks are with the auxiliary loss. The gid of a mark holds the tip that the page shows for it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from digitcmp.report.formats import interval, to_text

STYLE: Any = {  # Any, because matplotlib types every key separately
    "font.family": "DejaVu Sans",  # installed with matplotlib, so that files are equal everywhere
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "figure.titlesize", "figure.labelsize"), 8),
    **dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 7),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("axes.grid", "axes.axisbelow", "figure.constrained_layout.use"), True),
    **{"grid.color": "#e6e6e6", "grid.linewidth": 0.5, "lines.linewidth": 1.3, "savefig.dpi": 200},
    **{"legend.handlelength": 1.8, "legend.borderaxespad": 0.3, "legend.labelspacing": 0.3},
    "svg.hashsalt": "digitcmp",  # equal figures give equal files
}
COLUMN, PAGE = 3.4, 7.0  # widths in inches
LETTER = 0.062  # inches per letter of a row's label
BACKBONE_COLOURS = {  # merged black and grey, dense blue, convolutional orange; stronger colours with sharing
    **{"fcnn1": "#000000", "fcnn2": "#8c8c8c", "fcnn3": "#56b4e9", "ws1": "#e69f00", "ws2": "#0072b2"},
    **{"ws3": "#d55e00", "convnet": "#009e73", "convnet2": "#cc79a7"},
}
SPARE = ("#b8a800", "#882255", "#44aa99")  # colours of other backbones
VERDICTS = {  # the colour of each kind of verdict on a light background; the page replaces them in its dark scheme
    "as claimed": "#12805c",
    "effect seen": "#12805c",
    "smaller": "#a05a00",
    "larger": "#3b5bbf",
    "opposite": "#b3261e",
    "no effect": "#5d636e",
    "undecided": "#5d636e",
}
EFFECT = BACKBONE_COLOURS["ws2"]  # the colour of effects of any backbone
DASHED = (0, (3, 1.2))
DOTTED = (0, (1, 1))
TIP = "tip:"
SPREAD = 8  # the largest ratio between levels for which the axis is always linear
TICKS = 9  # more levels are not all named on the axis
WIDTH = 0.02  # the width of the marks of a level, as a share of the axis

Palette = Mapping[str, str]  # the colour of each backbone
Shade = tuple[float, ...]  # RGB


def palette(models: Iterable[str]) -> Palette:
    """Return the colour of each backbone, from BACKBONE_COLOURS or else from SPARE."""
    unknown = sorted({*models} - BACKBONE_COLOURS.keys())
    return BACKBONE_COLOURS | {model: SPARE[i % len(SPARE)] for i, model in enumerate(unknown)}


def kind(verdict: object) -> str:
    """Return the kind of a verdict: 'smaller' for 'smaller than claimed (+0.079)', '' if it is not a known verdict."""
    text = verdict if isinstance(verdict, str) else ""
    return next((name for name in VERDICTS if text.startswith(name)), "")


def verdict_colour(verdict: object) -> str:
    """Return the colour of a verdict, that of *undecided* if it is not a known verdict."""
    return VERDICTS[kind(verdict) or "undecided"]


def shades(colour: str, n: int) -> list[Shade]:
    """Return n shades of a colour, from light to dark. A single shade is the colour itself."""
    base = np.array(to_rgb(colour))
    if n == 1:
        return [tuple(base)]
    light, dark = (1 + base) / 2, base / 5
    return [tuple(light + t * (dark - light)) for t in np.linspace(0, 1, n)]


def shaded(table: pd.DataFrame, key: str, colours: Palette) -> dict[str, Shade]:
    """Return the shade of each name in a column, in drawing order: shades of one colour for each `model` and `aux`."""
    shade_of: dict[str, Shade] = {}
    for (model, _), rows in table.groupby(["model", "aux"], sort=False):
        names = rows[key].unique()
        shade_of |= zip(names, shades(colours[str(model)], len(names)), strict=True)
    return shade_of


def escaped(text: str) -> str:
    """Return a text with its dollar signs escaped, so that they do not begin a formula."""
    return text.replace("$", r"\$")


def tip(text: str, row: Any, form: str = ".3f") -> str:
    """Return the gid of the mark of a mean: its tip, a text with the interval `ci_low ci_high` and n of a row."""
    limits = interval(row.ci_low, row.ci_high, form)
    return f"{TIP}{text}, 95 % interval {limits}, n = {row.n}" if limits else f"{TIP}{text}, n = {row.n}"


def forest(labels: Sequence[str], heights: np.ndarray, size: float, bottom: float) -> tuple[Figure, Axes]:
    """Return a figure for rows of means with their 95 % intervals, one below the other.

    Args:
        labels: The name of each row.
        heights: Its height on the vertical axis, which grows downwards.
        size: The height of all rows in inches.
        bottom: The lower end of the axis.
    """
    width = float(np.clip(2.2 + LETTER * max(map(len, labels)), COLUMN, PAGE))
    figure = Figure(figsize=(width, 0.8 + size))
    axes = figure.subplots()
    axes.set_yticks(heights, [escaped(label) for label in labels])
    axes.set_ylim(bottom, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    return figure, axes


def mark_interval(axes: Axes, row: Any, mean: float, y: float, shade: str, text: str, hollow: bool = False) -> None:
    """Draw a mean at height y and its interval `ci_low ci_high`, dotted for two seeds. `text` begins the mark's tip."""
    axes.plot([row.ci_low, row.ci_high], [y, y], color=shade, lw=1.6, ls=DOTTED if row.n == 2 else "-")
    axes.plot(mean, y, "o", color=shade, ms=4.5, mew=1.2, mfc="white" if hollow else shade, gid=tip(text, row))


def is_logarithmic(levels: Sequence[float]) -> bool:
    """Return True if levels, ascending, span a ratio above SPREAD and are more even in their logarithms."""
    if levels[0] <= 0 or levels[-1] <= SPREAD * levels[0]:
        return False
    gaps, ratios = np.diff(levels), np.diff(np.log(levels))
    return bool(ratios.std() / ratios.mean() < gaps.std() / gaps.mean())


def draw_series(
    axes: Axes, rows: pd.DataFrame, shades: Mapping[str, Shade], hollow: Collection[str], setting: str, form: str
) -> None:
    """Draw series of means over the levels of a numeric setting, each mean with its 95 % interval.

    The marks of several series at one level stand beside each other. The vertical axis has all means and, below them,
    half of the range that the means span. The horizontal axis is logarithmic if `is_logarithmic` is true of the levels.

    Args:
        rows: `series level mean ci_low ci_high n`, one row per mean.
        shades: The colour of each series, in drawing order.
        hollow: The series with open marks and dashed lines.
        setting: The name of the setting in the tips.
        form: The format of the values in the tips.
    """
    levels = sorted({*rows.level})
    logarithmic = is_logarithmic(levels)
    for i, (name, shade) in enumerate(shades.items()):
        points = rows[rows.series == name].sort_values("level")
        shift = WIDTH * (i - (len(shades) - 1) / 2) / len(shades)
        if logarithmic:
            places = points.level * (levels[-1] / levels[0]) ** shift
        else:
            places = points.level + shift * (levels[-1] - levels[0])
        axes.vlines(places, points.ci_low, points.ci_high, color=shade, lw=1.1, alpha=0.75)
        fill, line = ("white", DASHED) if name in hollow else (shade, "-")
        axes.plot(places, points["mean"], "o", color=shade, ls=line, ms=4, mew=1.1, mfc=fill, label=escaped(name))
        for place, row in zip(places, points.itertuples(), strict=True):
            text = f"{name}, {setting}={to_text(row.level)}: {row.mean:{form}}"
            axes.plot(place, row.mean, "o", ms=7, alpha=0, gid=tip(text, row, form))
    if logarithmic:
        axes.set_xscale("log")
    if len(levels) <= TICKS:
        axes.set_xticks(levels, [f"{level:,.12g}" if level >= 1000 else to_text(level) for level in levels])
        axes.xaxis.set_minor_locator(NullLocator())
        crowded = sum(len(to_text(level)) for level in levels) > 40
        axes.tick_params(axis="x", rotation=45 if crowded else 0)
    lowest, highest = rows["mean"].min(), rows["mean"].max()
    bottom = lowest - 0.5 * (highest - lowest) - 0.002
    if bottom > rows.ci_low.min():
        axes.set_ylim(bottom=bottom)


def save(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Draw a figure and return the bytes of its files. Equal figures give equal bytes.

    Returns:
        The content by form: 'png', 'svg', and 'page' for an SVG with the tips of its marks.
    """
    files = {}
    with matplotlib.rc_context(STYLE):
        figure = draw()
        invisible = figure.findobj(lambda artist: artist.get_alpha() == 0)  # marks that only carry a tip
        for form in ("page", "png", "svg"):
            for artist in invisible:
                artist.set_visible(form == "page")
            metadata = {"Software": None} if form == "png" else dict.fromkeys(("Date", "Creator", "Format", "Type"))
            with BytesIO() as file:
                figure.savefig(file, format="png" if form == "png" else "svg", metadata=metadata)
                files[form] = file.getvalue()
    files["svg"] = re.sub(rb' id="tip:[^"]*"', b"", files["svg"])
    return files
