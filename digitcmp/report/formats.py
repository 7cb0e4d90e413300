"""The formats of values in the tables, figures and messages of a report."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

TWO_SEEDS = "†"  # follows an interval of two seeds
P_VALUE, ACCURACY = "p", "accuracy"  # forms of `to_text` besides those of Python's format()


def to_text(value: Any, form: str = "") -> str:
    """Return a value as text.

    Args:
        value: A setting, a count, a number or a list of these.
        form: The format of a number, such as '.3f' or ','; P_VALUE for '0.031' or '<0.001'; ACCURACY for three
            decimals, or four from 0.98 on, where errors are small. By default floats have up to twelve digits.

    Returns:
        '300-50' for [300, 50], 'true' for True, '' for None and nan.
    """
    if isinstance(value, list | tuple):
        return "-".join(to_text(item, form) for item in value)
    if value is None or value != value:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if form == P_VALUE:
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    if form == ACCURACY:
        form = decimals(value)
    if isinstance(value, float) and not form:
        form = ".12g"
    return format(value, form)


def decimals(accuracy: float) -> str:
    """Return the format of numbers beside an accuracy: four decimals from 0.98 on, otherwise three."""
    return ".4f" if accuracy >= 0.98 else ".3f"


def spread(mean: float, std: float | int) -> str:
    """Return a mean accuracy and its standard deviation: '0.845 ± 0.014', or the mean alone if std is nan."""
    form = decimals(mean)
    return to_text(mean, form) if np.isnan(std) else f"{mean:{form}} ± {std:{form}}"


def interval(low: float, high: float, form: str = ".3f", n: int | np.integer = 0) -> str:
    """Return an interval: '[0.835, 0.855]', followed by TWO_SEEDS if n is 2, or '' if it is nan."""
    if np.isnan(low):
        return ""
    return f"[{low:{form}}, {high:{form}}]" + (f" {TWO_SEEDS}" if n == 2 else "")


def estimated(mean: float, low: float, high: float, form: str = "+.3f", n: int | np.integer = 0) -> str:
    """Return a mean with its interval: '+0.026 [+0.014, +0.038]', or '' if it is nan."""
    return f"{to_text(mean, form)} {interval(low, high, form, n)}".strip()


def seeds(n: pd.Series | Sequence[int]) -> str:
    """Return the numbers of seeds of some cells as text: 'n = 10 seeds' or 'n = 2 to 3 seeds'."""
    low, high = min(n), max(n)
    return f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds"


def verdict_words(verdict: str) -> str:
    """Return a verdict without its size and the other verdicts: 'smaller than claimed', 'no interval'."""
    return re.split(r" \(|[;:]", verdict)[0]
