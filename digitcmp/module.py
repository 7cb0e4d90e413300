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
    masks. gradient_clip_val: the largest gradient norm of a step (gradient_clip_algorithm="norm") or the largest
    absolute value in a gradient ("value"), None for no limit. weight_decay: of AdamW. schedule: of lr over all steps, a
    name in SCHEDULES. The defaults are the paper's recipe (section III).
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
        gradient_clip_algorithm: str = "norm",
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
        normalized = epoch._replace(pairs=self.normalize(epoch.pairs))
        outputs, done = [], 0
        for batch in normalized.split(self.hparams["batch_size"]):
            self.set_rate(self.current_epoch + done / len(epoch.target))
            outputs.append(self.step(batch))
            done += len(batch.target)
        self.publish_scores("train", concatenate(outputs), epoch)

    def set_rate(self, epochs: float) -> None:
        """The learning rate after so many epochs."""
        assert self.trainer.max_epochs
        progress = epochs / self.trainer.max_epochs
        self.optimizer.param_groups[0]["lr"] = self.hparams["lr"] * SCHEDULES[self.hparams["schedule"]](progress)

    def step(self, batch: Batch) -> PairOutput:
        """One step of the optimizer on a mini-batch of normalised pairs; what the networks said before it."""
        outputs = [network(batch.pairs) for network in self.networks]
        self.optimizer.zero_grad()
        weights = self.hparams["aux_weight"], self.hparams["label_smoothing"]
        losses = [objective.loss(output, batch.target, batch.digits, *weights) for output in outputs]
        self.manual_backward(sum(losses[1:], losses[0]))
        if clip := self.hparams["gradient_clip_val"]:
            self.clip_gradients(self.optimizer.optimizer, clip, self.hparams["gradient_clip_algorithm"])
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.networks)
        return mean_output(outputs)

    @property
    def optimizer(self) -> LightningOptimizer:
        """Lightning's wrapper, which counts the steps."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        self.publish_scores(("val", "test")[dataloader_idx], self.predict_all(batch.pairs), batch)

    def test_step(self, batch: Batch, _: int) -> None:
        self.publish_scores("test", self.predict_all(batch.pairs), batch)

    def publish_scores(self, stage: str, output: PairOutput, truth: Batch) -> None:
        """This stage's scores as `STAGE_loss`, `STAGE_acc`, ... in trainer.callback_metrics.

        Trainer.validate and Trainer.test return them too. Raises FloatingPointError if the loss is no longer a number.
        """
        scores = {
            f"{stage}_{score}": torch.tensor(value)
            for score, value in objective.scores(output, truth.target, truth.digits).items()
        }
        loss = scores[f"{stage}_loss"].item()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the {stage} loss is {loss} in epoch {self.current_epoch + 1}: training diverged, "
                f"lower lr ({self.hparams['lr']:g})"
            )
        if self.trainer.state.fn == "fit":  # where self.log would cost 0.6 ms a value, a tenth of a small network's run
            self.trainer.callback_metrics.update(scores)
        else:
            self.log_dict(scores, batch_size=len(truth.target), add_dataloader_idx=False)
