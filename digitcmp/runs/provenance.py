"""Where a result comes from: the commit of this code and the versions of the packages that numbers depend on."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def provenance() -> dict[str, str]:
    """Return `git_commit` of this code, with -dirty if it has been changed since, and `versions` of its packages."""
    return {"git_commit": git_commit(Path(__file__)), "versions": versions()}


@cache
def versions() -> str:
    """Return the versions of Python and of the packages that numbers depend on."""
    from importlib.metadata import version  # a dry run need not wait for it

    packages = (f"{name} {version(name)}" for name in ("torch", "lightning", "numpy"))
    return ", ".join([f"python {sys.version.split()[0]}", *packages])


def git_commit(file: Path) -> str:
    """Return the commit of the file's repository, with -dirty if something differs, `unknown` without a repository."""
    # the code runs already, so that git need not guard against another owner's
    git = ["git", "-c", "safe.directory=*", "-C", str(file.parent)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*git, *arguments], capture_output=True, text=True, env=environment)

    try:
        if ask("ls-files", "--error-unmatch", file.name).returncode:  # a repository around an installed copy
            return "unknown"
        return ask("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").stdout.strip() or "unknown"
    except FileNotFoundError:  # no git on this machine
        return "unknown"
