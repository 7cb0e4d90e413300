"""The display of a task's statements: 'first <= second' becomes 'first ≤ second', or '3 ≤ 5' for 3 and 5."""

import re

SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}


def typeset(statement: str) -> str:
    """Return a statement or a question with typographic signs: 'first <= second' -> 'first ≤ second'."""
    for typed, sign in SIGNS.items():
        statement = statement.replace(typed, sign)
    return statement


def relation(statement: str) -> str | None:
    """Return the sign between the two classes, 'first <= second' -> '≤'; None for a statement of another form."""
    between = re.fullmatch(r"first (\W+) second", typeset(statement))
    return between[1] if between else None


def probability(statement: str, first: str, second: str) -> str:
    """Return the name of the probability of a statement about two named classes.

    Returns:
        'P(3 ≤ 5)', or '3, 5: P(the sum is odd)' for a statement that is not about `first` and `second`.
    """
    sign = relation(statement)
    return f"P({first} {sign} {second})" if sign else f"{first}, {second}: P({typeset(statement)})"
