"""The schedules: functions from the progress of a run, 0 to 1, to the learning rate relative to `lr`."""

import math

from digitcmp.fields import Fraction


def constant(progress: float) -> float:
    return 1.0


def cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(progress: float, warmup: Fraction = 0.3) -> float:
    return min(progress / warmup, (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2)
