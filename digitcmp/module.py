"""The one LightningModule: any backbone, a comparison head, an optional auxiliary digit loss."""

import math
from typing import Any

import torch
from jaxtyping import Float
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from digitcmp import objective
from digitcmp.data import Batch
from digitcmp.model import PairModel, PairOutput, concatenate
from digitcmp.seeds import derive

EVALUATION_ROWS = 1000  # pairs evaluated at once


class DigitComparison(LightningModule):
    """Learns `first digit <= second digit` from raw pairs (B, 2, 14, 14), pixels 0..255.

    backbone, arguments: a name of the registry and its keyword arguments; head: a name of `heads.HEADS`.
    aux, aux_weight: the auxiliary digit loss and its lambda (section II.C). lr: of Adam. mean, std: what
    normalises the pixels, in gray values. seed: fixes initial weights and dropout masks. gradient_clip_val: the
    largest gradient norm of a step, None for no limit. The defaults are the paper's recipe (section III).
    """

    def __init__(
        self,
        backbone: str,
        arguments: dict[str, Any] | None = None,
        head: str = "mlp",
        aux: bool = False,
        aux_weight: float = 1.0,
        lr: float = 1e-3,
        batch_size: int = 20,
        mean: float = 0.0,
        std: float = 1.0,
        seed: int = 0,
        gradient_clip_val: float | None = None,
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.save_hyperparameters(logger=False)  # the logger gets the run's settings at its end, with its scores
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "weights"))
            self.model = PairModel(backbone, arguments or {}, head, aux)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        # a training_step is one epoch of mini-batches: what Lightning does around each costs as much as the step
        self.automatic_optimization = False

    def forward(self, pairs: Float[Tensor, "batch 2 h w"]) -> PairOutput:
        """Raw pixels 0..255 (B, 2, 14, 14) -> PairOutput."""
        return self.model((pairs - self.mean) / self.std)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"], fused=True)

    def on_fit_start(self) -> None:
        torch.manual_seed(derive(self.hparams["seed"], "dropout"))

    def training_step(self, epoch: Batch, _: int) -> None:
        """One epoch: a step of the optimizer for every `batch_size` pairs."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        clip = self.hparams["gradient_clip_val"]
        outputs = []
        for pairs, target, digits in epoch.split(self.hparams["batch_size"]):
            output = self(pairs)
            optimizer.zero_grad()
            self.manual_backward(objective.loss(output, target, digits, self.hparams["aux_weight"]))
            if clip:
                self.clip_gradients(optimizer.optimizer, clip, gradient_clip_algorithm="norm")
            optimizer.step()
            outputs.append(output)
        self.report("train", concatenate(outputs), epoch)

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        self.report(("val", "test")[dataloader_idx], self.evaluate(batch), batch)

    def test_step(self, batch: Batch, _: int) -> None:
        self.report("test", self.evaluate(batch), batch)

    def evaluate(self, batch: Batch) -> PairOutput:
        """The outputs for a whole set, `EVALUATION_ROWS` pairs at a time."""
        return concatenate([self(rows.pairs) for rows in batch.split(EVALUATION_ROWS)])

    def report(self, stage: str, output: PairOutput, truth: Batch) -> None:
        """Log this stage's scores as `loss/STAGE`, `acc/STAGE`, ...; callbacks read them at the end of the epoch.

        Raises FloatingPointError if the loss is no longer a number.
        """
        scores = objective.scores(output, truth.target, truth.digits)
        if not math.isfinite(scores["loss"]):
            raise FloatingPointError(
                f"the {stage} loss is {scores['loss']} in epoch {self.current_epoch + 1}: training diverged, "
                f"lower lr ({self.hparams['lr']:g})"
            )
        values = {f"{name}/{stage}": value for name, value in scores.items()}
        self.log_dict(values, on_step=False, on_epoch=True, logger=False, add_dataloader_idx=False, batch_size=1)
