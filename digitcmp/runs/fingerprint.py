"""Digests of the code that makes a run's numbers. Comments, docstrings and formatting do not count."""

import ast
import hashlib
import inspect
import linecache
import sys
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from digitcmp.config.run import Run
from digitcmp.data.sources import READERS
from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

PACKAGE = Path(__file__).parents[1]


def files(run: Run) -> dict[str, str]:
    """Return the digests of the files that make this run's numbers: {'models/network.py': '1a2b3c4d', ...}.

    They are `seeds.py`, the packages `data`, `models` and `training` without the backbones of other networks, and the
    packages of third-party definitions that the run uses.
    """
    backbone = NETWORKS[run.model.name].builder
    used: list[Any] = [backbone, HEADS[run.head.name].build, TASKS[run.task].holds]
    targets = [run.optimizer["_target_"], run.schedule["_target_"]]
    used += [resolve_name(target) for target in targets if not target.startswith(("torch.", "digitcmp."))]
    used += [READERS[name].read for name in READERS if name == run.data.name]
    own = {file for package in ("data", "models", "training") for file in (PACKAGE / package).rglob("*.py")}
    own -= {file for network in NETWORKS.values() for file in sources(network.builder)}
    paths = {PACKAGE / "seeds.py", *own, *(file for definition in used for file in sources(definition))}
    return {recorded_name(path): digest(path) for path in sorted(paths)}


def sources(definition: Any) -> list[Path]:
    """Return the file of a function or class of this package, or all files of the package that defines another one.

    A definition from a prompt or written in C has none.
    """
    if not (inspect.isfunction(definition) or inspect.isclass(definition)):
        return []
    module = inspect.unwrap(definition).__module__
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return []
    path = Path(file).resolve()
    if path.is_relative_to(PACKAGE) or "." not in module:
        return [path]
    top = Path(sys.modules[module.partition(".")[0]].__file__ or path).resolve().parent
    return sorted(top.rglob("*.py"))


def recorded_name(path: Path) -> str:
    """Return the name of a file in a fingerprint: 'models/network.py', or 'mylab/nets.py' for a third-party file."""
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else path.parents[1]).as_posix()


@cache
def digest(path: Path) -> str:
    """Return the digest of a file's code, 8 hexadecimal digits. Later edits of the file do not change it."""
    tree = ast.parse("".join(linecache.getlines(str(path))))
    return hashlib.sha256(ast.dump(WithoutDocstrings().visit(tree)).encode()).hexdigest()[:8]


class WithoutDocstrings(ast.NodeTransformer):
    """Remove the statements of a syntax tree that are a constant."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def code(digests: dict[str, str]) -> str:
    """Return the digest of all of a run's code: 12 hexadecimal digits."""
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:12]


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the sorted names of the files whose digests differ or are missing on one side."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
