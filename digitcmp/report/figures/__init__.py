"""The figures of a report, one module per figure: `prepare` makes its data, `draw` makes the figure."""

import re
from io import BytesIO

import matplotlib
from matplotlib.figure import Figure

from digitcmp.report.contrasts.contrast import ORDERS
from digitcmp.report.figures import accuracy, class_order, curves, data_sets, effects, factorial, levels, pairs, rates
from digitcmp.report.figures.style import STYLE, palette
from digitcmp.report.results import Results


def draw(results: Results) -> dict[str, Figure]:
    """Draw every figure for which the runs have data.

    Returns:
        The figures by the name of their file, without its ending.
    """
    colours = palette(results.cells.model)
    measured = results.effects[results.effects.refused.isna() & (results.effects.family != "lr")]
    averaged = measured[measured.family.isin(ORDERS)]
    only_rates = len(results.selection) > 0 and results.selection.rates.sum() >= len(results.cells)
    drawn: dict[str, Figure] = {}
    with matplotlib.rc_context(STYLE):
        if len(results.selection):
            drawn["learning_rates"] = rates.draw(results, colours)
        if not only_rates:
            if len(results.pairs):
                drawn["pairs"] = pairs.draw(results, colours)
            if len(results.pairs) < len(results.cells):
                drawn["accuracy"] = accuracy.draw(results, colours)
            drawn |= curves.draw(results, colours)
        if "positions" in results.evaluated:
            drawn["class_order"] = class_order.draw(results, colours)
        if 0 < results.equal_rates.effect.nunique() <= rates.MOST_EFFECTS:
            labels = {row.label: colours[row.model] for row in results.cells.itertuples()}
            drawn["equal_rates"] = rates.draw_effects(results.equal_rates, labels)
        series = results.series
        drawn |= levels.draw(series[series.factor != "train_pairs"] if "pairs" in drawn else series, colours)
        if results.averages.empty:
            drawn |= factorial.draw(results, colours)
        if len(results.averages):
            drawn["effects"] = effects.draw(effects.averaged(results.averages))
        elif len(results.data_sets):  # the table has the other effects
            drawn["data_sets"] = data_sets.draw(results.data_sets)
        elif len(measured):  # the figure of a factorial design has its single effects
            drawn["effects"] = effects.draw((averaged if len(averaged) else measured).head(effects.MOST))
    return drawn


def save(figure: Figure, form: str) -> bytes:
    """Return a figure as the bytes of a file. Equal figures give equal bytes.

    Args:
        figure: A figure of `draw`.
        form: 'png', 'svg', or 'page' for an SVG with the tips of its marks.
    """
    metadata = {"Software": None} if form == "png" else dict.fromkeys(("Date", "Creator", "Format", "Type"))
    for artist in figure.findobj(lambda artist: artist.get_alpha() == 0):  # invisible marks that carry a tip
        artist.set_visible(form == "page")
    with matplotlib.rc_context(STYLE), BytesIO() as file:
        figure.savefig(file, format="png" if form == "png" else "svg", metadata=metadata)
        content = file.getvalue()
    return re.sub(rb' id="tip:[^"]*"', b"", content) if form == "svg" else content
