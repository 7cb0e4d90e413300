"""A task's statements about two classes, as they are shown: 'first <= second' of 3 and 5 is '3 ≤ 5'."""

import re

SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}


def shown(statement: str) -> str:
    """Return a statement or a question with the signs of print: 'first <= second' -> 'first ≤ second'."""
    for typed, sign in SIGNS.items():
        statement = statement.replace(typed, sign)
    return statement


def relation(statement: str) -> str | None:
    """Return the sign between both classes, 'first <= second' -> '≤'; None for a statement of another form."""
    between = re.fullmatch(r"first (\W+) second", shown(statement))
    return between[1] if between else None


def probability(statement: str, first: str, second: str) -> str:
    """Return the name of the probability of a statement about two named classes.

    Returns:
        'P(3 ≤ 5)', or '3, 5: P(the sum is odd)' for a statement that is not about `first` and `second`.
    """
    sign = relation(statement)
    return f"P({first} {sign} {second})" if sign else f"{first}, {second}: P({shown(statement)})"
