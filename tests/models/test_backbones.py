"""Tests of all registered backbones, and of the paper's six in particular."""

from dataclasses import asdict

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from digitcmp.config.conf import CONF
from digitcmp.data.spec import ImageSpec
from digitcmp.models import backbones
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.network import PairEnsemble

pytestmark = pytest.mark.pure

PARAMETERS = {"fcnn1": 197_001, "fcnn2": 334_351, "fcnn3": 207_351, "ws1": 325_587, "ws2": 103_841, "ws3": 162_959}
BRANCHED = [name for name in NETWORKS if len(backbones.build(name).shape) == 2]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_the_paper(name: str) -> None:
    assert parameters(PairEnsemble(name)) == PARAMETERS[name]
    if name in BRANCHED:  # the paper's auxiliary loss adds no parameters
        assert parameters(PairEnsemble(name, aux=True)) == PARAMETERS[name]


def test_padding_and_units_of_the_convolutional_branch() -> None:
    """With padding the dense layer has 8 * 14 * 14 inputs instead of 8 * 10 * 10. `units` is its width."""
    features, classifier, comparison = 5 * 9 + 5 + 8 * 45 + 8, 200 * 10 + 10, 20 * 15 + 15 + 15 + 1
    padded = features + 8 * 196 * 200 + 200 + classifier + comparison
    assert parameters(PairEnsemble("ws3", {"padding": 1})) == padded
    narrow = features + 800 * 100 + 100 + 100 * 10 + 10
    assert parameters(PairEnsemble("ws1", {"units": 100})) == 2 * narrow + comparison


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_learns(name: str) -> None:
    output = PairEnsemble(name).eval()(torch.randn(1, 2, 14, 14))
    assert output.compare.shape == (1,) and output.digits is None
    model = PairEnsemble(name, aux=True)
    output = model(torch.randn(64, 2, 14, 14))
    assert output.compare.shape == (64,) and output.digits.shape == (64, 2, 10)
    (output.compare.sum() + output.digits.square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_backbone_has_a_yaml(name: str) -> None:
    assert OmegaConf.load(CONF / "model" / f"{name}.yaml").name == name


@pytest.mark.parametrize("name", BRANCHED)
def test_sharing_is_real(name: str) -> None:
    """Swapping the images swaps the embeddings if and only if the branches share their weights."""
    backbone = backbones.build(name).eval()
    pairs = torch.randn(5, 2, 14, 14)
    swapped = torch.allclose(backbone(pairs.flip(1)), backbone(pairs).flip(1), atol=1e-6)
    one_branch = parameters(backbone.branches[0])  # type: ignore[union-attr]
    assert swapped is (parameters(backbone) == one_branch)


def test_hidden_widths() -> None:
    assert parameters(backbones.build("fcnn1", hidden=200)) == 392 * 200 + 200
    assert parameters(backbones.build("fcnn3", hidden=200)) == 2 * (196 * 200 + 200 + 200 * 10 + 10)
    assert parameters(backbones.build("fcnn2", hidden=[300, 50])) == 392 * 300 + 300 + 300 * 50 + 50
    assert backbones.build("fcnn2", hidden=[300, 200, 100, 50]).shape == (50,)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_least_side_is_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of the least side are accepted, smaller ones rejected. The layers themselves would fail on those."""
    least = NETWORKS[name].min_side
    for side in (least, least + 1, 33):
        images = ImageSpec(channels=3, side=side, names=("a", "b", "c"))
        output = PairEnsemble(name, aux=True, images=asdict(images)).eval()(torch.randn(2, 2, *images.shape))
        assert output.digits is not None and output.digits.shape == (2, 2, 3)
    small = ImageSpec(side=least - 1)
    with pytest.raises(ValueError, match=f"too small for {name}; expected at least {least}x{least}"):
        backbones.build(name, small)
    if least > 1:
        with pytest.raises((RuntimeError, ZeroDivisionError)):
            monkeypatch.setattr(NETWORKS[name], "min_side", 1)
            backbones.build(name, small, bins=3)(torch.randn(2, 2, *small.shape))


def test_max_pooling_needs_a_pixel_more() -> None:
    with pytest.raises(ValueError, match="images of 5x5 are too small for max_pool; expected at least 6x6"):
        backbones.build("ws3", ImageSpec(side=5), regularization="max_pool")


def test_merged_networks_have_no_bins() -> None:
    with pytest.raises(ValueError, match="bins=30 is not an option of fcnn1; expected null"):
        backbones.build("fcnn1", bins=30)


def test_no_name_twice() -> None:
    with pytest.raises(ValueError, match="the backbone 'ws3' is registered already; expected another name"):
        NETWORKS.register(NETWORKS["ws3"].builder, name="ws3")


@pytest.mark.parametrize(
    ("regularization", "count"), [("dropout", 162_959), ("max_pool", 42_959), ("dropblock", 162_959)]
)
def test_future_work_of_the_paper(regularization: str, count: int) -> None:
    model = PairEnsemble("ws3", {"regularization": regularization}, aux=True)
    assert parameters(model) == count
    pairs = torch.randn(5, 2, 14, 14)
    noisy = regularization != "max_pool"
    assert torch.equal(model.train()(pairs).compare, model(pairs).compare) is not noisy
    assert torch.equal(model.eval()(pairs).compare, model(pairs).compare)
