"""Tests of the LightningModule."""

import csv
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import fit
from torch.optim.optimizer import register_optimizer_step_pre_hook

from digitcmp.data.datamodule import PairData
from digitcmp.models import objective, schedules
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.checkpoint import Predictor
from digitcmp.training.loggers import MetricsTable

pytestmark = pytest.mark.pure


def ws3(data: PairData, ensemble: int = 1, tta: bool = False, **options: object) -> DigitComparison:
    mean, std = data.moments
    network = PairEnsemble("ws3", aux=True, mean=mean, std=std, ensemble=ensemble, tta=tta)
    return DigitComparison(network, **{"lr": 2e-3, **options})  # type: ignore[arg-type]


def test_golden_first_step(pairs: PairData) -> None:
    """The losses before and after one step on the first 20 pairs of seed 0 equal the recorded ones."""
    module = ws3(pairs)
    batch = next(pairs.sets["train"].split(20))
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Adam)
    before = objective.loss(module(batch.pairs), batch.target, batch.digits, aux_weight=1.0)
    before.backward()
    optimizer.step()
    after = objective.loss(module(batch.pairs), batch.target, batch.digits, aux_weight=1.0)
    assert before.item() == pytest.approx(5.321250, abs=1e-5)
    assert after.item() == pytest.approx(5.02422, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {"betas": [0.8, 0.9], "fused": True}),
        ("AdamW", {"weight_decay": 0.1}),
        ("NAdam", {}),
        ("RAdam", {"weight_decay": 0.1}),
        ("RMSprop", {"momentum": 0.5}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ],
)
def test_an_epoch_is_the_optimizer_over_its_batches(pairs: PairData, name: str, options: dict[str, Any]) -> None:
    """Lightning's fit gives exactly the weights of a plain loop over the same batches."""
    optimizer = partial(getattr(torch.optim, name), **options)
    module, plain = ws3(pairs, optimizer=optimizer), ws3(pairs)
    fit(PairData("mnist", 40, 30, 20, seed=0), module)
    steps = optimizer(plain.network.parameters(), lr=2e-3)
    for _ in range(2):
        for batch in pairs.epoch().split(20):
            steps.zero_grad()
            objective.loss(plain(batch.pairs), batch.target, batch.digits, 1.0).backward()
            steps.step()
    for trained, expected in zip(module.parameters(), plain.parameters(), strict=True):
        assert torch.equal(trained, expected)


def test_initial_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = PairEnsemble("ws3", seed=0)
    state = torch.get_rng_state()
    two, other = PairEnsemble("ws3", seed=0, aux=True), PairEnsemble("ws3", seed=1)
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
    assert restored.network.mean.item() == pytest.approx(pairs.moments[0])


@pytest.mark.parametrize(
    ("schedule", "batch_size", "expected"),
    [
        (schedules.one_cycle, 20, [0, 0.25 / 0.3, 0.811745, 0.283058]),
        # 16, 16 and 8 of 40 pairs: 0.4, 0.8 and 1 of the epoch
        (schedules.cosine, 16, [(1 + math.cos(math.pi * share)) / 2 for share in (0, 0.2, 0.4, 0.5, 0.7, 0.9)]),
    ],
)
def test_the_rate_follows_its_schedule_step_by_step(
    pairs: PairData, schedule: Callable[[float], float], batch_size: int, expected: list[float]
) -> None:
    pairs.batch_size = batch_size
    rates: list[float] = []
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    fit(pairs, ws3(pairs, schedule=partial(schedule), lr=1.0))
    hook.remove()
    assert rates == pytest.approx(expected, abs=1e-6)


def test_evaluation_averages_the_probabilities_of_shifted_images(pairs: PairData) -> None:
    plain, averaging = ws3(pairs).eval(), ws3(pairs, tta=True).eval()
    batch = pairs.sets["test"]
    views = [batch.pairs.roll(shift, dims=(2, 3)) for shift in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
    expected = torch.stack([plain(view).compare.sigmoid() for view in views]).mean(dim=0)
    assert torch.allclose(averaging(batch.pairs).compare.sigmoid(), expected, atol=1e-6)
    predictor = Predictor(averaging.network, averaging.hparams, Path())  # as in predict and the demo
    assert torch.allclose(predictor(batch.pairs)[0], expected, atol=1e-6)


def test_epochs_without_evaluation_leave_gaps(pairs: PairData, tmp_path: Path) -> None:
    table = MetricsTable(tmp_path / "metrics.csv")
    fit(pairs, ws3(pairs), max_epochs=4, check_val_every_n_epoch=2, logger=table)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [bool(row["val_acc"]) for row in rows] == [False, True, False, True]
    assert all(row["train_acc"] and row["train_digit_acc"] for row in rows)
    assert table.rows[4]["val_loss"] == float(rows[-1]["val_loss"])


def test_predict_returns_the_logits_of_the_test_pairs(pairs: PairData) -> None:
    trainer = fit(pairs, module := ws3(pairs))
    outputs = trainer.predict(module, pairs)
    assert outputs is not None
    assert torch.equal(outputs[0].compare, module.eval()(pairs.sets["test"].pairs).compare)


def test_an_ensemble_is_its_members_averaged(pairs: PairData) -> None:
    """The first member has exactly the weights of a network trained alone, and all members differ."""
    alone, together = ws3(pairs), ws3(pairs, ensemble=3)
    fit(PairData("mnist", 40, 30, 20, seed=0), alone)
    fit(PairData("mnist", 40, 30, 20, seed=0), together)
    members = alone.network.networks[0], together.network.networks[0]
    for mine, theirs in zip(*(member.parameters() for member in members), strict=True):
        assert torch.equal(mine, theirs)
    batch = pairs.sets["test"]
    outputs = together.eval().network.outputs(batch.pairs)
    assert len({output.compare.sum().item() for output in outputs}) == 3
    expected = torch.stack([output.compare.sigmoid() for output in outputs]).mean(dim=0)
    assert torch.allclose(together(batch.pairs).compare.sigmoid(), expected, atol=1e-6)


def test_validate_and_test_return_the_scores(pairs: PairData) -> None:
    """After fit, Trainer.validate and Trainer.test return the scores of the last epoch under the same names."""
    trainer = fit(pairs, module := ws3(pairs))
    expected = {name: score.item() for name, score in trainer.callback_metrics.items()}
    validated, _ = trainer.validate(module, pairs, verbose=False)
    [tested] = trainer.test(module, pairs, verbose=False)
    names = ["loss", "acc", "digit_acc", "argmax_acc"]
    assert list(validated) == [f"{stage}_{name}" for stage in ("val", "test") for name in names]
    assert validated == pytest.approx({name: expected[name] for name in validated})
    assert tested == {name: validated[name] for name in tested} and list(tested) == [f"test_{name}" for name in names]
