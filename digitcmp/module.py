"""The one LightningModule: any backbone, a comparison head, an optional auxiliary digit loss."""

import math
from collections.abc import Callable
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer

from digitcmp import objective
from digitcmp.model import PairEnsemble, PairOutput, concatenate, mean_output
from digitcmp.pairs import Batch
from digitcmp.seeds import derive

SCHEDULES: dict[str, Callable[[float], float]] = {  # of lr, from 0 at the first step to 1 after the last
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "one_cycle": lambda progress: min(progress / 0.3, (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2),
}


class DigitComparison(PairEnsemble, LightningModule):
    """Learns `first digit <= second digit` from raw pairs (B, 2, 14, 14), pixels 0..255.

    What it is made of is PairEnsemble's: backbone, arguments, head, aux, mean, std, bins, ema, tta, ensemble.
    aux_weight: lambda of the auxiliary digit loss (section II.C). lr: of Adam. seed: fixes initial weights and dropout
    masks. gradient_clip_val: the largest gradient norm of a step, None for no limit. weight_decay: of AdamW. schedule:
    of lr over all steps, a name in SCHEDULES. The defaults are the paper's recipe (section III).
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
        bins: int | None = None,
        weight_decay: float = 0.0,
        schedule: str = "constant",
        label_smoothing: float = 0.0,
        ema: float | None = None,
        tta: bool = False,
        ensemble: int = 1,
    ) -> None:
        super().__init__(
            backbone, arguments, head, aux, mean, std, seed, bins=bins, ema=ema, tta=tta, ensemble=ensemble
        )
        self.save_hyperparameters(logger=False)  # the logger gets the run's settings at its end, with its scores
        # a training_step is one epoch of mini-batches: what Lightning does around each costs as much as the step
        self.automatic_optimization = False

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam; AdamW as soon as there is a weight decay, which changes nothing at 0."""
        rate, decay = self.hparams["lr"], self.hparams["weight_decay"]
        # in mixed precision Lightning clips no gradients for a fused optimizer
        fused = not self.hparams["gradient_clip_val"] or self.trainer.precision == "32-true"
        return torch.optim.AdamW(self.networks.parameters(), lr=rate, weight_decay=decay, fused=fused)

    def on_fit_start(self) -> None:
        torch.manual_seed(derive(self.hparams["seed"], "dropout"))

    def training_step(self, epoch: Batch, _: int) -> None:
        """One epoch: a step of the optimizer for every `batch_size` pairs."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer) and self.trainer.max_epochs
        clip, size = self.hparams["gradient_clip_val"], self.hparams["batch_size"]
        weights = self.hparams["aux_weight"], self.hparams["label_smoothing"]
        seen = []
        normalized = epoch._replace(pairs=self.normalize(epoch.pairs))
        for i, (pairs, target, digits) in enumerate(normalized.split(size)):
            progress = (self.current_epoch + i * size / len(epoch.target)) / self.trainer.max_epochs
            optimizer.param_groups[0]["lr"] = self.hparams["lr"] * SCHEDULES[self.hparams["schedule"]](progress)
            outputs = [network(pairs) for network in self.networks]
            optimizer.zero_grad()
            losses = [objective.loss(output, target, digits, *weights) for output in outputs]
            self.manual_backward(sum(losses[1:], losses[0]))
            if clip:
                self.clip_gradients(optimizer.optimizer, clip, gradient_clip_algorithm="norm")
            optimizer.step()
            if self.average is not None:
                self.average.update_parameters(self.networks)
            seen.append(mean_output(outputs))
        self.report("train", concatenate(seen), epoch)

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        self.report(("val", "test")[dataloader_idx], self.predict_all(batch.pairs), batch)

    def test_step(self, batch: Batch, _: int) -> None:
        self.log_dict(self.report("test", self.predict_all(batch.pairs), batch), batch_size=len(batch.target))

    def report(self, stage: str, output: PairOutput, truth: Batch) -> dict[str, float]:
        """This stage's scores, which callbacks find as `loss/STAGE`, `acc/STAGE`, ... in trainer.callback_metrics.

        Raises FloatingPointError if the loss is no longer a number.
        """
        scores = objective.scores(output, truth.target, truth.digits)
        if not math.isfinite(scores["loss"]):
            raise FloatingPointError(
                f"the {stage} loss is {scores['loss']} in epoch {self.current_epoch + 1}: training diverged, "
                f"lower lr ({self.hparams['lr']:g})"
            )
        # self.log would do the same for 0.6 ms a value, a tenth of a small network's run
        self.trainer.callback_metrics.update({f"{name}/{stage}": torch.tensor(value) for name, value in scores.items()})
        return scores
