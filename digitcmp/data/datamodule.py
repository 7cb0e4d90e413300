"""The LightningDataModule of a run's pairs."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning import LightningDataModule

from digitcmp.data import datasets
from digitcmp.data.augmentation import augment
from digitcmp.data.pairs import EVALUATION_ROWS, Batch, draw_sets, pair
from digitcmp.seeds import derive


class BatchLoader:
    """A data loader of consecutive mini-batches from a set that fits into memory.

    Args:
        make: returns the pairs of an epoch in their order. It is called for the first batch. A call of `iter` alone,
            as Lightning makes to inspect the loader, does not call it.
        pairs: the number of pairs in an epoch.
        batch_size: the number of pairs in a batch; the last batch may be smaller.
    """

    def __init__(self, make: Callable[[], Batch], pairs: int, batch_size: int) -> None:
        self.make = make
        self.dataset = range(pairs)  # Lightning's BatchSizeFinder reads its length
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Batch]:
        yield from self.make().split(self.batch_size)

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def share(self, batches: int) -> float:
        """Return the share of an epoch's pairs in its first `batches` batches, from 0 to 1."""
        return min(batches * self.batch_size, len(self.dataset)) / len(self.dataset)


class PairData(LightningDataModule):
    """Training and validation pairs from the data set's training images, test pairs from its test images.

    No image is used twice. `pairs.draw_sets` describes how the pairs are drawn.

    Args:
        name, source: the arguments of `datasets.load`.
        seed: fixes the order of the batches, the new pairs and the augmentation; also the pairs without `data_seed`.
        train_pairs, ...: options with the meaning that conf/config.yaml describes.
    """

    def __init__(
        self,
        name: str,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        seed: int,
        data_seed: int | None = None,
        resplit: bool = False,
        batch_size: int = 20,
        shuffle: bool = True,
        augment: bool = False,
        re_pair: bool = False,
        task: str = "leq",
        aux_labels: str = "digits",
        **source: Any,
    ) -> None:
        super().__init__()
        self.pairs_seed = seed if data_seed is None else data_seed
        self.source = {"name": name, "split_seed": self.pairs_seed if resplit else None, **source}
        self.task = task
        self.aux_labels = aux_labels
        self.batch_size = batch_size
        self.counts = {"train": train_pairs, "val": val_pairs, "test": test_pairs}
        self.order = torch.Generator().manual_seed(derive(seed, "order")) if shuffle else None
        self.pairing = torch.Generator().manual_seed(derive(seed, "re_pair")) if re_pair else None
        self.augmentation = torch.Generator().manual_seed(derive(seed, "augment")) if augment else None
        self.sets: dict[str, Batch] = {}
        self.remarks: tuple[str, ...] = ()

    def setup(self, stage: str | None = None) -> None:
        """Draw the pairs of `train`, `val` and `test` into `sets`, once.

        Sets `images`, the ImageSpec of the data set, and `remarks`, a line for each conversion of its files.

        Raises:
            DataError: if the data set is missing, invalid or too small.
        """
        if not self.sets:
            data = datasets.load(**self.source)
            self.images, self.remarks = data.images, data.remarks
            self.sets = draw_sets(data, self.counts, self.pairs_seed, self.task)
            if self.aux_labels == "shuffled":  # the targets stay
                train = self.sets["train"]
                generator = torch.Generator().manual_seed(derive(self.pairs_seed, "aux_labels"))
                order = torch.randperm(train.digits.numel(), generator=generator)
                self.sets["train"] = train._replace(digits=train.digits.flatten()[order].view(-1, 2))
        if self.trainer is not None:  # faster than a transfer of every batch
            device = self.trainer.strategy.root_device
            self.sets = {name: Batch(*(tensor.to(device) for tensor in pairs)) for name, pairs in self.sets.items()}

    @property
    def moments(self) -> tuple[float, float]:
        """The mean and the standard deviation of the training pairs' pixels, in gray values."""
        pixels = self.sets["train"].pairs.double()
        return pixels.mean().item(), pixels.std().item()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch  # `setup` has moved the sets to the device

    def train_dataloader(self) -> BatchLoader:
        return BatchLoader(self.epoch, self.counts["train"], self.batch_size)

    def val_dataloader(self) -> list[BatchLoader]:
        """Return the loaders of validation and test pairs. The curves show both; selection uses validation pairs."""
        return [self.evaluation_loader("val"), self.evaluation_loader("test")]

    def test_dataloader(self) -> BatchLoader:
        return self.evaluation_loader("test")

    predict_dataloader = test_dataloader

    def evaluation_loader(self, name: str) -> BatchLoader:
        """Return the pairs of a set in batches of `EVALUATION_ROWS`."""
        return BatchLoader(lambda: self.sets[name], self.counts[name], EVALUATION_ROWS)

    def epoch(self) -> Batch:
        """Return an epoch's training pairs, with new pairs, a new order and augmentation if requested.

        With Lightning's `overfit_batches` every epoch has the same pairs in the same order.
        """
        train = self.sets["train"]
        fixed = self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]
        if self.pairing is not None and not fixed:
            images, digits = train.pairs.flatten(0, 1), train.digits.flatten()
            rows = torch.randperm(len(digits), generator=self.pairing).view(-1, 2)
            train = pair(images[rows], digits[rows], self.task)
        if self.order is not None and not fixed:
            order = torch.randperm(len(train.target), generator=self.order)
            train = Batch(*(tensor[order] for tensor in train))
        if self.augmentation is not None:
            images = augment(train.pairs.flatten(0, 1), self.augmentation)
            train = train._replace(pairs=images.unflatten(0, (-1, 2)))
        return train
