"""The kinds of verdicts on effects, and the colour that each has in the figures and on the page."""

COLOURS = {  # as light as the page's light scheme needs them; the page replaces them in its dark scheme
    "as claimed": "#12805c",
    "effect seen": "#12805c",
    "smaller": "#a05a00",
    "larger": "#3b5bbf",
    "opposite": "#b3261e",
    "no effect": "#5d636e",
    "undecided": "#5d636e",
}
OTHER = "#5d636e"  # of a verdict of another kind


def kind(verdict: object) -> str:
    """Return the kind of a verdict: 'smaller than claimed (+0.079)' -> 'smaller'; '' for another text or none."""
    text = verdict if isinstance(verdict, str) else ""
    return next((name for name in COLOURS if text.startswith(name)), "")


def colour(verdict: object) -> str:
    """Return the colour of a verdict."""
    return COLOURS.get(kind(verdict), OTHER)
