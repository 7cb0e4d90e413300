"""The schedules by name: functions from the progress of a run, 0 to 1, to the learning rate relative to `lr`."""

import math
from collections.abc import Callable

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "one_cycle": lambda progress: min(progress / 0.3, (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2),
}
