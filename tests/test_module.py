"""The LightningModule: the golden first step, determinism, restoring, options of the Trainer."""

from pathlib import Path

import pytest
import torch
from lightning import Trainer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from digitcmp import objective
from digitcmp.data import PairData
from digitcmp.module import DigitComparison


def fit(data: PairData, module: DigitComparison, **options: object) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **{"max_epochs": 2, **options},  # type: ignore[arg-type]
    )
    trainer.fit(module, data)
    return trainer


def ws3(data: PairData, **options: object) -> DigitComparison:
    mean, std = data.moments
    return DigitComparison("ws3", **{"aux": True, "lr": 2e-3, "mean": mean, "std": std, "seed": 0, **options})  # type: ignore


def test_golden_first_step(pairs: PairData) -> None:
    """The loss before and after one step on the first 20 pairs of seed 0, as first measured."""
    module = ws3(pairs)
    batch = next(pairs.sets["train"].split(20))
    optimizer = module.configure_optimizers()
    before = objective.loss(module(batch.pairs), batch.target, batch.digits, aux_weight=1.0)
    before.backward()
    optimizer.step()
    after = objective.loss(module(batch.pairs), batch.target, batch.digits, aux_weight=1.0)
    assert before.item() == pytest.approx(5.321250, abs=1e-5)
    assert after.item() == pytest.approx(5.02422, abs=1e-4)


def test_an_epoch_is_adam_over_its_batches(pairs: PairData) -> None:
    """Lightning's fit ends with the very weights of a plain loop over the same batches."""
    module, plain = ws3(pairs), ws3(pairs)
    fit(PairData("mnist", 40, 30, 20, seed=0), module)
    optimizer = plain.configure_optimizers()
    for _ in range(2):
        for batch in pairs.epoch().split(20):
            optimizer.zero_grad()
            objective.loss(plain(batch.pairs), batch.target, batch.digits, 1.0).backward()
            optimizer.step()
    for trained, expected in zip(module.parameters(), plain.parameters(), strict=True):
        assert torch.equal(trained, expected)


def test_steps_are_counted(pairs: PairData) -> None:
    assert fit(pairs, ws3(pairs, batch_size=15)).global_step == 2 * 3  # 15, 15 and the last 10


def test_gradients_are_clipped(pairs: PairData) -> None:
    norms = []
    module = ws3(pairs, gradient_clip_val=0.01)

    def look(*_: object) -> None:
        norms.append(torch.stack([p.grad.norm() for p in module.parameters() if p.grad is not None]).norm().item())

    hook = register_optimizer_step_pre_hook(look)
    fit(pairs, module)
    hook.remove()
    assert norms == pytest.approx([0.01] * 4, rel=1e-3)


def test_initial_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = DigitComparison("ws3", seed=0)
    state = torch.get_rng_state()
    two, other = DigitComparison("ws3", seed=0, aux=True), DigitComparison("ws3", seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    weights = [torch.cat([p.flatten() for p in module.parameters()]) for module in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_restored_from_the_checkpoint_alone(pairs: PairData, tmp_path: Path) -> None:
    module = ws3(pairs)
    fit(pairs, module).save_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    restored = DigitComparison.load_from_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    batch = pairs.sets["test"]
    assert torch.equal(restored.eval()(batch.pairs).compare, module.eval()(batch.pairs).compare)
    assert restored.mean.item() == pytest.approx(pairs.moments[0])


def test_a_loss_that_is_not_a_number_stops(pairs: PairData) -> None:
    with pytest.raises(FloatingPointError, match="train loss is nan in epoch 1"):
        fit(pairs, ws3(pairs, lr=1e12))


def test_bf16(pairs: PairData) -> None:
    assert fit(pairs, ws3(pairs), precision="bf16-mixed").callback_metrics["loss/train"].isfinite()
