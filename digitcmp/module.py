"""The one LightningModule: any backbone, a comparison head, an optional auxiliary digit loss."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from digitcmp import objective
from digitcmp.model import PairEnsemble, PairOutput, concatenate, mean_output
from digitcmp.optimizers import OPTIMIZERS
from digitcmp.pairs import Batch
from digitcmp.schedules import SCHEDULES
from digitcmp.seeds import derive


class DigitComparison(PairEnsemble, LightningModule):
    """Learns `first digit <= second digit` from raw pairs (B, 2, H, W), pixels 0..255.

    What it is made of is PairEnsemble's: backbone, arguments, head, aux, mean, std, bins, ema, tta, ensemble, images.
    aux_weight: lambda of the auxiliary digit loss (section II.C). seed: fixes initial weights and dropout masks.
    optimizer: a name in OPTIMIZERS, with lr, momentum, nesterov, betas and weight_decay if it takes them. schedule: of
    lr over all steps, a name in SCHEDULES. gradient_clip_val: the largest gradient norm of a step, or with
    gradient_clip_algorithm "value" the largest element, None for no limit. task: what is asked of a pair, a
    name in TASKS. The defaults are the paper's recipe
    (section III).
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
        optimizer: str = "adam",
        momentum: float = 0.0,
        nesterov: bool = False,
        betas: Sequence[float] | None = None,
        weight_decay: float = 0.0,
        schedule: str = "constant",
        label_smoothing: float = 0.0,
        ema: float | None = None,
        tta: bool = False,
        ensemble: int = 1,
        task: str = "leq",
        images: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(backbone, arguments, head, aux, mean, std, seed, bins, ema, tta, ensemble, images)
        self.save_hyperparameters(logger=False)  # the logger gets the run's settings at its end, with its scores
        # a training_step is one epoch of mini-batches: what Lightning does around each costs as much as the step
        self.automatic_optimization = False
        self.progress = 0.0  # of the run, from 0 before the first step to 1 after the last

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """torch's own optimizer of that name, and its learning rate by the schedule at every step."""
        chosen = OPTIMIZERS[self.hparams["optimizer"]]
        arguments = {key: self.hparams[key] for key in chosen.arguments if self.hparams[key] is not None}
        # in mixed precision Lightning clips no gradients for a fused optimizer
        if chosen.fused and (not self.hparams["gradient_clip_val"] or self.trainer.precision == "32-true"):
            arguments["fused"] = True
        kind = getattr(torch.optim, chosen.torch_name)
        optimizer = kind(self.networks.parameters(), lr=self.hparams["lr"], **arguments)
        schedule = SCHEDULES[self.hparams["schedule"]]
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: schedule(self.progress))
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler}

    def setup(self, stage: str) -> None:
        self.epochs = self.trainer.max_epochs or 1  # before a callback adds one at the end

    def on_fit_start(self) -> None:
        torch.manual_seed(derive(self.hparams["seed"], "dropout"))

    def training_step(self, epoch: Batch, _: int) -> None:
        """One epoch: a step of the optimizer for every `batch_size` pairs."""
        normalized = epoch._replace(pairs=self.normalize(epoch.pairs))
        if self.current_epoch >= self.epochs:  # a callback asks for an epoch more: averaged weights need batch norms
            for batch in normalized.split(self.hparams["batch_size"]):
                for network in self.networks:
                    network(batch.pairs)
            return
        scheduler: Any = self.lr_schedulers()
        outputs, done = [], 0
        for batch in normalized.split(self.hparams["batch_size"]):
            outputs.append(self.step(batch))
            done += len(batch.target)
            self.progress = (self.current_epoch + done / len(epoch.target)) / self.epochs
            if scheduler is self.scheduler and self.hparams["schedule"] != "constant":  # a callback may set the rate
                scheduler.step()
        if scheduler is not self.scheduler:  # a callback put its own there, which counts epochs
            scheduler.step()
        self.publish_scores("train", concatenate(outputs), epoch)

    def step(self, batch: Batch) -> PairOutput:
        """One step of the optimizer on a mini-batch of normalised pairs; what the networks said before it."""
        outputs = [network(batch.pairs) for network in self.networks]
        self.optimizer.zero_grad()
        weights = self.hparams["aux_weight"], self.hparams["label_smoothing"]
        losses = [objective.loss(output, batch.target, batch.digits, *weights) for output in outputs]
        self.manual_backward(sum(losses[1:], losses[0]))
        if clip := self.hparams["gradient_clip_val"]:
            self.clip_gradients(
                self.optimizer.optimizer, clip, gradient_clip_algorithm=self.hparams["gradient_clip_algorithm"]
            )
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
            for score, value in objective.scores(output, truth.target, truth.digits, self.hparams["task"]).items()
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
