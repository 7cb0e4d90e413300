"""The effect of sharing at equal parameters: a network with sharing against a narrower one without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from digitcmp.models import backbones
from digitcmp.report.statistics import stats

if TYPE_CHECKING:
    from digitcmp.report.results import Results

TOLERANCE = 0.02  # the largest difference, as a share of the parameters of the network without sharing
COLUMNS = ("effect", "params", "params_unshared", "n", "mean", "ci_low", "ci_high", "p")


def equal_parameters(results: Results) -> pd.DataFrame:
    """Return the effect of sharing between networks of different widths that have the same number of parameters.

    The cells differ only in the model and the arguments of its network. Networks with the same arguments are left out,
    because the table of effects has them.

    Returns:
        COLUMNS, one row per pair of cells with at least two common seeds. p is not corrected.
    """
    rows = []
    cells = list(zip(results.cells.to_dict("records"), results.changed_settings, results.titles(), strict=True))
    for cell, settings, title in cells:
        network = backbones.facts().get(cell["model"])
        if network is None or network.unshared is None:
            continue
        for other, other_settings, other_title in cells:
            if other["model"] != network.unshared or other["lr"] != cell["lr"]:
                continue
            if abs(cell["params"] / other["params"] - 1) > TOLERANCE:
                continue
            (width, rest), (other_width, other_rest) = split(settings, cell), split(other_settings, other)
            if width == other_width or rest != other_rest:
                continue
            sides = [
                results.runs[results.runs.cell == name].set_index("seed") for name in (cell["cell"], other["cell"])
            ]
            seeds = sides[0].index.intersection(sides[1].index)
            if len(seeds) < 2:
                continue
            effect = stats.paired_effect(*(side.test_acc.loc[seeds].to_numpy() for side in sides))
            numbers = dict(zip(("mean", "ci_low", "ci_high", "p", "n"), effect, strict=True))
            sizes = {"params": cell["params"], "params_unshared": other["params"]}
            rows.append({"effect": f"{title} − {other_title}"} | sizes | numbers)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def split(settings: Mapping[str, str], cell: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the changed arguments of a cell's network, and its other settings."""
    arguments = {key: settings[key] for key in backbones.facts()[cell["model"]].arguments if key in settings}
    others = {key: value for key, value in settings.items() if key not in {"model", "shared", *arguments}}
    return arguments, others
