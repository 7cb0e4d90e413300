"""The origin of a result: digests of its code, the commit, and the versions of packages that affect numbers.

Comments, docstrings and formatting do not change a digest.
"""

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from digitcmp.config.run import Run
from digitcmp.data.sources import READERS
from digitcmp.data.tasks import TASKS
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

PACKAGE = Path(__file__).parents[1]


def code_files(run: Run) -> dict[str, str]:
    """Return the digests of the files that make this run's numbers: {'models/network.py': '1a2b3c4d', ...}.

    They are `seeds.py`, the packages `data`, `models` and `training` without the backbones of other networks, and the
    packages of third-party definitions that the run uses.
    """
    used = [NETWORKS[run.model.name].builder, HEADS[run.head.name].build, TASKS[run.task].holds]
    targets = [run.optimizer["_target_"], run.schedule["_target_"]]
    used += [resolve_name(target) for target in targets if not target.startswith("torch.")]
    used += [READERS[run.data.name]] if run.data.name in READERS else []
    paths = {file for package in ("data", "models", "training") for file in (PACKAGE / package).rglob("*.py")}
    paths -= {file for network in NETWORKS.values() for file in sources(network.builder)}
    paths |= {PACKAGE / "seeds.py", *(file for definition in used for file in sources(definition))}
    roots = {path: PACKAGE if path.is_relative_to(PACKAGE) else path.parents[1] for path in paths}  # mylab/nets.py
    return {path.relative_to(roots[path]).as_posix(): digest(path) for path in sorted(paths)}


def sources(definition: Any) -> list[Path]:
    """Return the file of a definition of this package, or all files of the package that another one belongs to.

    A definition from a prompt has none.
    """
    name = getattr(definition, "__module__", None) or "builtins"
    module, package = sys.modules[name], sys.modules[name.partition(".")[0]]
    if package.__name__ != "digitcmp" and hasattr(package, "__path__"):
        return [file for folder in package.__path__ for file in Path(folder).rglob("*.py")]
    file = getattr(module, "__file__", None)
    return [Path(file)] if file else []


@cache
def digest(path: Path) -> str:
    """Return the digest of a file's code, 8 hexadecimal digits. Later edits of the file do not change it."""
    tree = WithoutDocstrings().visit(ast.parse(path.read_bytes()))
    return checksum(ast.dump(tree).encode())


class WithoutDocstrings(ast.NodeTransformer):
    """Remove the statements of a syntax tree that are a constant."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


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


def remarks_on(recorded: Iterable[str]) -> list[str]:
    """Return a remark on each other set of versions that accepted results were made with.

    Args:
        recorded: the `versions` of each result.
    """
    others = Counter(made_with for made_with in recorded if made_with != versions())
    return [f"{n} finished with {made_with}; installed are {versions()}" for made_with, n in others.items()]


def git_commit(file: Path) -> str:
    """Return the commit of the file's repository, with -dirty if it was changed, `unknown` without a repository."""
    # git rejects repositories of other owners, but this code is running already
    git = ["git", "-c", "safe.directory=*", "-C", str(file.parent)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}  # as in a git hook
    find = ["ls-files", "--error-unmatch", file.name]  # an installed copy inside a repository is not part of it
    describe = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        for command in (find, describe):
            done = subprocess.run([*git, *command], capture_output=True, text=True, env=environment, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
