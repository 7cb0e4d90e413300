"""Tests of the names, hashes and validation of runs, and of the learning rates of the recipes."""

import ast
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from configs import nested, run
from conftest import OF_NAMED_DATA

from digitcmp import paper
from digitcmp.config import trainer
from digitcmp.config.conf import files
from digitcmp.config.identity import RENAMED
from digitcmp.config.run import Run, known_keys
from digitcmp.errors import ConfigError
from digitcmp.fields import Count, Group
from digitcmp.models.backbones import NETWORKS

pytestmark = pytest.mark.pure

TYPES = {key: field.annotation for key, field in Run.model_fields.items()}
GROUPS = {key: kind for key, kind in TYPES.items() if isinstance(kind, type) and issubclass(kind, Group)}


def test_names_of_cells() -> None:
    assert run(aux=True).cell_name == "model=ws3,aux=true,lr=0.002"
    assert run(seed=3).cell_name == run().cell_name == "model=ws3,aux=false,lr=0.0013"  # the seed is no part of it
    changed = run(model="fcnn2", model__hidden=[300, 50], lr=1e-4, data__train_pairs=500, data__name="kmnist")
    assert changed.cell_name == "model=fcnn2,aux=false,lr=0.0001,dataset=kmnist,hidden=300-50,train_pairs=500"


def test_hash_covers_cell_and_seed() -> None:
    different = [
        run(),
        run(seed=1),
        run(epochs=50),
        run(aux=True),
        run(data__seed=0),
        run(trainer__precision="16-mixed"),
        run(trainer__max_steps=100),
        run(trainer__limit_train_batches=1),
        run(trainer__limit_train_batches=1.0),
        run(trainer__accumulate_grad_batches=2),
        run(trainer__overfit_batches=2),
    ]
    assert len({run.config_hash for run in different}) == len(different)
    same = [run(), run(data__root="/elsewhere"), run(pictures=True), run(force=True), run(sweep="mine")]
    same += [
        run(trainer__profiler="simple"),
        run(trainer__detect_anomaly=True),
        run(trainer__check_val_every_n_epoch=5),
        run(trainer__val_check_interval=0.5),
        run(trainer__limit_val_batches=2),
        run(trainer__log_every_n_steps=50),
        run(trainer__precision="32"),
        run(logger={"csv": {"_target_": "lightning.pytorch.loggers.CSVLogger"}}),
    ]
    assert len({run.config_hash for run in same}) == 1


def test_identity_of_a_data_set(tmp_path: Path) -> None:
    """The hash depends on side, class and arguments, and for a file on its content, not on its path."""
    sets = [{}, {"side": 28}, {"name": "a", "cls": "SVHN"}, {"name": "a", "cls": "USPS"}]
    sets += [{"name": "a", "cls": "EMNIST", "arguments": {"split": split}} for split in ("letters", "digits")]
    for name in ("first", "copy", "other"):
        (tmp_path / name).write_text(name if name == "other" else "same")
    files = [{"name": "own", "file": str(tmp_path / name)} for name in ("first", "copy", "other")]
    runs = [run(**{f"data__{key}": value for key, value in given.items()}) for given in sets + files]
    hashes = [run.config_hash for run in runs]
    assert hashes[-3] == hashes[-2] and len(set(hashes)) == len(runs) - 1
    assert runs[5].cell_name.endswith("cls=EMNIST,data_arguments=split_digits,dataset=a")
    (tmp_path / "first").write_text("changed")
    assert run(data__name="own", data__file=str(tmp_path / "first")).config_hash not in hashes
    assert run(data__drawn=False).config_hash == run().config_hash


def test_two_and_two_point_zero_are_one_run() -> None:
    assert run(aux=True, aux_weight=2, lr=1).config_hash == run(aux=True, aux_weight=2.0, lr=1.0).config_hash


def test_when_something_acts_on_evaluations_their_epochs_are_a_part_of_the_identity() -> None:
    """checkpoint=best chooses among the evaluated epochs, and the patience of a callback counts evaluations."""
    for acting in ({"checkpoint": "best"}, {"callbacks": {"own": {"_target_": "mine.Stop"}}}, {"callbacks": {}}):
        every, fifth = (run(trainer__check_val_every_n_epoch=n, **acting) for n in (1, 5))
        assert (every.config_hash == fifth.config_hash) == (acting == {"callbacks": {}})
    assert fifth.settings["checkpoint"] == "last"
    assert run(checkpoint="best", trainer__check_val_every_n_epoch=5).settings["checkpoint"] == (
        "best, evaluated every 5 epochs"
    )


def test_a_progress_bar_is_no_part_of_the_identity() -> None:
    bars = [{"bar": {"_target_": f"lightning.pytorch.callbacks.{name}"}} for name in ("RichProgressBar", "Timer")]
    assert [run(callbacks=bar).config_hash == run().config_hash for bar in bars] == [True, False]


def test_a_text_is_another_value_than_the_number_it_spells() -> None:
    callbacks = [
        run(callbacks={"own": {"_target_": "mine.Stop", "after": after}}) for after in (1, "1", True, "true", "one")
    ]
    assert len({run.config_hash for run in callbacks}) == len(callbacks)
    assert [run.settings["callbacks"] for run in callbacks[:2]] == ["mine.Stop(after=1)", "mine.Stop(after='1')"]


def test_a_number_in_a_text_is_a_number() -> None:
    """An environment variable is a text: lr='${oc.env:LR}'."""
    assert run(lr="1e-3", epochs="5").config_hash == run(lr=1e-3, epochs=5).config_hash
    for text in ("true", "one", "[1]"):
        with pytest.raises(ConfigError, match=r"^lr=.* is not allowed; input should be a valid number"):
            run(lr=text)


def test_a_recipe_without_a_rate_for_the_auxiliary_loss_has_one_rate() -> None:
    for model, rate in (({"lr": 0.02}, 0.02), ({"lr": 0.02, "lr_aux": 0.03}, 0.03), ({}, 1e-3)):
        composed = nested() | {"model": {"name": "ws2", **model}, "lr": None, "aux": True}
        assert Run.of(composed).lr == rate


def test_the_name_of_a_cell_of_many_settings_is_a_folders() -> None:
    """A long name is shortened to at most 240 characters. Two cells that differ in one setting keep two names."""
    many: dict[str, Any] = {"epochs": 3, "batch_size": 7, "label_smoothing": 0.123456, "ema": 0.123456, "tta": True}
    many |= {
        "optimizer": "sgd",
        "optimizer__momentum": 0.123456,
        "schedule": "one_cycle",
        "normalize": False,
        "threads": 3,
    }
    many |= {"trainer__precision": "bf16-mixed", "normalize": False}
    many |= {"data__train_pairs": 123, "data__val_pairs": 321, "data__shuffle": False, "checkpoint": "best"}
    many |= {
        "data__augment": True,
        "data__seed": 123_456,
        "trainer__precision": "bf16-mixed",
        "optimizer__nesterov": True,
    }
    names = {run(**many, optimizer__weight_decay=decay).cell_name for decay in (0.1, 0.2)}
    assert len(names) == 2 and max(map(len, names)) <= 240


def typed_again(row: dict[str, Any]) -> Run:
    """Return the run of a row of runs.csv. The settings in the row have lost their types and groups."""
    settings = {key: value for key, value in row.items() if value == value}  # NaN: null or unrecorded
    for key in ("hidden", "bins", "width", "data_seed", "max_steps", "units", "side", "padding"):
        if key in settings:
            settings[key] = ast.literal_eval(str(settings[key]).removesuffix(".0"))
    composed = nested(model=settings["model"])
    where = {RENAMED.get(f"{group}.{key}", key): (group, key) for group in GROUPS for key in composed[group]}
    where = {key: place for key, place in where.items() if place != ("model", "lr")}
    for group in ("optimizer", "schedule"):
        composed[group] = dict(files(group)[settings.pop(group, {"optimizer": "adam", "schedule": "constant"}[group])])
    where |= {key: ("optimizer", key) for key in composed["optimizer"]} | {"max_steps": ("trainer", "max_steps")}
    for key, value in settings.items():
        if key in where and key != "model":
            group, member = where[key]
            composed[group][member] = value
        elif key in composed and key != "model":
            composed[key] = value
        elif key in trainer.options().model_fields:
            composed["trainer"][key] = value
    return Run.of(composed)


@pytest.mark.parametrize("folder", OF_NAMED_DATA, ids=lambda folder: folder.parent.name)
def test_committed_runs_keep_their_names_and_hashes(folder: Path) -> None:
    rows = pd.read_csv(folder / "runs.csv").to_dict("records")
    assert rows
    for row in rows:
        if isinstance(row.get("data_crc"), str):
            continue  # the identity has the checksum of a file that is not committed
        again = typed_again(row)  # type: ignore[arg-type]
        assert (again.cell_name, again.config_hash, again.label) == (row["cell"], row["config_hash"], row["label"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sweep": "a/../../b"}, "sweep=a/../../b is not allowed: a name without .. is expected"),
        ({"epochs": 0}, "epochs=0 is not allowed; input should be greater than or equal to 1"),
        ({"epochs": 2.5}, "epochs=2.5 is not allowed; input should be a valid integer"),
        ({"lr": float("nan")}, "lr=NaN is not allowed; input should be a finite number"),
        ({"lr": "fast"}, "lr=fast is not allowed; input should be a valid number"),
        ({"batch_size": 1_001}, "batch_size=1001 is not allowed: there are 1000 training pairs; expected at most 1000"),
        ({"seed": True}, "seed=true is not allowed; input should be a valid integer"),
        ({"aux": 1}, "aux=1 is not allowed; input should be a valid boolean"),
        ({"head": 3}, "head=3 is not allowed; input should be a valid dictionary or instance of HeadConfig"),
        ({"task": "lt"}, "task=lt is not allowed; input should be leq, same, odd_sum, shuffled_leq"),
        (
            {"aux_labels": "parity"},
            "aux_labels=parity is not allowed: it selects the labels of the auxiliary loss. Set aux=true.",
        ),
        (
            {"aux": True, "aux_labels": "shuffled", "data__re_pair": True},
            "data.re_pair=true is not allowed: it needs the true labels, not aux_labels=shuffled",
        ),
        (
            {"model": "fcnn2", "head": "ordinal"},
            "head=ordinal is not allowed: fcnn2 merges both images into one embedding; expected mlp",
        ),
        (
            {"model__regularization": "l2"},
            "model.regularization=l2 is not allowed; input should be 'dropout', 'max_pool' or 'dropblock'",
        ),
        ({"label_smoothing": 1}, "label_smoothing=1 is not allowed; input should be less than 1"),
        (
            {"optimizer": "sgd", "optimizer__weight_decay": -1},
            "optimizer.weight_decay=-1 is not allowed; input should be greater than or equal to 0",
        ),
        (
            {"optimizer__weight_decay": 0.1},
            "optimizer.weight_decay is unknown: expected betas, eps, fused; "
            "optimizer=adamw|nadam|radam|rmsprop|sgd accepts it",
        ),
        ({"optimizer__beta": [0.9, 0.99]}, "optimizer.beta is unknown: did you mean optimizer.betas?"),
        ({"optimizer__betas": [0.9, 1]}, "optimizer.betas[1]=1 is not allowed; input should be less than 1"),
        (
            {"schedule": "one_cycle", "schedule__warmup": 1},
            "schedule.warmup=1 is not allowed; input should be less than 1",
        ),
        ({"momentum": 0.9}, "momentum is unknown: did you mean optimizer.momentum?"),
        ({"aux_weight": 2}, "aux_weight=2.0 is not allowed: it weights the auxiliary loss. Set aux=true."),
        (
            {"trainer__gradient_clip_algorithm": "value"},
            "trainer.gradient_clip_algorithm=value is not allowed: it needs trainer.gradient_clip_val",
        ),
        ({"data__re_pair": True}, "data.re_pair=true is not allowed: it uses the digit labels. Set aux=true."),
        (
            {"model": "fcnn3", "model__hidden": [3]},
            "model.hidden=[3] is not allowed; input should be a valid integer",
        ),
        ({"model": "fcnn2", "model__hidden": 3}, "model.hidden=3 is not allowed; input should be a valid list"),
        (
            {"model": "fcnn2", "model__hidden": [3, 0]},
            "model.hidden[1]=0 is not allowed; input should be greater than or equal to 1",
        ),
        (
            {"trainer__gradient_clip_val": 0},
            "trainer.gradient_clip_val=0 is not allowed; input should be greater than 0",
        ),
        (
            {"trainer__deterministic": 1},
            "trainer.deterministic=1 is not allowed; input should be a valid boolean or 'warn'",
        ),
        ({"model__name": "ws9"}, f"model.name=ws9 is not allowed; input should be {', '.join(NETWORKS)}"),
        ({"model__lr": "x"}, "model.lr=x is not allowed; input should be a valid number"),
        (
            {"trainer": None},
            "trainer=null is not allowed; input should be a valid dictionary or instance of TrainerConfig",
        ),
    ],
)
def test_what_is_not_allowed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Run.of(nested(**changes))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "epoch is unknown: did you mean epochs?"),
        ({"width": 8}, "width is unknown: did you mean model.width?"),
        ({"data_seed": 8}, "data_seed is unknown: did you mean seed?"),
        ({"a": {"epochs": 3}}, "a is unknown: --help lists the options"),
        ({"data__train_pair": 3}, "data.train_pair is unknown: did you mean data.train_pairs?"),
        ({"model__regularisation": None}, "model.regularisation is unknown: did you mean model.regularization?"),
        ({"model__bins": 2}, "model.bins is unknown: expected regularization, padding, units"),
        ({"trainer__profile": None}, "trainer.profile is unknown: did you mean trainer.profiler?"),
    ],
)
def test_what_is_unknown_is_refused_at_every_depth(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Run.of(nested(**changes))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "key",
    [
        key
        for key in known_keys()
        if not key.startswith(("model.", "head.", "optimizer.", "trainer.", "callbacks", "logger"))
    ],
)
def test_every_knob_has_a_default_and_cannot_be_deleted(key: str) -> None:
    composed: Any = nested()
    *path, leaf = key.split(".")
    group = composed
    for part in path:
        group = group[part]
    del group[leaf]
    with pytest.raises(ConfigError, match=f"^{key} is missing"):
        Run.of(composed)


def test_the_options_of_the_trainer_are_lightnings() -> None:
    import inspect

    from lightning import Trainer

    signature = {name: parameter.default for name, parameter in inspect.signature(Trainer).parameters.items()}
    accepted = {name: option.default for name, option in trainer.options().model_fields.items()}
    assert accepted.items() <= signature.items() and signature.keys() == accepted.keys() | trainer.REJECTED.keys()
    assert trainer.TrainerConfig.model_fields.keys() | trainer.OBSERVING | trainer.REJECTED.keys() <= signature.keys()
    for option in trainer.REJECTED:
        with pytest.raises(ConfigError, match=rf"^trainer.{option} is not allowed: \w"):
            Run.of(nested(**{f"trainer__{option}": 1}))


@pytest.mark.parametrize(
    ("option", "value", "recorded"),
    [("max_steps", 7, True), ("max_steps", -1, False), ("limit_val_batches", 3, False), ("benchmark", True, True)],
)
def test_an_option_of_the_trainer_is_a_setting_unless_it_has_lightnings_default(
    option: str, value: Any, recorded: bool
) -> None:
    assert (option in run(**{f"trainer__{option}": value}).cell) == recorded


def test_flat_names_are_unique() -> None:
    names = [RENAMED.get(f"{group}.{key}", key) for group, kind in GROUPS.items() for key in kind.model_fields]
    names += [key for key in Run.model_fields if key not in GROUPS]
    flat = [name for name in names if name not in ("lr", "arguments")]
    assert len(flat) == len(set(flat))


def test_an_argument_cannot_take_the_name_of_a_knob(monkeypatch: pytest.MonkeyPatch) -> None:
    def thief(epochs: int = 3, bins: int = 10) -> None: ...

    monkeypatch.setitem(NETWORKS, "thief", NETWORKS["ws3"].__class__(thief))  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match="^thief: its argument epochs has the name of an option; another name is expected$"
    ):
        Run.of(nested(model__name="thief") | {"model": {"name": "thief", "epochs": 9}})


def test_an_argument_at_its_default_is_no_part_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(depth: Count = 2, bins: int = 10) -> None: ...

    monkeypatch.setitem(NETWORKS, "deep", NETWORKS["ws3"].__class__(deep))  # type: ignore[arg-type]
    cells = [
        Run.of(nested() | {"model": {"name": "deep", **arguments}}) for arguments in ({}, {"depth": 2}, {"depth": 3})
    ]
    assert [run.cell_name for run in cells[:2]] == ["model=deep,aux=false,lr=0.001"] * 2
    assert cells[2].cell_name == "model=deep,aux=false,lr=0.001,depth=3"
    with pytest.raises(ConfigError, match="^model.depth=0 is not allowed; input should be greater than or equal to 1$"):
        Run.of(nested() | {"model": {"name": "deep", "depth": 0}})


@pytest.mark.parametrize("model", [model for model, aux in paper.CELLS if not aux])
def test_learning_rates_are_those_of_table_ii(model: str) -> None:
    rates = run(model=model).lr, run(model=model, aux=True).lr
    assert rates[0] == paper.LEARNING_RATES[paper.label(model, aux=False)]
    assert rates[1] == paper.LEARNING_RATES.get(paper.label(model, aux=True), rates[0])
