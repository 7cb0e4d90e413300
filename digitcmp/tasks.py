"""What is asked of a pair of digits, by name: from two arrays of classes to an array of truth values."""

import operator
from collections.abc import Callable
from typing import Any

TASKS: dict[str, Callable[[Any, Any], Any]] = {"leq": operator.le}  # first <= second
