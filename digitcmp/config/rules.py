"""The rules between a run's options, one function each. A rule raises ConfigError if a run breaks it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitcmp.data.sources import SOURCES
from digitcmp.errors import ConfigError
from digitcmp.fields import shown
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

if TYPE_CHECKING:
    from digitcmp.config.run import Run


def require(fits: object, key: str, value: Any, reason: str) -> None:
    """Raise ConfigError with this reason unless the value fits."""
    if not fits:
        raise ConfigError(f"{key}={shown(value)} is not allowed: {reason}")


def plugins_name_a_class(run: Run) -> None:
    for target in run.trainer.plugins:
        named = isinstance(target.get("_target_"), str)
        require(named, "trainer.plugins", [target], "every item needs a _target_, the name of a class")


def sweep_stays_in_its_folder(run: Run) -> None:
    require(".." not in Path(run.sweep).parts, "sweep", run.sweep, "a name without .. is expected")


def head_fits_backbone_and_task(run: Run) -> None:
    network, head = NETWORKS[run.model.name], HEADS[run.head.name]
    merged_heads = ", ".join(name for name, other in HEADS.items() if not other.branches_only)
    merges = f"{network.name} merges both images into one embedding; expected {merged_heads}"
    require(network.branches or not head.branches_only, "head", run.head.name, merges)
    fits = head.tasks is None or run.task in head.tasks
    require(fits, "head", run.head.name, f"it works with task={'|'.join(head.tasks or ())} only")
    require(
        network.sized or not run.bins, "bins", run.bins, f"{network.name} has no branch of variable size; expected null"
    )


def nesterov_has_momentum(run: Run) -> None:
    momentum, nesterov = run.optimizer.get("momentum"), run.optimizer.get("nesterov")
    require(momentum or not nesterov, "optimizer.nesterov", nesterov, "it needs optimizer.momentum > 0")


def digit_labels_are_used_with_aux_only(run: Run) -> None:
    weighed = run.aux or run.aux_weight == 1
    require(weighed, "aux_weight", run.aux_weight, "it weights the auxiliary loss. Set aux=true.")
    labelled = run.aux or run.aux_labels == "digits"
    require(labelled, "aux_labels", run.aux_labels, "it selects the labels of the auxiliary loss. Set aux=true.")
    shuffled = run.data.re_pair and run.aux_labels == "shuffled"
    require(not shuffled, "data.re_pair", True, f"it needs the true labels, not aux_labels={run.aux_labels}")
    paired = run.aux or not run.data.re_pair
    require(paired, "data.re_pair", True, "it uses the digit labels. Set aux=true.")


def clipping_has_a_limit(run: Run) -> None:
    algorithm = run.trainer.gradient_clip_algorithm
    clips = algorithm == "norm" or run.trainer.gradient_clip_val is not None
    require(clips, "trainer.gradient_clip_algorithm", algorithm, "it needs trainer.gradient_clip_val")


def batches_can_be_trained(run: Run) -> None:
    network, size, pairs = NETWORKS[run.model.name], run.batch_size, run.data.train_pairs
    require(size <= pairs, "batch_size", size, f"there are {pairs} training pairs; expected at most {pairs}")
    last = pairs % size or size
    leaves = f"the last batch of {pairs} training pairs has size {last}, and the batch norm of {network.name} needs"
    require(last >= network.min_batch, "batch_size", size, f"{leaves} {network.min_batch}")


def known_data_set_is_large_enough(run: Run) -> None:
    data = run.data
    source = SOURCES.get(data.name)
    if source is None:  # the size of other data sets is checked when they are read
        return
    most = max(source.train // 2 - data.val_pairs, 0)
    require(
        2 * (data.train_pairs + data.val_pairs) <= source.train,
        "data.train_pairs",
        data.train_pairs,
        f"{data.name} has {source.train} training images. "
        f"With {data.val_pairs} validation pairs, expected at most {most}",
    )
    most_tested = f"{data.name} has {source.test} test images; expected at most {source.test // 2}"
    require(2 * data.test_pairs <= source.test, "data.test_pairs", data.test_pairs, most_tested)


def images_are_large_enough(run: Run) -> None:
    network, source = NETWORKS[run.model.name], SOURCES.get(run.data.name)
    side, least = run.data.side or (source.images.side if source else network.min_side), network.min_side
    too_small = f"{network.name} needs images of at least {least}x{least}. Set data.side={least} or larger."
    require(side >= least, "data.side", side, too_small)


def best_epoch_is_evaluated(run: Run) -> None:
    every = run.trainer.check_val_every_n_epoch
    require(
        run.checkpoint == "last" or every is None or every <= run.epochs,
        "trainer.check_val_every_n_epoch",
        every,
        f"checkpoint=best needs an evaluated epoch; expected at most epochs={run.epochs}",
    )
    limit = run.trainer.limit_val_batches
    evaluated = run.checkpoint == "last" or limit != 0
    require(evaluated, "trainer.limit_val_batches", limit, "checkpoint=best needs an evaluation; expected above 0")


RULES = (
    plugins_name_a_class,
    sweep_stays_in_its_folder,
    head_fits_backbone_and_task,
    nesterov_has_momentum,
    digit_labels_are_used_with_aux_only,
    clipping_has_a_limit,
    batches_can_be_trained,
    known_data_set_is_large_enough,
    images_are_large_enough,
    best_epoch_is_evaluated,
)
