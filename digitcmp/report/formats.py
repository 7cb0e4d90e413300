"""The formats of values in the tables, figures and messages of a report."""

from typing import Any

import numpy as np


def readable(value: Any, form: str = "") -> str:
    """Return a value as text.

    Args:
        value: A setting, a count, a number or a list of these.
        form: The format of a number, such as '.3f' or ','. By default floats have up to twelve digits.

    Returns:
        '300-50' for [300, 50], 'true' for True, '' for None and nan.
    """
    if isinstance(value, list | tuple):
        return "-".join(readable(item, form) for item in value)
    if value is None or value != value:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float) and not form:
        form = ".12g"
    return format(value, form)


def decimals(accuracy: float) -> str:
    """Return the format of an accuracy: four decimals from 0.98 on, where errors are small, otherwise three."""
    return ".4f" if accuracy >= 0.98 else ".3f"


def spread(mean: float, std: float) -> str:
    """Format a mean accuracy and its standard deviation: '0.845 ± 0.014', or the mean alone if std is nan."""
    form = decimals(mean)
    return readable(mean, form) if np.isnan(std) else f"{mean:{form}} ± {std:{form}}"


def interval(low: float, high: float, form: str = ".3f") -> str:
    """Format an interval: '[0.835, 0.855]', or '' if it is nan."""
    return "" if np.isnan(low) else f"[{low:{form}}, {high:{form}}]"


def p_value(p: float) -> str:
    """Format a p-value: '0.031', or '<0.001'."""
    return "<0.001" if p < 0.001 else readable(p, ".3f")
