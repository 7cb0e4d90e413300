"""The learning rate over a run, relative to `lr`: from progress 0 at the first step to 1 after the last."""

import math
from collections.abc import Callable

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "one_cycle": lambda progress: min(progress / 0.3, (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2),
}
