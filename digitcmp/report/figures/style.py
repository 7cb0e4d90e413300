"""The style and the marks that the figures share.

Each backbone has one colour in all figures (Okabe and Ito's palette, safe for colour-blind readers). Dashed lines and
open marks are with the auxiliary loss. The gid of a mark holds the tip that the page shows for it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

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
COLOURS = {  # merged black and grey, dense blue, convolutional orange; networks with sharing have the stronger colour
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
EFFECT = COLOURS["ws2"]  # the colour of effects of any backbone
DASHED = (0, (3, 1.2))
DOTTED = (0, (1, 1))
TIP = "tip:"

Palette = Mapping[str, str]  # the colour of each backbone


def palette(models: Iterable[str]) -> Palette:
    """Return the colour of each backbone, from COLOURS or else from SPARE."""
    unknown = sorted({*models} - COLOURS.keys())
    return COLOURS | {model: SPARE[i % len(SPARE)] for i, model in enumerate(unknown)}


def kind(verdict: object) -> str:
    """Return the kind of a verdict: 'smaller' for 'smaller than claimed (+0.079)', '' if it is not a known verdict."""
    text = verdict if isinstance(verdict, str) else ""
    return next((name for name in VERDICTS if text.startswith(name)), "")


def verdict_colour(verdict: object) -> str:
    """Return the colour of a verdict, that of *undecided* if it is not a known verdict."""
    return VERDICTS[kind(verdict) or "undecided"]


def shades(colour: str, n: int) -> list[tuple[float, ...]]:
    """Return n shades of a colour as RGB, from light to dark. A single shade is the colour itself."""
    base = np.array(to_rgb(colour))
    if n == 1:
        return [tuple(base)]
    light, dark = (1 + base) / 2, base / 5
    return [tuple(light + t * (dark - light)) for t in np.linspace(0, 1, n)]


def escaped(text: str) -> str:
    """Return a text with its dollar signs escaped, so that they do not begin a formula."""
    return text.replace("$", r"\$")


def seeds(n: pd.Series | Sequence[int]) -> str:
    """Return numbers of seeds as text: 'n = 10 seeds' or 'n = 2 to 3 seeds'."""
    low, high = min(n), max(n)
    return f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds"


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
