"""What do weight sharing and an auxiliary loss do for a network? Pairs of digits, compared.

result = digitcmp.train("model=ws3", "aux=true", seed=3)
digitcmp.load(result["folder"]).predict(pairs)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitcmp.api import train as train
    from digitcmp.runs.checkpoint import load as load

__all__ = ["load", "train"]
MODULES = {"load": "runs.checkpoint", "train": "api"}  # imported when they are asked for: torch takes seconds


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return getattr(import_module(f"digitcmp.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
