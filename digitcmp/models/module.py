"""The LightningModule that trains a network on pairs, with an optional auxiliary loss."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from digitcmp.data.datamodule import BatchLoader
from digitcmp.data.pairs import Batch
from digitcmp.data.tasks import labels_of
from digitcmp.models import objective
from digitcmp.models.network import PairEnsemble, PairOutput, concatenate, mean_output
from digitcmp.seeds import derive

ADAM = partial(torch.optim.Adam, fused=True)


class DigitComparison(LightningModule):
    """A network that learns to answer a question about pairs of images, by default `first digit <= second digit`.

    The defaults are the paper's recipe (section III).

    Args:
        network: the network, or its constructor's arguments from a checkpoint.
        aux_weight: lambda, the weight of the auxiliary loss (section II.C).
        label_smoothing: the share of each true label that is spread evenly over all labels.
        optimizer: a function of the parameters and `lr` that returns the optimizer.
        lr: the learning rate.
        schedule: a function of models/schedules.py, or a function of the optimizer that returns a scheduler; None for a
            constant rate.
        seed: fixes the dropout masks.
        task: a name in TASKS, the question.
        aux_labels: a name in AUX_LABELS, the labels of the auxiliary loss.
    """

    def __init__(
        self,
        network: PairEnsemble | Mapping[str, Any],
        aux_weight: float = 1.0,
        label_smoothing: float = 0.0,
        optimizer: Callable[..., Optimizer] = ADAM,
        lr: float = 1e-3,
        schedule: partial[Any] | None = None,
        seed: int = 0,
        task: str = "leq",
        aux_labels: str = "digits",
    ) -> None:
        super().__init__()
        self.network = network if isinstance(network, PairEnsemble) else PairEnsemble(**network)
        # loggers get the settings with the scores, at the end of the run
        self.save_hyperparameters(ignore=["network", "optimizer", "schedule"], logger=False)
        self.save_hyperparameters({"network": self.network.arguments}, logger=False)
        self.optimizer, self.schedule = optimizer, schedule
        # outputs, targets and digits of the current epoch or evaluation, by stage
        self.outputs: dict[str, list[tuple[PairOutput, Tensor, Tensor]]] = defaultdict(list)

    @property
    def backbone(self) -> nn.ModuleList:
        """The backbones of the network's members, under the name that Lightning's BackboneFinetuning expects."""
        return nn.ModuleList(member.get_submodule("backbone") for member in self.network.networks)

    def forward(self, pairs: Tensor) -> PairOutput:
        """Return the network's output for raw pairs (B, 2, H, W) or (B, 2, C, H, W), pixels 0..255."""
        return self.network(pairs)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, with a schedule that is updated every step unless the rate is constant."""
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        optimizer = self.optimizer(trained, lr=self.hparams["lr"])
        if self.schedule is None:
            return optimizer
        if isinstance(self.schedule.func, type):  # a class of torch.optim.lr_scheduler
            rate = self.schedule(optimizer)
        else:
            self.trainer.fit_loop.setup_data()  # the schedule needs the number of batches
            schedule, epochs = self.schedule, self.trainer.max_epochs or 1
            rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: schedule(self.progress(epochs)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def progress(self, epochs: int) -> float:
        """Return the completed share of training, from 0 to 1, in pairs or in steps if `max_steps` ends it earlier."""
        trainer, loader = self.trainer, self.trainer.train_dataloader
        assert isinstance(loader, BatchLoader)
        done = loader.share(trainer.fit_loop.batch_idx + 1) / loader.share(int(trainer.num_training_batches))
        share = (trainer.current_epoch + done) / epochs
        return max(share, trainer.global_step / trainer.max_steps) if trainer.max_steps > 0 else share

    def setup(self, stage: str) -> None:
        self.epochs = self.trainer.max_epochs if stage == "fit" else None

    @property
    def trains(self) -> bool:
        """Whether this is no epoch of StochasticWeightAveraging that only updates the batch norms, after all others."""
        return self.trainer.current_epoch != self.epochs

    def on_fit_start(self) -> None:
        torch.manual_seed(derive(self.hparams["seed"], "dropout"))

    def on_train_epoch_start(self) -> None:
        if not self.trains:
            self.zero_grad()  # otherwise Lightning's last step would apply the gradients of the previous batch

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a mini-batch, summed over the networks of an ensemble. They learn independently."""
        outputs = self.network.outputs(batch.pairs)
        weights = self.hparams["aux_weight"], self.hparams["label_smoothing"]
        labels = labels_of(batch.digits, self.hparams["aux_labels"], self.network.images.classes)
        losses = [objective.loss(output, batch.target, labels, *weights) for output in outputs]
        self.outputs["train"].append((mean_output(outputs).detach(), batch.target, batch.digits))
        return sum(losses[1:], losses[0])

    def on_train_epoch_end(self) -> None:
        self.log_scores("train")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        stage = ("val", "test")[dataloader_idx]
        self.outputs[stage].append((self.network(batch.pairs), batch.target, batch.digits))

    def on_validation_epoch_end(self) -> None:
        self.log_scores("val")
        self.log_scores("test")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.validation_step(batch, batch_idx, dataloader_idx=1)

    def on_test_epoch_end(self) -> None:
        self.log_scores("test")

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> PairOutput:
        """Return the logits of a batch."""
        return self.network(batch.pairs)

    def log_scores(self, stage: str) -> None:
        """Log the scores of a stage as `STAGE_loss`, `STAGE_acc`, and with aux `STAGE_digit_acc`, `STAGE_argmax_acc`.

        The scores are computed once over all outputs, because an update of a metric takes as long as a training step.
        """
        collected = self.outputs.pop(stage, [])
        if not collected or not self.trains:
            return
        outputs, targets, digits = zip(*collected, strict=True)
        output, target = concatenate(outputs), torch.cat(targets)
        task, aux_labels = self.hparams["task"], self.hparams["aux_labels"]
        scores = objective.scores(output, target, torch.cat(digits), self.network.images.classes, task, aux_labels)
        named = {f"{stage}_{name}": score for name, score in scores.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=len(target), add_dataloader_idx=False)
