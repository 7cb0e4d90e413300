"""Tests of augmentation and re-pairing."""

from functools import partial

import pytest
import torch
from conftest import fit

from digitcmp.data import augmentation
from digitcmp.data.augmentation import augment
from digitcmp.data.datamodule import PairData
from digitcmp.data.pairs import Batch
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.models.schedules import one_cycle

pytestmark = pytest.mark.pure


def drawn(**options: bool) -> PairData:
    data = PairData("mnist", train_pairs=40, val_pairs=30, test_pairs=20, seed=0, **options)  # type: ignore[arg-type]
    data.setup()
    return data


def test_every_image_is_bent_its_own_way(pairs: PairData) -> None:
    digit = pairs.sets["train"].pairs[0, :1]
    augmented = augment(digit.expand(50, -1, -1), torch.Generator().manual_seed(0))
    assert len({image.numpy().tobytes() for image in augmented}) == 50
    assert augmented.min() >= 0 and augmented.max() <= 255
    # on average the digit keeps its position and its ink
    assert torch.corrcoef(torch.stack([augmented.mean(dim=0).flatten(), digit.flatten()]))[0, 1] > 0.8
    assert 0.9 < augmented.sum() / (50 * digit.sum()) < 1.1


def test_no_displacement_leaves_images_alone(pairs: PairData, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SCALE", "SHEAR", "SHIFT", "ELASTIC"):
        monkeypatch.setattr(augmentation, name, 0.0)
    images = pairs.sets["train"].pairs.flatten(0, 1)
    assert torch.allclose(augment(images, torch.Generator()), images, atol=1e-2)


def test_augmentation_is_seeded_and_leaves_evaluation_alone(pairs: PairData) -> None:
    seen: list[list[Batch]] = []

    class Spy(DigitComparison):
        def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
            seen[-1].append(batch)
            return super().training_step(batch, batch_idx)

        def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
            assert torch.equal(batch.pairs, pairs.sets[("val", "test")[dataloader_idx]].pairs)
            super().validation_step(batch, batch_idx, dataloader_idx)

    for _ in range(2):
        seen.append([])
        fit(drawn(augment=True), Spy(PairEnsemble("ws3")))
    whole = [[Batch(*map(torch.cat, zip(*batches, strict=True))) for batches in (run[:2], run[2:])] for run in seen]
    (first, second), again = whole
    assert torch.equal(first.pairs, again[0].pairs) and torch.equal(second.pairs, again[1].pairs)
    assert not torch.isclose(first.pairs.sum(), second.pairs.sum())
    assert first.digits.sum() == second.digits.sum()


def test_re_paired_targets_are_true() -> None:
    data = drawn(re_pair=True)
    epochs = [data.epoch() for _ in range(3)]
    labels = {
        image.numpy().tobytes(): digit
        for image, digit in zip(
            data.sets["train"].pairs.flatten(0, 1), data.sets["train"].digits.flatten(), strict=True
        )
    }
    for epoch in epochs:
        assert [
            labels[image.numpy().tobytes()] for image in epoch.pairs.flatten(0, 1)
        ] == epoch.digits.flatten().tolist()
        assert torch.equal(epoch.target, (epoch.digits[:, 0] <= epoch.digits[:, 1]).float())
        assert {image.numpy().tobytes() for image in epoch.pairs.flatten(0, 1)} == labels.keys()
    assert not torch.equal(epochs[0].target, epochs[1].target)


def test_no_digit_label_leaks() -> None:
    """Without aux, other digit labels with the same targets lead to exactly the same weights."""
    weights = []
    for lie in (False, True):
        data = drawn(augment=True)
        if lie:
            data.sets["train"] = data.sets["train"]._replace(digits=torch.zeros(40, 2, dtype=torch.long))
        module = DigitComparison(PairEnsemble("ws3", head="ordinal", bins=30), schedule=partial(one_cycle))
        fit(data, module)
        weights.append(torch.cat([parameter.flatten() for parameter in module.parameters()]))
    assert torch.equal(*weights)
