"""Digests of the files of code that produce a run's numbers."""

import ast
import hashlib
import inspect
import linecache
import sys
from functools import cache
from pathlib import Path
from typing import Any

from digitcmp.config.run import Run
from digitcmp.data.labels import AUX_LABELS
from digitcmp.data.sources import READERS
from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OPTIMIZERS

PACKAGE = Path(__file__).parents[1]
EVERY_RUN = (  # the files that every run uses; those of its options are added
    *("seeds.py", "training/assembly.py", "training/loggers.py", "training/process.py", "training/train.py"),
    *("data/conversion.py", "data/datamodule.py", "data/datasets.py", "data/images.py", "data/labels.py"),
    *(
        "data/npz.py",
        "data/pairs.py",
        "data/readers.py",
        "data/sources.py",
        "data/spec.py",
        "data/tables.py",
        "data/tasks.py",
    ),
    *("models/metrics.py", "models/module.py", "models/network.py", "models/objective.py"),
    *("models/layers.py", "models/optimizers.py", "models/schedules.py", "models/scores.py"),
    *("registry.py", "models/backbones/networks.py"),
)


def files(run: Run) -> dict[str, str]:
    """Return the digests of the files that produce this run's numbers: {'models/network.py': '1a2b3c4d', ...}.

    The files are those that every run uses, and those that define its backbone, head, task, optimizer, auxiliary labels
    and data reader. A definition from an interactive prompt has no file.
    """
    paths = [PACKAGE / name for name in EVERY_RUN]
    paths += [PACKAGE / "data/augmentation.py"] if run.data.augment else []
    definitions: list[Any] = [NETWORKS[run.model.name].builder, HEADS[run.head].build, TASKS[run.task].holds]
    definitions += [OPTIMIZERS[run.optimizer].kind, AUX_LABELS[run.aux_labels].of]
    if run.data.name in READERS:
        definitions.append(READERS[run.data.name].read)
    for definition in definitions:
        if inspect.isfunction(definition) or inspect.isclass(definition):  # other definitions are names or written in C
            paths += sources(inspect.unwrap(definition).__module__)
    return {recorded_name(path): digest(path) for path in sorted(set(paths))}


def sources(module: str) -> list[Path]:
    """Return the file of a module of this package, or every Python file of a third-party module's package."""
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


def definition(recorded: str) -> str:
    """Return the file of a recorded name, or in older results the function or class that it is a part of."""
    if recorded.endswith(("]", ".py")):
        return recorded
    file, colon, name = recorded.rpartition(":")
    return f"{file}:{name.split('.')[0]}" if colon else ".".join(recorded.split(".")[:2])


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the sorted names of the files whose digests differ or are missing on one side."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def code(digests: dict[str, str]) -> str:
    """Return the digest of all of a run's code: 12 hexadecimal digits."""
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:12]


@cache
def digest(path: Path) -> str:
    """Return the digest of a file's code: 8 hexadecimal digits. Later edits of the file do not change it.

    Comments, docstrings, annotations and formatting do not count.
    """
    tree = Stripped().visit(ast.parse("".join(linecache.getlines(str(path)))))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:8]


class Stripped(ast.NodeTransformer):
    """Remove docstrings and annotations from a syntax tree."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_docstring = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_docstring else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)
