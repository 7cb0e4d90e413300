"""The pairs of a run, as a LightningDataModule."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning import LightningDataModule

from digitcmp import datasets
from digitcmp.augmentation import augment
from digitcmp.pairs import Batch, draw_sets, pair
from digitcmp.seeds import derive


class SingleBatchLoader:
    """A data loader of one item, made anew each epoch: all pairs of a set at once, since they fit into memory."""

    def __init__(self, make: Callable[[], Batch]) -> None:
        self.make = make

    def __iter__(self) -> Iterator[Batch]:
        yield self.make()

    def __len__(self) -> int:
        return 1


class PairData(LightningDataModule):
    """Training and validation pairs from the data set's training images, test pairs from its test images.

    No image is used twice. One permutation of the training images per seed: training pairs are taken from its
    front, validation pairs from its back, so that the number of one never changes the other. `data_seed` fixes
    the pairs apart from `seed`, which always orders the batches. `augment` distorts every training image anew
    in every epoch; `re_pair` makes new pairs of the training images in every epoch, with targets from their digits.
    task: what is asked of a pair, a name in TASKS. root, source: as `datasets.load` takes them.
    """

    def __init__(
        self,
        name: str,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        seed: int,
        data_seed: int | None = None,
        shuffle: bool = True,
        augment: bool = False,
        re_pair: bool = False,
        root: str = "data",
        task: str = "leq",
        **source: Any,
    ) -> None:
        super().__init__()
        self.source = {"name": name, "root": Path(root), **source}
        self.task = task
        self.counts = {"train": train_pairs, "val": val_pairs, "test": test_pairs}
        self.pairs_seed = seed if data_seed is None else data_seed
        self.order = torch.Generator().manual_seed(derive(seed, "order")) if shuffle else None
        self.pairing = torch.Generator().manual_seed(derive(seed, "re_pair")) if re_pair else None
        self.augmentation = torch.Generator().manual_seed(derive(seed, "augment")) if augment else None
        self.sets: dict[str, Batch] = {}
        self.remarks: tuple[str, ...] = ()

    def setup(self, stage: str | None = None) -> None:
        """Draw the pairs of `train`, `val` and `test` into `sets`; the same ones however often it is called.

        `images` says what their images are, `remarks` what was converted to read them, a line each.
        Raises DataError if the data set is not there, unfit or too small.
        """
        if not self.sets:
            data = datasets.load(**self.source)
            self.images, self.remarks = data.images, data.remarks
            self.sets = draw_sets(data, self.counts, self.pairs_seed, self.task)

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the training pairs' pixels, in gray values."""
        pixels = self.sets["train"].pairs.double()
        return pixels.mean().item(), pixels.std().item()

    def train_dataloader(self) -> SingleBatchLoader:
        return SingleBatchLoader(self.epoch)

    def val_dataloader(self) -> list[SingleBatchLoader]:
        """Validation and test pairs: the curves show both; only validation pairs are ever chosen by."""
        return [SingleBatchLoader(lambda: self.sets["val"]), SingleBatchLoader(lambda: self.sets["test"])]

    def test_dataloader(self) -> SingleBatchLoader:
        return SingleBatchLoader(lambda: self.sets["test"])

    def epoch(self) -> Batch:
        """The training pairs in this epoch's order."""
        train = self.sets["train"]
        if self.pairing is not None:
            images, digits = train.pairs.flatten(0, 1), train.digits.flatten()
            rows = torch.randperm(len(digits), generator=self.pairing).view(-1, 2)
            train = pair(images[rows], digits[rows], self.task)
        if self.order is None:
            return train
        return train.take(torch.randperm(len(train.target), generator=self.order))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment what is trained on, on the device it is trained on."""
        if self.augmentation is None or self.trainer is None or not self.trainer.training:
            return batch
        images = augment(batch.pairs.flatten(0, 1), self.augmentation)
        return batch._replace(pairs=images.unflatten(0, (-1, 2)))
