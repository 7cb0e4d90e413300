"""The sections of a report, in order. To add a table, add a section here."""

from digitcmp.report.pages.section import Content, Section
from digitcmp.report.results import Results
from digitcmp.report.sections import (
    accuracy,
    convergence,
    effects,
    evaluations,
    learning_curves,
    levels,
    origin,
    rates,
    test_images,
)

SECTIONS = [
    Section("Networks", origin.networks),
    Section("Accuracy", accuracy.parts),
    Section("Later evaluations", evaluations.parts),
    Section("Published results", accuracy.published),
    Section("Selected values", rates.from_first_stage),
    Section("Selected learning rates", rates.selected),
    Section("Equal parameters", effects.equal_parameters),
    Section("Equal learning rates", rates.equal),
    Section("Levels", levels.parts),
    Section("Effects", effects.parts),
    Section("Test images", test_images.parts),
    Section("Convergence", convergence.parts),
    Section("Learning curves", learning_curves.parts),
    Section("Unfinished runs", origin.unfinished),
    Section("Runs never started", origin.planned),
    Section("Duplicates", origin.duplicates),
    Section("Runs", origin.parts),
]


def sections(results: Results) -> list[Content]:
    """Return the content of every section that applies to some runs."""
    contents = [section.of(results) for section in SECTIONS]
    return [content for content in contents if content.parts or content.files]
