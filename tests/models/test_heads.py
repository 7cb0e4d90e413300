"""The ordinal head against a brute-force sum over digits, and where it cannot be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from digitcmp.models.layers import OrdinalHead
from digitcmp.models.network import PairModel

pytestmark = pytest.mark.pure


def brute_force(embedding: torch.Tensor) -> torch.Tensor:
    """P(first <= second), by adding up the probabilities of all pairs of bins one by one."""
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
    strictly_greater = (-head(embedding)).sigmoid()  # the logit's other side
    assert torch.allclose(strictly_greater, (p.unsqueeze(2) * q.unsqueeze(1)).tril(-1).sum(dim=(1, 2)))


def test_gradient() -> None:
    embedding = torch.randn(3, 2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(OrdinalHead((2, 6)), embedding)


@pytest.mark.parametrize("scale", [0.0, 1e4, -1e4])
def test_extreme_logits(scale: float) -> None:
    """Certain bins at +-1e4 give finite logits, losses and gradients, on the right side."""
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
    model = PairModel("ws3", {"bins": 30}, "ordinal", aux=True)
    output = model(torch.randn(5, 2, 14, 14))
    assert output.digits is not None and output.digits.shape == (5, 2, 10)  # read from 30 bins by a linear layer


def test_merged_backbones_are_refused() -> None:
    with pytest.raises(ValueError, match="head=ordinal compares two embeddings, and this backbone merges both"):
        PairModel("fcnn1", {}, "ordinal", aux=False)
