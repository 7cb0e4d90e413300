"""The types of the arguments of torch.optim's optimizers in conf/optimizer."""

from digitcmp.fields import BelowOne, Betas, Group, NonNegative, Positive


class OptimizerArguments(Group):
    momentum: BelowOne = 0.0
    nesterov: bool = False
    betas: Betas = [0.9, 0.999]
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    fused: bool = False
