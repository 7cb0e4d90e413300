"""Networks that compare pairs of digits, to measure the effects of weight sharing and an auxiliary loss.

result = digitcmp.train("model=ws3", "aux=true", seed=3)
digitcmp.load(result["folder"]).predict(pairs)

runs = digitcmp.sweep(model="ws3", aux=[True, False], seed=range(3), sweep="mine")
digitcmp.effects("multirun/mine")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitcmp.api import curves, effects, results, sweep, train
    from digitcmp.runs.checkpoint import load

__version__ = "0.1.0"
__all__ = ["curves", "effects", "load", "results", "sweep", "train"]


def __getattr__(name: str) -> Any:
    """Import a function when it is used first: torch imports slowly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("digitcmp.runs.checkpoint" if name == "load" else "digitcmp.api"), name)


def __dir__() -> list[str]:
    return __all__
