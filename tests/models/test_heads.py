"""Tests of the ordinal head and of the arguments of heads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from digitcmp.config.conf import config_yaml
from digitcmp.config.run import Run
from digitcmp.errors import ConfigError
from digitcmp.models import heads
from digitcmp.models.layers import OrdinalHead
from digitcmp.models.network import PairEnsemble
from digitcmp.sweeps import repeat

pytestmark = pytest.mark.pure


def brute_force(embedding: torch.Tensor) -> torch.Tensor:
    """Return P(first <= second) as a sum over all ordered pairs of bins."""
    p, q = embedding.double().softmax(dim=2).unbind(dim=1)
    bins = range(embedding.shape[2])
    return torch.stack([sum((p[:, i] * q[:, j] for i in bins for j in bins if i <= j), torch.zeros(len(p)))], 1)[:, 0]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30), st.floats(0.01, 5))
def test_probability_is_the_sum_over_ordered_bins(seed: int, bins: int, spread: float) -> None:
    embedding = spread * torch.randn(4, 2, bins, generator=torch.Generator().manual_seed(seed))
    probability = OrdinalHead((2, bins))(embedding).sigmoid()
    assert torch.allclose(probability.double(), brute_force(embedding), atol=1e-5)


def test_a_pair_and_its_reverse_differ_by_the_ties() -> None:
    """P(a <= b) + P(b <= a) = 1 + P(a = b), so P(a <= b) + P(b < a) = 1."""
    embedding = torch.randn(8, 2, 10, dtype=torch.float64)
    head = OrdinalHead((2, 10))
    at_most, at_least = head(embedding).sigmoid(), head(embedding.flip(1)).sigmoid()
    p, q = embedding.softmax(dim=2).unbind(dim=1)
    assert torch.allclose(at_most + at_least, 1 + (p * q).sum(dim=1))
    strictly_greater = (-head(embedding)).sigmoid()  # the probability of the other answer
    assert torch.allclose(strictly_greater, (p.unsqueeze(2) * q.unsqueeze(1)).tril(-1).sum(dim=(1, 2)))


@pytest.mark.parametrize("scale", [0.0, 1e4, -1e4])
def test_extreme_logits(scale: float) -> None:
    """Embeddings of 0 and +-1e4 give finite logits and gradients. The logits of 1e4 have the right sign."""
    embedding = torch.zeros(2, 2, 10)
    embedding[0, 0, 3] = embedding[0, 1, 7] = embedding[1, 0, 7] = embedding[1, 1, 3] = scale
    embedding.requires_grad_()
    logits = OrdinalHead((2, 10))(embedding)
    F.binary_cross_entropy_with_logits(logits, torch.tensor([0.0, 1.0])).backward()
    assert logits.isfinite().all() and embedding.grad is not None and embedding.grad.isfinite().all()
    if scale == 1e4:
        assert logits[0] > 1e3 and logits[1] < -1e3


def test_the_head_has_no_parameters_and_takes_any_number_of_bins() -> None:
    assert not list(OrdinalHead((2, 30)).parameters())
    model = PairEnsemble("ws3", head="ordinal", aux=True, bins=30)
    output = model(torch.randn(5, 2, 14, 14))
    assert output.digits is not None and output.digits.shape == (5, 2, 10)  # a linear layer maps 30 bins to 10 digits


def run(**changes: object) -> Run:
    config = config_yaml() | {"lr": 1e-3, "model": {"name": "ws2"}} | changes
    return Run.of(config | {"data": config["data"] | {"name": "mnist"}})


def test_the_temperature_divides_the_logits_of_the_bins() -> None:
    """Temperature 2 is equivalent to half the embedding. Temperature 1 changes no bit."""
    embedding = torch.randn(8, 2, 10)
    assert torch.equal(OrdinalHead((2, 10), 2.0)(embedding), OrdinalHead((2, 10))(embedding / 2))
    assert torch.equal(OrdinalHead((2, 10), 1.0)(embedding), OrdinalHead((2, 10))(embedding))


def test_an_argument_of_a_head_is_a_part_of_the_identity_unless_it_is_at_its_default() -> None:
    plain, default, warm = (
        run(head={"name": "ordinal", **given}) for given in ({}, {"temperature": 1}, {"temperature": 2})
    )
    assert plain.config_hash == default.config_hash != warm.config_hash
    assert plain.settings == default.settings and "head_temperature" not in plain.settings
    assert warm.cell_name == "model=ws2,aux=false,lr=0.001,head=ordinal,head_temperature=2.0"
    assert default.head.arguments == {"temperature": 1}


def test_a_head_of_ones_own_takes_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head receives its arguments. A network built again from `network.arguments` has them too."""

    def scaled(shape: tuple[int, ...], scale: float, power: int = 1) -> torch.nn.Module:
        class Scaled(torch.nn.Module):
            def forward(self, embedding: torch.Tensor) -> torch.Tensor:
                return scale * embedding.flatten(1).sum(dim=1) ** power

        return Scaled()

    monkeypatch.setitem(heads.HEADS, "scaled", heads.Head(scaled))
    with pytest.raises(ConfigError, match="head.scale is missing"):
        run(head={"name": "scaled"})
    made = run(head={"name": "scaled", "scale": 3.0})
    assert made.cell_name.endswith("head=scaled,head_scale=3.0")
    network = PairEnsemble("ws2", head="scaled", head_arguments=made.head.arguments)
    one = PairEnsemble("ws2", head="scaled", head_arguments={"scale": 1.0})
    pairs = torch.rand(4, 2, 14, 14)
    assert torch.allclose(network(pairs).compare, 3 * one(pairs).compare)
    again = PairEnsemble(**network.arguments)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(pairs).compare, network(pairs).compare)


def test_a_row_of_a_report_tells_the_arguments_of_a_head() -> None:
    """The command of a run contains the arguments of its head, even if the run's folder is gone."""
    made = run(head={"name": "ordinal", "temperature": 2.0}, model={"name": "ws2", "hidden": 9})
    row = made.settings | {"cell": made.cell_name, "config_hash": made.config_hash, "path": "gone", "seed": 0}
    assert {"head=ordinal", "head.temperature=2.0"} <= {*repeat.command(row).split()}
