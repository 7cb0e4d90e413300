"""The code, versions and device of runs, and warnings if they are mixed."""

from collections.abc import Mapping

import pandas as pd

from digitcmp.errors import listed

MADE_WITH = ("versions", "git_commit", "device")

Code = Mapping[str, Mapping[str, str]]  # the functions of each fingerprint, with their digests
Version = frozenset[tuple[str, str]]  # the parts of one definition with their digests


def definition_versions(code: Code) -> dict[str, set[Version]]:
    """Return the versions of each function and class in these fingerprints, by its name."""
    versions: dict[str, set[Version]] = {}
    for functions in code.values():
        parts: dict[str, set[tuple[str, str]]] = {}
        for part, digest in functions.items():
            parts.setdefault(definition(part), set()).add((part, digest))
        for name, version in parts.items():
            versions.setdefault(name, set()).add(frozenset(version))
    return versions


def definition(recorded: str) -> str:
    """Return the file of a recorded name, or in older results the function or class that it is a part of."""
    if recorded.endswith(("]", ".py")):
        return recorded
    file, colon, name = recorded.rpartition(":")
    return f"{file}:{name.split('.')[0]}" if colon else ".".join(recorded.split(".")[:2])


def mixed_functions(code: Code) -> list[str]:
    """Return the sorted names of the functions and methods that differ between fingerprints.

    A method is compared between the fingerprints that have its class.
    """
    mixed: set[str] = set()
    for versions in definition_versions(code).values():
        differing = frozenset.union(*versions) - frozenset.intersection(*versions)
        mixed.update(part for part, _ in differing)
    return sorted(mixed)


def provenance_warnings(table: pd.DataFrame, code: Code) -> list[str]:
    """Return a warning for each way in which the origins of runs differ.

    Args:
        table: One row per run.
        code: The functions of the fingerprints in its column `code`.
    """
    warnings = []
    same_code = "code" in table and table.code.notna().all() and not mixed_functions(code)
    for key in [key for key in MADE_WITH if key in table]:
        if key == "git_commit" and same_code:  # the commits differ in other files
            continue
        counts = table[key].value_counts().sort_index()
        if len(counts) > 1:
            made = "; ".join(f"{value} ({n} runs)" for value, n in counts.items())
            warnings.append(f"mixed {key} among these runs: {made}. Results may be rounded differently.")
    if mixed := mixed_functions(code):
        warnings.append(f"mixed code among these runs: {listed(mixed)}. Results may not be comparable.")
    unknown = table.code.isna().sum() if "code" in table else len(table)
    if 0 < unknown < len(table):
        warnings.append(f"{unknown} of {len(table)} runs have no record of the code that trained them")
    if dirty := sorted(commit for commit in table.git_commit.unique() if commit.endswith("-dirty")):
        warnings.append(f"runs trained with uncommitted changes: git_commit {', '.join(dirty)}")
    return warnings
