"""The LightningModule: the golden first step, determinism, restoring, options of the Trainer."""

import csv
from pathlib import Path

import pytest
import torch
from conftest import fit
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from digitcmp import objective
from digitcmp.callbacks import MetricsWriter, scores
from digitcmp.checkpoint import Comparer
from digitcmp.data import PairData
from digitcmp.module import DigitComparison

pytestmark = pytest.mark.pure


def ws3(data: PairData, **options: object) -> DigitComparison:
    mean, std = data.moments
    return DigitComparison("ws3", **{"aux": True, "lr": 2e-3, "mean": mean, "std": std, "seed": 0, **options})  # type: ignore


def test_golden_first_step(pairs: PairData) -> None:
    """The loss before and after one step on the first 20 pairs of seed 0, as first measured."""
    module = ws3(pairs)
    batch = next(pairs.sets["train"].split(20))
    optimizer = module.configure_optimizers()["optimizer"]  # type: ignore[index, call-overload]
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
    optimizer = plain.configure_optimizers()["optimizer"]  # type: ignore[index, call-overload]
    for _ in range(2):
        for batch in pairs.epoch().split(20):
            optimizer.zero_grad()
            objective.loss(plain(batch.pairs), batch.target, batch.digits, 1.0).backward()
            optimizer.step()
    for trained, expected in zip(module.parameters(), plain.parameters(), strict=True):
        assert torch.equal(trained, expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {"optimizer": "adam", "betas": [0.8, 0.9]}),
        ("AdamW", {"optimizer": "adamw", "weight_decay": 0.1}),
        ("NAdam", {"optimizer": "nadam"}),
        ("RAdam", {"optimizer": "radam", "weight_decay": 0.1}),
        ("RMSprop", {"optimizer": "rmsprop", "momentum": 0.5}),
        ("SGD", {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ],
)
def test_every_optimizer_is_torchs_with_the_arguments_that_it_takes(
    pairs: PairData, name: str, options: dict[str, object]
) -> None:
    module, plain = ws3(pairs, lr=1e-3, **options), ws3(pairs)
    fit(PairData("mnist", 40, 30, 20, seed=0), module, max_epochs=1)
    arguments = {"weight_decay": 0.0} | {key: value for key, value in options.items() if key != "optimizer"}
    optimizer = getattr(torch.optim, name)(plain.networks.parameters(), lr=1e-3, **arguments)
    for batch in pairs.epoch().split(20):
        optimizer.zero_grad()
        objective.loss(plain(batch.pairs), batch.target, batch.digits, 1.0).backward()
        optimizer.step()
    for trained, expected in zip(module.networks.parameters(), plain.networks.parameters(), strict=True):
        assert torch.allclose(trained, expected, atol=1e-6)


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


def test_gradients_are_clipped_by_value(pairs: PairData) -> None:
    largest = []
    module = ws3(pairs, gradient_clip_val=0.001, gradient_clip_algorithm="value")
    hook = register_optimizer_step_pre_hook(
        lambda *_: largest.append(max(p.grad.abs().max().item() for p in module.parameters() if p.grad is not None))
    )
    fit(pairs, module)
    hook.remove()
    assert largest == pytest.approx([0.001] * 4)


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
    assert fit(pairs, ws3(pairs), precision="bf16-mixed").callback_metrics["train_loss"].isfinite()


def test_the_rate_follows_its_schedule_step_by_step(pairs: PairData) -> None:
    rates: dict[str, list[float]] = {"cosine": [], "one_cycle": []}
    for schedule, seen in rates.items():
        hook = register_optimizer_step_pre_hook(
            lambda optimizer, *_, seen=seen: seen.append(optimizer.param_groups[0]["lr"])
        )
        fit(pairs, ws3(pairs, schedule=schedule, lr=1.0, batch_size=10), max_epochs=1)
        hook.remove()
    assert rates["cosine"] == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-6)
    assert rates["one_cycle"] == pytest.approx([0, 0.25 / 0.3, 0.811745, 0.283058], abs=1e-6)


def test_weights_are_averaged_over_steps(pairs: PairData) -> None:
    """Evaluation uses decay * average + (1 - decay) * weights of every step, not the last weights."""
    steps = []
    module = ws3(pairs, ema=0.5)
    hook = register_optimizer_step_post_hook(
        lambda *_: steps.append(next(module.networks.parameters()).detach().clone())
    )
    fit(pairs, module)
    hook.remove()
    expected = steps[0]  # the first step starts the average
    for weights in steps[1:]:
        expected = 0.5 * expected + 0.5 * weights
    assert module.average is not None
    assert torch.allclose(next(module.average.parameters()), expected, atol=1e-6)
    batch = pairs.sets["test"]
    assert torch.equal(
        module.eval()(batch.pairs).compare, module.average.module[0](module.normalize(batch.pairs)).compare
    )
    assert len(steps) == 4


def test_evaluation_averages_the_probabilities_of_shifted_images(pairs: PairData) -> None:
    module = ws3(pairs, tta=True).eval()
    batch = pairs.sets["test"]
    views = [batch.pairs.roll(shift, dims=(2, 3)) for shift in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
    expected = torch.stack([module(view).compare.sigmoid() for view in views]).mean(dim=0)
    assert torch.allclose(module.predict_all(batch.pairs).compare.sigmoid(), expected, atol=1e-6)
    assert torch.allclose(
        Comparer(module, module.hparams)(batch.pairs)[0], expected, atol=1e-6
    )  # what predict and the demo say


def test_epochs_without_evaluation_leave_gaps(pairs: PairData, tmp_path: Path) -> None:
    record = MetricsWriter(tmp_path / "metrics.csv")
    trainer = fit(pairs, ws3(pairs), max_epochs=4, check_val_every_n_epoch=2, callbacks=[record])
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [bool(row["val_acc"]) for row in rows] == [False, True, False, True]
    assert all(row["train_acc"] and row["train_digit_acc"] for row in rows)
    assert scores(trainer)["val_loss"] == float(rows[-1]["val_loss"])


def test_an_ensemble_is_its_members_averaged(pairs: PairData) -> None:
    """Its first member is trained exactly as it would be alone; the others start and end elsewhere."""
    alone, together = ws3(pairs), ws3(pairs, ensemble=3)
    fit(PairData("mnist", 40, 30, 20, seed=0), alone)
    fit(PairData("mnist", 40, 30, 20, seed=0), together)
    for mine, theirs in zip(alone.networks[0].parameters(), together.networks[0].parameters(), strict=True):
        assert torch.equal(mine, theirs)
    batch = pairs.sets["test"]
    outputs = [network(together.normalize(batch.pairs)) for network in together.eval().networks]
    assert len({output.compare.sum().item() for output in outputs}) == 3
    expected = torch.stack([output.compare.sigmoid() for output in outputs]).mean(dim=0)
    assert torch.allclose(together(batch.pairs).compare.sigmoid(), expected, atol=1e-6)


def test_validate_and_test_return_the_scores(pairs: PairData) -> None:
    """The Trainer's methods, on the weights that fit left: what its last epoch said, under the same names."""
    trainer = fit(pairs, module := ws3(pairs))
    expected = scores(trainer)
    validation, test = trainer.validate(module, pairs, verbose=False)
    [tested] = trainer.test(module, pairs, verbose=False)
    assert list(validation) == ["val_loss", "val_acc", "val_digit_acc", "val_argmax_acc"]
    assert validation | test == pytest.approx({name: expected[name] for name in [*validation, *test]})
    assert tested == test and list(test) == ["test_loss", "test_acc", "test_digit_acc", "test_argmax_acc"]
