"""The rules between a run's options, a function each. Every one raises ConfigError if a run breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from digitcmp.data.labels import AUX_LABELS
from digitcmp.data.sources import SOURCES
from digitcmp.errors import ConfigError
from digitcmp.fields import shown
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from digitcmp.config.run import Run


def require(fits: object, key: str, value: Any, allowed: str) -> None:
    """Raise ConfigError for a value that does not fit, with what is allowed."""
    if not fits:
        raise ConfigError(f"{key}={shown(value)} is not allowed: {allowed}")


def targets_name_a_class(run: Run) -> None:
    for key, targets in (
        ("callbacks", run.callbacks),
        ("logger", run.logger),
        ("trainer.plugins", run.trainer.plugins),
    ):
        for target in targets:
            named = isinstance(target.get("_target_"), str)
            require(named, key, [target], "each needs a _target_, the name of a class")


def head_fits_backbone_and_task(run: Run) -> None:
    network, head = NETWORKS[run.model.name], HEADS[run.head]
    merged_heads = ", ".join(name for name, other in HEADS.items() if not other.branches_only)
    merges = f"{network.name} merges both images into one embedding; {merged_heads}"
    require(network.branches or not head.branches_only, "head", run.head, merges)
    fits = head.tasks is None or run.task in head.tasks
    require(fits, "head", run.head, f"it fits task={'|'.join(head.tasks or ())} alone")
    require(network.sized or not run.bins, "bins", run.bins, f"{network.name} has no branch that takes it; null")


def optimizer_accepts_its_arguments(run: Run) -> None:
    for key in ("momentum", "nesterov", "betas", "weight_decay"):
        takers = [name for name, optimizer in OPTIMIZERS.items() if key in optimizer.arguments]
        value = getattr(run, key)
        require(not value or run.optimizer in takers, key, value, f"an argument of optimizer={'|'.join(takers)}")
    require(run.momentum > 0 or not run.nesterov, "nesterov", run.nesterov, "it needs a momentum")


def digit_labels_are_used_with_aux_only(run: Run) -> None:
    weighed = run.aux or run.aux_weight == 1
    require(weighed, "aux_weight", run.aux_weight, "without aux=true there is nothing to weigh")
    labelled = run.aux or run.aux_labels == "digits"
    require(labelled, "aux_labels", run.aux_labels, "without aux=true no label is used")
    shuffled = run.data.re_pair and AUX_LABELS[run.aux_labels].shuffled
    require(not shuffled, "data.re_pair", True, f"it needs the right digits, not those of aux_labels={run.aux_labels}")
    paired = run.aux or not run.data.re_pair
    require(paired, "data.re_pair", True, "it uses the digit labels, so only with aux=true")


def clipping_has_a_limit(run: Run) -> None:
    algorithm = run.trainer.gradient_clip_algorithm
    clips = algorithm == "norm" or run.trainer.gradient_clip_val is not None
    require(clips, "trainer.gradient_clip_algorithm", algorithm, "it needs a trainer.gradient_clip_val")


def batches_can_be_trained(run: Run) -> None:
    network, size, pairs = NETWORKS[run.model.name], run.batch_size, run.data.train_pairs
    require(size <= pairs, "batch_size", size, f"at most the {pairs} training pairs")
    last = pairs % size or size
    leaves = f"of {pairs} training pairs it leaves a last batch of {last}, and the batch norm of "
    require(last >= network.min_batch, "batch_size", size, f"{leaves}{network.name} needs {network.min_batch}")


def known_data_set_is_large_enough(run: Run) -> None:
    data = run.data
    source = SOURCES.get(data.name)
    if source is None:  # the size of any other is known once it is read
        return
    most = max(source.train // 2 - data.val_pairs, 0)
    require(
        2 * (data.train_pairs + data.val_pairs) <= source.train,
        "data.train_pairs",
        data.train_pairs,
        f"with {data.val_pairs} validation pairs at most {most}; {data.name} has {source.train} training images",
    )
    tested = f"at most {source.test // 2}; {data.name} has {source.test} test images"
    require(2 * data.test_pairs <= source.test, "data.test_pairs", data.test_pairs, tested)


def images_are_large_enough(run: Run) -> None:
    network, source = NETWORKS[run.model.name], SOURCES.get(run.data.name)
    side, least = run.data.side or (source.images.side if source else network.min_side), network.min_side
    require(side >= least, "data.side", side, f"{network.name} needs images of at least {least}x{least}")


def best_epoch_is_evaluated(run: Run) -> None:
    every = run.trainer.check_val_every_n_epoch
    require(
        run.checkpoint == "last" or every is None or every <= run.epochs,
        "trainer.check_val_every_n_epoch",
        every,
        f"with checkpoint=best at most epochs={run.epochs}, so that an epoch is evaluated",
    )
    limit = run.trainer.limit_val_batches
    require(run.checkpoint == "last" or limit != 0, "trainer.limit_val_batches", limit, "above 0 with checkpoint=best")


RULES = (
    targets_name_a_class,
    head_fits_backbone_and_task,
    optimizer_accepts_its_arguments,
    digit_labels_are_used_with_aux_only,
    clipping_has_a_limit,
    batches_can_be_trained,
    known_data_set_is_large_enough,
    images_are_large_enough,
    best_epoch_is_evaluated,
)
