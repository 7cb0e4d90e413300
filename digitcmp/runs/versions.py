"""The origin of a result: the commit of this code and the versions of packages that affect numbers."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def provenance() -> dict[str, str]:
    """Return `git_commit` of this code, with -dirty if it was changed, and the `versions` of packages."""
    return {"git_commit": git_commit(Path(__file__)), "versions": versions()}


@cache
def versions() -> str:
    """Return the versions of Python and of the packages that affect numbers, in one string."""
    from importlib.metadata import version  # slow import

    packages = (f"{name} {version(name)}" for name in ("torch", "lightning", "numpy"))
    return ", ".join([f"python {sys.version.split()[0]}", *packages])


def project_version() -> str:
    """Return the version of this project, `unknown` if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # slow import

    try:
        return version("digitcmp")
    except PackageNotFoundError:
        return "unknown"


def git_commit(file: Path) -> str:
    """Return the commit of the file's repository, with -dirty if it was changed, `unknown` without a repository."""
    # git rejects repositories of other owners, but this code is running already
    git = ["git", "-c", "safe.directory=*", "-C", str(file.parent)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def run_git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*git, *arguments], capture_output=True, text=True, env=environment)

    try:
        if run_git("ls-files", "--error-unmatch", file.name).returncode:  # an installed copy inside a repository
            return "unknown"
        return run_git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").stdout.strip() or "unknown"
    except FileNotFoundError:  # git is not installed
        return "unknown"
