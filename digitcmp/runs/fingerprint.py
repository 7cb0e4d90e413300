"""The code that made a run's numbers, as a digest of each file."""

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
EVERY_RUN = (  # the files that every run goes through; augmentation and the networks are added as a run has them
    *("seeds.py", "training/assembly.py", "training/loggers.py", "training/process.py", "training/train.py"),
    *("data/conversion.py", "data/datamodule.py", "data/datasets.py", "data/images.py", "data/labels.py"),
    *("data/npz.py", "data/pairs.py", "data/readers.py", "data/sources.py", "data/spec.py", "data/tasks.py"),
    *("models/metrics.py", "models/module.py", "models/network.py", "models/objective.py"),
    *("models/layers.py", "models/optimizers.py", "models/schedules.py", "models/scores.py"),
    "models/backbones/registry.py",
)


def files(run: Run) -> dict[str, str]:
    """Return the digest of every file that makes this run's numbers: {'models/network.py': '1a2b3c4d', ...}.

    They are the files that every run goes through and the files in which its backbone, head, task, optimizer and data
    reader are defined. A network that was typed at a prompt has no file.
    """
    paths = [PACKAGE / name for name in EVERY_RUN]
    paths += [PACKAGE / "data/augmentation.py"] if run.data.augment else []
    definitions: list[Any] = [NETWORKS[run.model.name].builder, HEADS[run.head].build, TASKS[run.task].holds]
    definitions += [OPTIMIZERS[run.optimizer].kind, AUX_LABELS[run.aux_labels].of]
    if run.data.name in READERS:
        definitions.append(READERS[run.data.name].read)
    for definition in definitions:
        if inspect.isfunction(definition) or inspect.isclass(definition):  # others are names, or written in C
            paths += sources(inspect.unwrap(definition).__module__)
    return {title(path): digest(path) for path in sorted(set(paths))}


def sources(module: str) -> list[Path]:
    """Return the file of a module of this package; of a module elsewhere, every Python file of its package."""
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return []
    path = Path(file).resolve()
    if path.is_relative_to(PACKAGE) or "." not in module:
        return [path]
    top = Path(sys.modules[module.partition(".")[0]].__file__ or path).resolve().parent
    return sorted(top.rglob("*.py"))


def title(path: Path) -> str:
    """Return a file's name in a fingerprint: 'models/network.py', of a file elsewhere 'mylab/nets.py'."""
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else path.parents[1]).as_posix()


def definition(title: str) -> str:
    """Return the file of a title, or the function or class that an earlier version recorded a part of."""
    if title.endswith(("]", ".py")):
        return title
    file, colon, name = title.rpartition(":")
    return f"{file}:{name.split('.')[0]}" if colon else ".".join(title.split(".")[:2])


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the names of the files that do not have the same digest in both, sorted."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def code(digests: dict[str, str]) -> str:
    """Return 12 hexadecimal digits for all of a run's code."""
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:12]


@cache
def digest(path: Path) -> str:
    """Return 8 hexadecimal digits for the code of a file, as it was when this process first asked.

    Comments, docstrings, annotations and formatting do not count.
    """
    tree = Stripped().visit(ast.parse("".join(linecache.getlines(str(path)))))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:8]


class Stripped(ast.NodeTransformer):
    """Remove docstrings and annotations from a syntax tree."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)
