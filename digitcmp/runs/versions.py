"""The origin of a result: the commit of this code and the versions of packages that affect numbers."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

VERSION = "0.1.0"  # of this project


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


def git_commit(file: Path) -> str:
    """Return the commit of the file's repository, with -dirty if it was changed, `unknown` without a repository."""
    # git rejects repositories of other owners, but this code is running already
    git = ["git", "-c", "safe.directory=*", "-C", str(file.parent)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    find = ["ls-files", "--error-unmatch", file.name]  # an installed copy inside a repository is not part of it
    describe = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        for command in (find, describe):
            done = subprocess.run([*git, *command], capture_output=True, text=True, env=environment, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
