"""The section with the learning curves: Figs. 5, 6 and 7 of the paper if their cells exist, otherwise one figure."""

from __future__ import annotations

from collections.abc import Iterator

from digitcmp.report.figures import curves
from digitcmp.report.pages.section import Figure, File, Part
from digitcmp.report.results import Results

CAPTIONS = {
    "figure5": "Fig. 5 of the paper: the dense networks by width and depth.",
    "figure6": "Fig. 6 of the paper: weight sharing.",
    "figure7": "Fig. 7 of the paper: the auxiliary loss. Dashed lines are with it.",
    "curves": "Test accuracy by epoch. Dashed lines are with the auxiliary loss.",
}


def parts(results: Results) -> Iterator[Part]:
    """Yield the figures, in the order of CAPTIONS within each drawn set."""
    yield File.csv("curves.csv", results.curves)
    if not results.only_rates:
        for figure, context, draw in curves.figures(results):
            name = f"{figure}_{context}" if context else figure
            yield Figure(name, f"{CAPTIONS[figure]} {context}".strip(), draw)
