"""Names, hashes and checks of a configuration, and the recipes against the paper."""

import pytest
from omegaconf import OmegaConf

from digitcmp import config, heads, module, paper
from digitcmp.config import ARGUMENTS, CONF, ConfigError, Settings, cell_name, check, config_hash, defaults


def settings(**changes: object) -> Settings:
    return defaults() | dict.fromkeys(ARGUMENTS) | {"model": "ws3", "lr": 2e-3} | changes


def test_names_of_cells() -> None:
    assert cell_name(settings(aux=True)) == "model=ws3,aux=true,lr=0.002"
    assert cell_name(settings(seed=3)) == cell_name(settings())  # a cell has many seeds
    changed = settings(model="fcnn2", hidden=[300, 50], lr=1e-4, train_pairs=500, dataset="kmnist")
    assert cell_name(changed) == "model=fcnn2,aux=false,lr=0.0001,dataset=kmnist,hidden=300-50,train_pairs=500"


def test_hash_covers_cell_and_seed_and_ignores_defaults() -> None:
    assert config_hash(settings()) == config_hash({k: v for k, v in settings().items() if k != "epochs"})
    different = [settings(), settings(seed=1), settings(epochs=50), settings(aux=True), settings(data_seed=0)]
    assert len({config_hash(one) for one in different}) == len(different)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs=0 is not allowed: a whole number >= 1"),
        ({"epochs": 2.5}, "epochs=2.5 is not allowed"),
        ({"lr": 0}, "lr=0 is not allowed: a number > 0"),
        ({"lr": float("nan")}, "lr=NaN is not allowed"),
        ({"lr": "fast"}, "lr=fast is not allowed"),
        ({"aux_weight": -0.5}, "aux_weight=-0.5 is not allowed: a number >= 0"),
        ({"train_pairs": -1}, "data.train_pairs=-1 is not allowed: a whole number >= 1"),
        ({"train_pairs": 29_001}, "data.train_pairs=29001 is not allowed: .* at most 29000; mnist has 60000 training"),
        ({"test_pairs": 5_001}, "data.test_pairs=5001 is not allowed: at most 5000; mnist has 10000 test images"),
        ({"batch_size": 1_001}, "batch_size=1001 is not allowed: at most the 1000 training pairs"),
        ({"seed": -1}, "seed=-1 is not allowed: a whole number >= 0"),
        ({"seed": True}, "seed=true is not allowed"),
        ({"aux": 1}, "aux=1 is not allowed: true or false"),
        ({"head": "linear"}, "head=linear is not allowed: mlp, ordinal"),
        ({"model": "fcnn2", "head": "ordinal"}, "head=ordinal is not allowed: fcnn2 merges both images"),
        ({"model": "fcnn1", "bins": 30}, "bins=30 is not allowed: fcnn1 has no branch; null"),
        ({"bins": 1}, "bins=1 is not allowed: a whole number >= 2"),
        ({"regularization": "l2"}, "model.regularization=l2 is not allowed: dropout, max_pool, dropblock"),
        ({"schedule": "step"}, "schedule=step is not allowed: constant, cosine, one_cycle"),
        ({"label_smoothing": 1}, "label_smoothing=1 is not allowed: a number from 0 to below 1"),
        ({"weight_decay": -1}, "weight_decay=-1 is not allowed: a number >= 0"),
        ({"ema": 1}, "ema=1 is not allowed: a number between 0 and 1, or null"),
        ({"re_pair": True}, "data.re_pair=true is not allowed: it uses the digit labels, so only with aux=true"),
        ({"model": "fcnn3", "hidden": [3]}, r"model.hidden=\[3\] is not allowed: a whole number >= 1"),
        ({"model": "fcnn2", "hidden": 3}, "model.hidden=3 is not allowed: a list of whole numbers >= 1"),
        ({"gradient_clip_val": 0}, "trainer.gradient_clip_val=0 is not allowed: a number > 0, or null"),
        ({"threads": 0}, "threads=0 is not allowed"),
        ({"accelerator": "gup"}, "trainer.accelerator=gup is not allowed: cpu, gpu, auto, cuda, mps"),
        ({"precision": 16}, "trainer.precision=16 is not allowed: 32-true, 16-mixed, bf16-mixed"),
        ({"gradient_clip_algorithm": 2}, "trainer.gradient_clip_algorithm=2 is not allowed: norm, value"),
        ({"model": "convnet2", "train_pairs": 21}, "batch_size=20 is not allowed: of 21 training pairs it leaves"),
        ({"model": "convnet2", "batch_size": 1}, "batch_size=1 is not allowed: of 1000 training pairs it leaves"),
    ],
)
def test_what_is_not_allowed(changes: Settings, message: str) -> None:
    check(settings())
    with pytest.raises(ConfigError, match=message) as error:
        check(settings(**changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("model", paper.BACKBONES)
def test_learning_rates_are_those_of_table_ii(model: str) -> None:
    recipe = OmegaConf.load(CONF / "model" / f"{model}.yaml")
    assert recipe.lr == paper.LEARNING_RATES[paper.label(model, aux=False)]
    assert recipe.lr_aux == paper.LEARNING_RATES.get(paper.label(model, aux=True), recipe.lr)


def test_labels() -> None:
    labels = [paper.label(model, aux) for model, aux in paper.CELLS]
    assert labels == ["FCNN1", "FCNN2", "FCNN3", "WS1", "WS2", "WS3", "AL1", "AL2", "AL3", "AL4"]
    assert paper.label("fcnn1", aux=True) == "FCNN1+AL"
    assert paper.label("convnet", aux=True) == "convnet+AL"


def test_what_is_allowed_is_what_there_is() -> None:
    """The configuration is checked before torch is imported, so it names heads and schedules itself."""
    assert set(config.HEADS) == set(heads.HEADS)
    assert set(config.SCHEDULES) == set(module.SCHEDULES)
