"""The one LightningModule: any backbone, a comparison head, an optional auxiliary digit loss."""

import math
from typing import Any

import torch
from jaxtyping import Float
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from digitcmp import objective
from digitcmp.data import Batch
from digitcmp.model import PairModel, PairOutput, concatenate, mean_output
from digitcmp.schedules import SCHEDULES
from digitcmp.seeds import derive

EVALUATION_ROWS = 200  # pairs evaluated at once, few enough for the processor's cache
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # pixels; MNIST's frame is empty, so that nothing is cut off


class DigitComparison(LightningModule):
    """Learns `first digit <= second digit` from raw pairs (B, 2, 14, 14), pixels 0..255.

    backbone, arguments: a name of `backbones.NETWORKS` and its keyword arguments; head: a name of `heads.HEADS`.
    aux, aux_weight: the auxiliary digit loss and its lambda (section II.C). lr: of Adam. mean, std: what
    normalises the pixels, in gray values. seed: fixes initial weights and dropout masks. gradient_clip_val: the
    largest gradient norm of a step, None for no limit. The defaults are the paper's recipe (section III); beyond it
    there are: bins, the size of a branch's embedding; weight_decay, of AdamW; schedule, of lr over all steps, a name
    in SCHEDULES; label_smoothing; ema, the decay per step of an average of the weights, which is then what is
    evaluated; tta, evaluation averaged over the images shifted by a pixel; ensemble, so many networks with their own
    initial weights, trained side by side on the same batches, whose probabilities are averaged.
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
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.save_hyperparameters(logger=False)  # the logger gets the run's settings at its end, with its scores
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "weights"))
            sized = {} if bins is None else {"bins": bins}
            members = [PairModel(backbone, (arguments or {}) | sized, head, aux) for _ in range(ensemble)]
        self.networks = nn.ModuleList(members)
        self.average = None
        if ema is not None:
            self.average = AveragedModel(self.networks, multi_avg_fn=get_ema_multi_avg_fn(ema), use_buffers=True)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        # a training_step is one epoch of mini-batches: what Lightning does around each costs as much as the step
        self.automatic_optimization = False

    def forward(self, pairs: Float[Tensor, "batch 2 h w"]) -> PairOutput:
        """Raw pixels 0..255 (B, 2, 14, 14) -> PairOutput, the mean over the ensemble."""
        normalized = self.normalize(pairs)
        return mean_output([network(normalized) for network in self.current])

    def normalize(self, pairs: Float[Tensor, "batch 2 h w"]) -> Float[Tensor, "batch 2 h w"]:
        """Raw pixels as the networks take them: less their mean, in standard deviations."""
        return (pairs - self.mean) / self.std

    @property
    def current(self) -> nn.ModuleList:
        """The networks that answer: those that are trained; in evaluation their averages, if there are any."""
        networks = self.networks if self.training or self.average is None else self.average.module
        assert isinstance(networks, nn.ModuleList)
        return networks

    @property
    def params(self) -> int:
        """Trainable parameters, of all networks of an ensemble."""
        return sum(parameter.numel() for parameter in self.networks.parameters() if parameter.requires_grad)

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
                self.clip_gradients(
                    optimizer.optimizer, clip, gradient_clip_algorithm=self.hparams["gradient_clip_algorithm"]
                )
            optimizer.step()
            if self.average is not None:
                self.average.update_parameters(self.networks)
            seen.append(mean_output(outputs))
        self.report("train", concatenate(seen), epoch)

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        self.report(("val", "test")[dataloader_idx], self.evaluate(batch), batch)

    def test_step(self, batch: Batch, _: int) -> None:
        self.log_dict(self.report("test", self.evaluate(batch), batch), batch_size=len(batch.target))

    def evaluate(self, batch: Batch) -> PairOutput:
        """The answers to a whole set, `EVALUATION_ROWS` pairs at a time."""
        return concatenate([self.answer(rows) for rows in batch.pairs.split(EVALUATION_ROWS)])

    def answer(self, pairs: Float[Tensor, "batch 2 h w"]) -> PairOutput:
        """What `forward` says, with `tta` the mean over the images as they are and shifted by a pixel."""
        shifts = SHIFTS if self.hparams["tta"] else ()
        return mean_output([self(pairs), *(self(pairs.roll(shift, dims=(2, 3))) for shift in shifts)])

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
