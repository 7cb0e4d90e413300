"""Networks that compare pairs of digits, to measure the effects of weight sharing and an auxiliary loss.

result = digitcmp.train("model=ws3", "aux=true", seed=3)
digitcmp.load(result["folder"]).predict(pairs)

runs = digitcmp.sweep(model="ws3", aux=[True, False], seed=range(3), sweep="mine")
digitcmp.effects("multirun/mine")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitcmp.api import sweep as sweep
    from digitcmp.api import train as train
    from digitcmp.frames import curves as curves
    from digitcmp.frames import effects as effects
    from digitcmp.frames import results as results
    from digitcmp.runs.checkpoint import load as load

__all__ = ["curves", "effects", "load", "results", "sweep", "train"]
MODULES = {  # imported on first use, because torch imports slowly
    "curves": "frames",
    "effects": "frames",
    "load": "runs.checkpoint",
    "results": "frames",
    "sweep": "api",
    "train": "api",
}


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return getattr(import_module(f"digitcmp.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
