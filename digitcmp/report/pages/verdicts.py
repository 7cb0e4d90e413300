"""The kinds of verdicts, and the colour of each in the figures and on the page."""

COLOURS = {  # for a light background; the page replaces them in its dark scheme
    "as claimed": "#12805c",
    "effect seen": "#12805c",
    "smaller": "#a05a00",
    "larger": "#3b5bbf",
    "opposite": "#b3261e",
    "no effect": "#5d636e",
    "undecided": "#5d636e",
}
OTHER = "#5d636e"  # the colour of all other verdicts


def kind(verdict: object) -> str:
    """Return the kind of a verdict: 'smaller' for 'smaller than claimed (+0.079)', '' if it is not a known verdict."""
    text = verdict if isinstance(verdict, str) else ""
    return next((name for name in COLOURS if text.startswith(name)), "")


def colour(verdict: object) -> str:
    """Return the colour of a verdict."""
    return COLOURS.get(kind(verdict), OTHER)
