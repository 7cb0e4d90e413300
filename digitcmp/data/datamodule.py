"""The pairs of a run, as a LightningDataModule."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning import LightningDataModule

from digitcmp.data import datasets
from digitcmp.data.augmentation import augment
from digitcmp.data.labels import AUX_LABELS
from digitcmp.data.pairs import EVALUATION_ROWS, Batch, draw_sets, pair
from digitcmp.seeds import derive


class BatchLoader:
    """A data loader of consecutive mini-batches from a set that fits into memory.

    Args:
        make: returns the pairs of an epoch, in their order. It is called when the first batch is taken, not by `iter`,
            which Lightning also calls to look at the loader.
        pairs: how many there are in an epoch.
        batch_size: the pairs of a batch; the last batch may have fewer.
    """

    def __init__(self, make: Callable[[], Batch], pairs: int, batch_size: int) -> None:
        self.make = make
        self.dataset = range(pairs)  # Lightning's BatchSizeFinder stops at its length
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Batch]:
        yield from self.make().split(self.batch_size)

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def share(self, batches: int) -> float:
        """Return the share of the pairs that the first `batches` batches hold."""
        return min(batches * self.batch_size, len(self.dataset)) / len(self.dataset)


class PairData(LightningDataModule):
    """Training and validation pairs from the data set's training images, test pairs from its test images.

    No image is used twice. One permutation of the training images per seed: training pairs are taken from its
    front, validation pairs from its back, so that the number of one never changes the other. `data_seed` fixes
    the pairs apart from `seed`, which always orders the batches. `augment` distorts every training image anew
    in every epoch; `re_pair` makes new pairs of the training images in every epoch, with targets from their digits.
    task: what is asked of a pair, a name in TASKS. aux_labels: a name in AUX_LABELS; if it shuffles, the digits of the
    training pairs are permuted after the targets are made. root, source: as `datasets.load` takes them.
    """

    def __init__(
        self,
        name: str,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        seed: int,
        data_seed: int | None = None,
        batch_size: int = 20,
        shuffle: bool = True,
        augment: bool = False,
        re_pair: bool = False,
        root: str = "data",
        task: str = "leq",
        aux_labels: str = "digits",
        **source: Any,
    ) -> None:
        super().__init__()
        self.source = {"name": name, "root": Path(root), **source}
        self.task = task
        self.aux_labels = AUX_LABELS[aux_labels]
        self.batch_size = batch_size
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
            if self.aux_labels.shuffled:
                train = self.sets["train"]
                generator = torch.Generator().manual_seed(derive(self.pairs_seed, "aux_labels"))
                order = torch.randperm(train.digits.numel(), generator=generator)
                self.sets["train"] = train._replace(digits=train.digits.flatten()[order].view(-1, 2))
        if self.trainer is not None:  # once, instead of every batch
            device = self.trainer.strategy.root_device
            self.sets = {name: Batch(*(tensor.to(device) for tensor in pairs)) for name, pairs in self.sets.items()}

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the training pairs' pixels, in gray values."""
        pixels = self.sets["train"].pairs.double()
        return pixels.mean().item(), pixels.std().item()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch  # `setup` has put the sets there

    def train_dataloader(self) -> BatchLoader:
        return BatchLoader(self.epoch, self.counts["train"], self.batch_size)

    def val_dataloader(self) -> list[BatchLoader]:
        """Validation and test pairs: the curves show both; only validation pairs are ever chosen by."""
        return [self.evaluation_loader("val"), self.evaluation_loader("test")]

    def test_dataloader(self) -> BatchLoader:
        return self.evaluation_loader("test")

    def predict_dataloader(self) -> BatchLoader:
        return self.evaluation_loader("test")

    def evaluation_loader(self, name: str) -> BatchLoader:
        """Return the pairs of a set in batches of `EVALUATION_ROWS`."""
        return BatchLoader(lambda: self.sets[name], self.counts[name], EVALUATION_ROWS)

    def epoch(self) -> Batch:
        """Draw an epoch's training pairs: paired anew, in a new order and augmented, as far as the run asks for it.

        With Lightning's `overfit_batches` every epoch has the same pairs in the same order.
        """
        train = self.sets["train"]
        same = self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]
        if self.pairing is not None and not same:
            images, digits = train.pairs.flatten(0, 1), train.digits.flatten()
            rows = torch.randperm(len(digits), generator=self.pairing).view(-1, 2)
            train = pair(images[rows], digits[rows], self.task)
        if self.order is not None and not same:
            train = train.take(torch.randperm(len(train.target), generator=self.order))
        if self.augmentation is not None:
            images = augment(train.pairs.flatten(0, 1), self.augmentation)
            train = train._replace(pairs=images.unflatten(0, (-1, 2)))
        return train
