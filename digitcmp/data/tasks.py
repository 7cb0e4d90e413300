"""What is asked of a pair of classes, by name. Adding a task is a line in TASKS."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple


class Task(NamedTuple):
    """A relation, from two arrays of classes to an array of truth values, and its sign between `first` and `second`."""

    holds: Callable[[Any, Any], Any]
    sign: str

    @property
    def question(self) -> str:
        """'first <= second'"""
        return f"first {self.sign} second"


TASKS = {"leq": Task(operator.le, "<=")}
