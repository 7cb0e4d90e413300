"""The rules between a run's options, one function each. A rule raises ConfigError if a run breaks it.

Rules that the data or the network check themselves, such as the number of images, are not repeated here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def sweep_stays_in_its_folder(run: Run) -> None:
    require(".." not in Path(run.sweep).parts, "sweep", run.sweep, "a name without .. is expected")


def head_fits_backbone_and_task(run: Run) -> None:
    network, head = NETWORKS[run.model.name], HEADS[run.head.name]
    merged_heads = ", ".join(name for name, other in HEADS.items() if not other.branches_only)
    merges = f"{network.name} merges both images into one embedding; expected {merged_heads}"
    require(network.branches or not head.branches_only, "head", run.head.name, merges)
    fits = head.tasks is None or run.task in head.tasks
    require(fits, "head", run.head.name, f"it works with task={'|'.join(head.tasks or ())} only")


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


def batch_is_not_larger_than_the_training_set(run: Run) -> None:
    size, pairs = run.batch_size, run.data.train_pairs
    require(size <= pairs, "batch_size", size, f"there are {pairs} training pairs; expected at most {pairs}")


RULES = (
    sweep_stays_in_its_folder,
    head_fits_backbone_and_task,
    digit_labels_are_used_with_aux_only,
    clipping_has_a_limit,
    batch_is_not_larger_than_the_training_set,
)
