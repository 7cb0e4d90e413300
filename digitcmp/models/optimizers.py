"""The optimizers by name, with the options of a run that they accept."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Optimizer(NamedTuple):
    """An optimizer.

    Attributes:
        kind: the name of a class of torch.optim; or a class or function of a plugin with the same first arguments, the
            parameters and `lr`.
        arguments: the options of a run that it accepts.
        fused: whether it has a fused implementation.
    """

    kind: str | Callable[..., Any]
    arguments: tuple[str, ...]
    fused: bool = True


OPTIMIZERS = {
    "adam": Optimizer("Adam", ("betas",)),
    "adamw": Optimizer("AdamW", ("betas", "weight_decay")),
    "nadam": Optimizer("NAdam", ("betas", "weight_decay"), fused=False),
    "radam": Optimizer("RAdam", ("betas", "weight_decay"), fused=False),
    "rmsprop": Optimizer("RMSprop", ("momentum", "weight_decay"), fused=False),
    "sgd": Optimizer("SGD", ("momentum", "nesterov", "weight_decay")),
}
