"""The code that a run's numbers come from, as digests: one for each function or class that the run reaches.

Taken from the syntax tree without comments, docstrings, annotations and formatting, and without importing torch.
"""

import ast
import copy
import hashlib
import inspect
import linecache
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from digitcmp.backbones import NETWORKS
from digitcmp.config import Run
from digitcmp.heads import HEADS

PACKAGE = Path(__file__).parent
ROOTS = (  # every run goes through these
    *("assembly.assemble", "training.fit", "training.evaluate", "process.training"),
)
NO_NUMBERS = (  # they show and store
    *("callbacks", "config", "errors", "fields", "files", "fingerprint", "loggers"),
    *("paper", "pictures", "process", "runs", "screen"),
)


class Definition(NamedTuple):
    """A name at the top level of a file."""

    file: Path
    name: str

    @property
    def title(self) -> str:
        """layers.conv_branch; of a file outside the package mine.py:branch."""
        if self.file.parent == PACKAGE:
            return f"{self.file.stem}.{self.name}"
        return f"{self.file.name}:{self.name}"


class Source(NamedTuple):
    """A file: the statements that define or change a name; what an imported name is, None standing for a module."""

    statements: dict[str, list[ast.stmt]]
    imports: dict[str, tuple[Path, str | None]]


class Code(NamedTuple):
    """Of a definition: the digests of its parts by their titles, and the definitions that it names."""

    digests: dict[str, str]
    uses: frozenset[Definition]


def functions(run: Run) -> dict[str, str]:
    """The functions, methods and constants that this run reaches, each with the 8 hexadecimal digits of its code.

    {'layers.conv_branch': '1a2b3c4d', 'module.DigitComparison.step': ...}. Of networks and heads only the run's, in
    whatever file they are defined; of a table at the top level of a file whose keys are texts only what the run names,
    if it names any. A network that was typed at a prompt has no file and is left out.
    """
    texts = {key: value for key, value in run.settings.items() if isinstance(value, str)}
    return reached(texts.pop("model"), texts.pop("head"), frozenset(texts.values()), run.data.augment)


@cache
def reached(network: str, head: str, texts: frozenset[str], augment: bool) -> dict[str, str]:
    """`functions` of the runs that have these in common."""
    roots = [Definition(PACKAGE / f"{module}.py", name) for module, name in (root.split(".") for root in ROOTS)]
    roots += [defined(NETWORKS[network].builder), defined(HEADS[head].build)]
    left_out = {PACKAGE / f"{name}.py" for name in NO_NUMBERS + (() if augment else ("augmentation",))}
    waiting, seen = list(roots), set(roots)
    digests: dict[str, str] = {}
    while waiting:
        code = read(waiting.pop(), texts)
        digests |= code.digests
        new = {origin(used) for used in code.uses if used.file not in left_out} - seen
        waiting += new
        seen |= new
    return dict(sorted(digests.items()))


@cache
def read(definition: Definition, texts: frozenset[str]) -> Code:
    """What a definition is: a class method by method, a table with the keys that were chosen, TABLE[cosine]."""
    statements = source(definition.file).statements.get(definition.name, ())
    nodes = [chosen(statement, texts) for statement in statements]
    parts: dict[str, list[ast.AST]] = {}
    for statement, node in zip(statements, nodes, strict=True):
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                parts.setdefault(f"{definition.title}.{part.name}", []).append(part)
        keys = "" if node is statement else f"[{','.join(key.value for key in node.value.keys)}]"  # type: ignore[attr-defined]
        parts.setdefault(f"{definition.title}{keys}", []).append(without_methods(node))
    digests = {title: digest(repr(plain(part)), 8) for title, part in parts.items()}
    return Code(digests, frozenset(used for node in nodes for used in uses(node, definition.file)))


def without_methods(node: ast.stmt) -> ast.stmt:
    """A class but for its functions; any other statement as it is."""
    if isinstance(node, ast.ClassDef):
        node = copy.copy(node)
        node.body = [part for part in node.body if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    return node


def digest(text: str, digits: int) -> str:
    """The first hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names that do not have the same digest in both, those first that are in both."""
    names = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    return sorted(names, key=lambda name: (name not in before or name not in now, name))


def definition(title: str) -> str:
    """What a title is of: 'layers.Branches.forward' -> 'layers.Branches', 'mine.py:Net.forward' -> 'mine.py:Net'."""
    if title.endswith("]"):  # a table with its keys
        return title
    file, colon, name = title.rpartition(":")
    return f"{file}:{name.split('.')[0]}" if colon else ".".join(title.split(".")[:2])


def defined(thing: Any) -> Definition:
    """Where a function or class is defined; one inside a function counts as that function."""
    thing = inspect.unwrap(thing)
    return Definition(Path(inspect.getfile(thing)), thing.__qualname__.split(".")[0])


@cache
def source(file: Path) -> Source:
    """The file as it is when it is first asked for: read when a run begins, as it was imported, not when it ends."""
    tree = Stripped().visit(ast.parse("".join(linecache.getlines(str(file)))))
    statements: dict[str, list[ast.stmt]] = {}
    for statement in top_level(tree.body):
        for name in targets(statement):
            if name in statements or not isinstance(statement, ast.Expr):  # sys.exit() defines no sys
                statements.setdefault(name, []).append(statement)
    imports: dict[str, tuple[Path, str | None]] = {}
    for node in ast.walk(tree):
        imports |= imported(node, file)
    return Source(statements, imports)


class Stripped(ast.NodeTransformer):
    """Leaves out what makes no number: docstrings, annotations, and the facts that a network is registered with."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(ast.Assign([node.target], node.value) if node.value else node)

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        node.returns = None
        return self.visit_ClassDef(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: Any) -> ast.AST:
        node.decorator_list = [
            decorator
            for decorator in node.decorator_list
            if "register" not in ast.unparse(getattr(decorator, "func", decorator)).split(".")
        ]
        return self.generic_visit(node)


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a file, those under an `if`, `try` or `with` included."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):
            parts = [statement, *getattr(statement, "handlers", ())]
            for part in parts:
                for field in ("body", "orelse", "finalbody"):
                    yield from top_level(getattr(part, field, []))
        else:
            yield statement


def targets(statement: ast.stmt) -> Iterator[str]:
    """What a statement defines or changes: f of `def f`, x of `x = 1`, `x[0] = 1` and `x.append(1)`."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    nodes = list(getattr(statement, "targets", [])) + [getattr(statement, "target", None)]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        nodes.append(statement.value.func)
    for node in nodes:
        while isinstance(node, ast.Subscript | ast.Attribute):
            node = node.value
        for part in ast.walk(node) if node else ():
            if isinstance(part, ast.Name):
                yield part.id


def imported(node: ast.AST, file: Path) -> dict[str, tuple[Path, str | None]]:
    """What an import gives a name to: modules of the package or beside `file`, and what is in them."""
    names: dict[str, tuple[Path, str | None]] = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            if module := module_file(alias.name.split("."), file):
                names[alias.asname or alias.name] = module, None
    elif isinstance(node, ast.ImportFrom):
        package = [PACKAGE.name] if node.level and file.parent == PACKAGE else []
        parts = package + (node.module.split(".") if node.module else [])
        for alias in node.names:
            if module := module_file([*parts, alias.name], file):
                names[alias.asname or alias.name] = module, None
            elif (module := module_file(parts, file)) and alias.name == "*":
                names |= {name: (module, name) for name in source(module).statements}
            elif module:
                names[alias.asname or alias.name] = module, alias.name
    return names


def module_file(parts: list[str], file: Path) -> Path | None:
    """The file of a module of the package or, for a file outside, beside it; None of an installed library."""
    if parts[:1] == [PACKAGE.name]:
        module = PACKAGE.joinpath(*parts[1:] or ["__init__"]).with_suffix(".py")
    elif parts and file.parent != PACKAGE:
        module = file.parent.joinpath(*parts).with_suffix(".py")
    else:
        return None
    return module if module.exists() else None


def uses(node: ast.AST, file: Path) -> Iterator[Definition]:
    """The definitions that a statement of this file names: `conv_branch`, and `loss` of `objective.loss`."""
    statements, imports = source(file)
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in statements:
            yield Definition(file, part.id)
        elif isinstance(part, ast.Name) and part.id in imports:
            module, name = imports[part.id]
            if name:
                yield Definition(module, name)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name | ast.Attribute):
            module, name = imports.get(ast.unparse(part.value), (file, "no module"))
            if not name:
                yield Definition(module, part.attr)


def origin(definition: Definition) -> Definition:
    """Where a name is defined that this file may have imported itself."""
    statements, imports = source(definition.file)
    if definition.name in statements or definition.name not in imports:
        return definition
    module, name = imports[definition.name]
    return origin(Definition(module, name)) if name else definition


def chosen(statement: ast.stmt, texts: frozenset[str]) -> ast.stmt:
    """The statement; of a table with texts as keys, `{"cosine": ..., "constant": ...}`, the entries for these texts."""
    table = getattr(statement, "value", None)
    if not isinstance(table, ast.Dict):
        return statement
    entries = [
        (key, value)
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and key.value in texts
    ]
    if not entries:
        return statement
    keys, values = zip(*entries, strict=True)
    statement = copy.copy(statement)
    statement.value = ast.Dict(list(keys), list(values))  # type: ignore[attr-defined]
    return statement


def plain(node: Any) -> Any:
    """A syntax tree as tuples, without what only some versions of Python have in it."""
    if isinstance(node, list):
        return tuple(map(plain, node))
    if not isinstance(node, ast.AST):
        return node
    fields = [(name, plain(value)) for name, value in ast.iter_fields(node) if name not in ("ctx", "kind")]
    return type(node).__name__, *((name, value) for name, value in fields if value not in (None, ()))
