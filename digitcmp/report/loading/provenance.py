"""Warnings if the code, versions or devices of runs are mixed."""

from collections.abc import Mapping

import pandas as pd

from digitcmp.errors import listed

MADE_WITH = ("versions", "git_commit", "device")

Code = Mapping[str, Mapping[str, str]]  # the files of each fingerprint, with their digests


def digests(code: Code) -> dict[str, set[str]]:
    """Return the digests of each file in these fingerprints."""
    found: dict[str, set[str]] = {}
    for files in code.values():
        for file, digest in files.items():
            found.setdefault(file, set()).add(digest)
    return found


def provenance_warnings(table: pd.DataFrame, code: Code) -> list[str]:
    """Return a warning for each way in which the origins of runs differ.

    Args:
        table: One row per run.
        code: The files of the fingerprints in its column `code`.
    """
    warnings = []
    mixed = sorted(file for file, found in digests(code).items() if len(found) > 1)
    same_code = "code" in table and table.code.notna().all() and not mixed
    for key in [key for key in MADE_WITH if key in table]:
        if key == "git_commit" and same_code:  # the commits differ in other files
            continue
        counts = table[key].value_counts().sort_index()
        if len(counts) > 1:
            made = "; ".join(f"{value} ({n} runs)" for value, n in counts.items())
            warnings.append(f"mixed {key} among these runs: {made}. Results may be rounded differently.")
    if mixed:
        warnings.append(f"mixed code among these runs: {listed(mixed)}. Results may not be comparable.")
    unknown = table.code.isna().sum() if "code" in table else len(table)
    if 0 < unknown < len(table):
        warnings.append(f"{unknown} of {len(table)} runs have no record of the code that trained them")
    if dirty := sorted(commit for commit in table.git_commit.unique() if commit.endswith("-dirty")):
        warnings.append(f"runs trained with uncommitted changes: git_commit {', '.join(dirty)}")
    return warnings
