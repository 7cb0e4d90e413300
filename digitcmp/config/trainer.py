"""The options of lightning.Trainer: their names, types and defaults."""

import ast
from functools import cache, reduce
from importlib.util import find_spec
from operator import or_
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple

PLAIN = {"bool": bool, "int": int, "float": float, "str": str, "None": NoneType}
ONE_PROCESS = "a run is one process on one device; a sweep trains a run on every core"
REJECTED = {  # options of lightning.Trainer that a run rejects -> the reason
    **dict.fromkeys(("devices", "num_nodes", "strategy", "sync_batchnorm", "use_distributed_sampler"), ONE_PROCESS),
    "max_epochs": "use epochs",
    "default_root_dir": "hydra.run.dir=FOLDER sets the folder of a run",
    "barebones": "it disables the loggers that write metrics.csv",
    "logger": "use logger=NAME",
    "callbacks": "use callbacks=NAME",
}
OBSERVING = {  # options that cannot change a result
    *("check_val_every_n_epoch", "val_check_interval", "limit_val_batches", "limit_test_batches"),
    *("limit_predict_batches", "num_sanity_val_steps", "fast_dev_run", "log_every_n_steps", "inference_mode"),
    *("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "enable_autolog_hparams"),
    *("profiler", "detect_anomaly", "model_registry", "reload_dataloaders_every_n_epochs"),
}


class Option(NamedTuple):
    """An option of Trainer: its type, Any for a class of Lightning, and its default."""

    kind: Any
    default: Any


@cache
def options() -> dict[str, Option]:
    """Return the options of lightning.Trainer by name.

    They are read from its source, which takes 0.03 s. Importing Lightning takes several seconds.
    """
    spec = find_spec("lightning")
    assert spec is not None and spec.origin is not None
    source = (Path(spec.origin).parent / "pytorch/trainer/trainer.py").read_text("utf-8")
    [trainer] = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "Trainer"]
    [init] = [node for node in trainer.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    pairs = zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
    return {
        argument.arg: Option(kind(argument.annotation), default and ast.literal_eval(default))
        for argument, default in pairs
    }


def kind(node: ast.expr | None) -> Any:
    """Return the type of an annotation of plain types, Any of another one."""
    if isinstance(node, ast.Constant) and node.value is None:
        return NoneType
    if isinstance(node, ast.Name):
        return PLAIN.get(node.id, Any)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id == "Literal":
            return Literal[tuple(ast.literal_eval(item) for item in inner)]
        kinds = [kind(item) for item in inner]
        if node.value.id in ("Union", "Optional") and Any not in kinds:
            return reduce(or_, [*kinds, *([NoneType] if node.value.id == "Optional" else [])])
    return Any
