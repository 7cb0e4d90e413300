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
    used: list[Any] = [NETWORKS[run.model.name].builder, HEADS[run.head.name].build, TASKS[run.task].holds]
    targets = [run.optimizer["_target_"], run.schedule["_target_"]]
    used += [resolve_name(target) for target in targets if not target.startswith(("torch.", "digitcmp."))]
    used += [READERS[run.data.name].read] if run.data.name in READERS else []
    own = {file for package in ("data", "models", "training") for file in (PACKAGE / package).rglob("*.py")}
    own -= {file for network in NETWORKS.values() for file in sources(network.builder)}
    paths = sorted({PACKAGE / "seeds.py", *own, *(file for definition in used for file in sources(definition))})
    roots = [PACKAGE if path.is_relative_to(PACKAGE) else path.parents[1] for path in paths]  # mylab/nets.py
    return {path.relative_to(root).as_posix(): digest(path) for path, root in zip(paths, roots, strict=True)}


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
