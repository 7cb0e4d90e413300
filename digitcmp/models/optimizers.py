"""The optimizers by name: torch.optim's own, and the arguments of theirs that are knobs."""

from typing import NamedTuple


class Optimizer(NamedTuple):
    """A class of torch.optim, which of a run's knobs it takes, and whether it has a fused implementation."""

    torch_name: str
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
