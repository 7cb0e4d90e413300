"""The sections of a report, in order. To add a table, add a section here."""

from digitcmp.report.pages.section import Section
from digitcmp.report.results import Results
from digitcmp.report.sections import accuracy, convergence, effects, learning_curves, levels, origin, rates, test_images

SECTIONS = {  # by title, the function that yields the parts of a section, none if it does not apply
    "Networks": origin.networks,
    "Accuracy": accuracy.parts,
    "Later evaluations": accuracy.evaluations,
    "Published results": accuracy.published_results,
    "Selected values": rates.from_first_stage,
    "Selected learning rates": rates.selected,
    "Equal parameters": effects.equal_parameters,
    "Equal learning rates": rates.equal,
    "Levels": levels.parts,
    "Effects": effects.parts,
    "Test images": test_images.parts,
    "Convergence": convergence.parts,
    "Learning curves": learning_curves.parts,
    "Missing runs": origin.missing,
    "Runs": origin.parts,
}


def sections(results: Results) -> list[Section]:
    """Return the sections that apply to some runs."""
    made = [Section.of(title, parts(results)) for title, parts in SECTIONS.items()]
    return [section for section in made if section.parts or section.files]
