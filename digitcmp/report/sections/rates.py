"""The sections on learning rates: selected on validation pairs, and effects at equal rates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from digitcmp.report.figures import rates
from digitcmp.report.formats import ACCURACY, interval, to_text
from digitcmp.report.pages.columns import Column, Table, name, settings
from digitcmp.report.pages.section import Figure, File, Part
from digitcmp.report.results import Results

SELECTED = (
    "The selected rate has the highest mean accuracy on the validation pairs. *oracle* is the rate that the test pairs "
    "would select, for comparison only. *(edge)* marks the smallest or largest rate tried."
)
SELECTED_FIGURE = (
    "Mean validation accuracy by learning rate. Dashed lines are with the auxiliary loss. A collapsed seed below the "
    "axis is not drawn, but the mean includes it."
)
EQUAL = (
    "Effects of the auxiliary loss and sharing on test accuracy, with the same learning rate for both networks: mean "
    "and 95 % t-interval, paired by seed. `equal_rates.csv` also has n, p and Holm's p. Holm's p is corrected inside "
    "each of the two families, over all networks and rates."
)
EQUAL_FIGURE = "Effects of the auxiliary loss and sharing, with the same learning rate for both networks."


def selected(results: Results) -> Iterator[Part]:
    """Yield the table of selected learning rates and the figure."""
    if results.selection.empty:
        return
    columns = [
        name("title", "cell"),
        *settings("rates", "n"),
        Column("selected lr", "lr", lambda row: to_text(row["lr"]) + (" (edge)" if row["at_edge"] else "")),
        Column("paper's lr", "paper_lr"),
        Column("validation", "val_acc", ACCURACY),
        Column("test accuracy", "test_acc", ACCURACY),
        Column("oracle lr (test)", "oracle_lr"),
        Column("oracle test accuracy", "oracle_test_acc", ACCURACY),
    ]
    yield Table.of(results.selection, columns)
    yield SELECTED
    yield Figure("learning_rates", SELECTED_FIGURE, partial(rates.draw, results))


def equal(results: Results) -> Iterator[Part]:
    """Yield the table of effects at equal rates, one column per effect, the figure and the effects without numbers."""
    frame = results.equal_rates
    if frame.empty:
        return
    yield File.csv("equal_rates.csv", frame)
    texts = []
    for row in frame.itertuples():
        texts.append(f"{row.mean:+.3f} {interval(row.ci_low, row.ci_high, '+.3f', row.n)}".strip())
    wide = frame.assign(text=texts).pivot(index="lr", columns="effect", values="text").fillna("").reset_index()
    yield Table.of(wide, settings("lr", *dict.fromkeys(frame.effect)))
    yield EQUAL
    if frame.effect.nunique() <= rates.MOST_EFFECTS:
        yield Figure("equal_rates", EQUAL_FIGURE, partial(rates.draw_effects, frame, results.cells))
    refusals = results.rate_effects[results.rate_effects.refused.notna()]
    yield [f"no statistics for {row.effect} at lr={row.lr:g}: {row.refused}" for row in refusals.itertuples()]
