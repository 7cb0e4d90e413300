"""A configuration, flat and checked: what a run is, what it is called, and what is not allowed."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

CONF = Path(__file__).parents[1] / "conf"
IRRELEVANT = {"root", "sweep", "force", "dry_run", "pictures", "check_val_every_n_epoch"}  # cannot change a result
RENAMED = {"model.name": "model", "data.name": "dataset", "data.seed": "data_seed"}
ARGUMENTS = ("hidden", "width", "regularization")  # of some backbones; null is a backbone's own choice
HEADS = {
    "mlp": "the paper's: one small dense layer more",
    "ordinal": "no parameters: both embeddings are distributions over ordered bins; branches only",
}
SCHEDULES, REGULARIZATIONS = ("constant", "cosine", "one_cycle"), ("dropout", "max_pool", "dropblock")
MERGED = ("fcnn1", "fcnn2")  # no embedding of each image
SIZES = {"train": 60_000, "test": 10_000}  # images of every data set
DEFAULT_LR = 1e-3  # Adam's own, for a model whose yaml names none
ACCELERATORS = ("cpu", "gpu", "auto", "cuda", "mps")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
REAL = ("lr", "aux_weight", "weight_decay", "label_smoothing", "ema", "gradient_clip_val")

Settings = dict[str, Any]  # a resolved configuration on one level, paths and switches left out


class ConfigError(Exception):
    """A value out of range; the message names the key, the value and what is allowed, in one line."""


def resolve(config: Mapping[str, Any]) -> Settings:
    """The composed configuration as Settings: groups flattened, the model's own learning rate filled in.

    Raises ConfigError for the first value that is not allowed.
    """
    for group in ("model", "data"):
        if not isinstance(config.get(group), Mapping):
            raise ConfigError(f"{group}={shown(config.get(group))} is not allowed: a file of conf/{group}")
    model = config["model"]
    lr = config["lr"]
    if lr is None:
        lr = model.get("lr_aux" if config["aux"] else "lr", DEFAULT_LR)
    settings = flatten(config) | {"lr": lr}
    for argument in ARGUMENTS:
        settings.setdefault(argument, None)
    check(settings)
    settings |= {key: float(settings[key]) for key in REAL if settings[key] is not None}  # 2 and 2.0 are one cell
    for switch, allowed in (("force", (True, False)), ("dry_run", (True, False)), ("pictures", (True, False, None))):
        if (value := config[switch]) not in allowed or type(value) is int:
            raise ConfigError(f"{switch}={shown(value)} is not allowed: {', '.join(map(shown, allowed))}")
    every = config["trainer"]["check_val_every_n_epoch"]
    if type(every) is not int or every < 1 or settings["epochs"] % every:
        raise ConfigError(
            f"trainer.check_val_every_n_epoch={every} is not allowed: a whole number that divides "
            f"epochs={settings['epochs']}, so that the last epoch is evaluated"
        )
    return settings


def flatten(config: Mapping[str, Any]) -> Settings:
    """{'data': {'train_pairs': 1000}} -> {'train_pairs': 1000}; what cannot change a result is left out."""
    flat: Settings = {}
    for group, value in config.items():
        members = value.items() if isinstance(value, Mapping) else [(None, value)]
        for key, member in members:
            path = group if key is None else f"{group}.{key}"
            name = RENAMED.get(path, key or group)
            if name not in IRRELEVANT and path not in ("model.lr", "model.lr_aux"):
                flat[name] = member
    return flat


@cache
def defaults() -> Settings:
    """The settings of conf/config.yaml and the default data set."""
    return flatten(_file()) | {"dataset": "mnist"}


def _file() -> dict[str, Any]:
    config = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"), resolve=False)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items() if key not in ("defaults", "hydra")}


def typed(name: str) -> str:
    """A setting's key as on the command line: 'train_pairs' -> 'data.train_pairs'."""
    paths = [f"{group}.{key}" for group, value in _file().items() if isinstance(value, dict) for key in value]
    return {
        RENAMED.get(path, path.split(".")[1]): path for path in [*(f"model.{name}" for name in ARGUMENTS), *paths]
    }.get(name, name)


def cell(settings: Settings) -> Settings:
    """What makes a cell: model, aux, lr, then every other key that is not at its default, sorted; never the seed."""
    named = {key: settings[key] for key in ("model", "aux", "lr")}
    others = sorted(settings.keys() - named.keys() - {"seed"})
    return named | {key: settings[key] for key in others if settings[key] != defaults().get(key)}


def cell_name(settings: Settings) -> str:
    """The cell as the name of a folder: `model=ws3,aux=true,lr=0.002,train_pairs=500`."""
    return ",".join(f"{key}={_text(value)}" for key, value in cell(settings).items())


def config_hash(settings: Settings) -> str:
    """16 hexadecimal digits of cell and seed; a key at its default counts as absent, so a new one changes nothing."""
    identity = json.dumps(cell(settings) | {"seed": settings["seed"]}, sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def shown(value: Any) -> str:
    """A value as on the command line: true, null, [300,50]."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(_text(item) for item in value)
    text = json.dumps(value) if not isinstance(value, str) else value
    return re.sub(r"[^\w.+-]", "_", text)


def check(settings: Settings) -> None:
    """Raise ConfigError for the first value out of range."""

    def require(key: str, allowed: str, fits: bool) -> None:
        if not fits:
            raise ConfigError(f"{typed(key)}={shown(settings[key])} is not allowed: {allowed}")

    def whole(key: str, least: int) -> None:
        value = settings[key]
        require(key, f"a whole number >= {least}", type(value) is int and value >= least)

    def number(key: str, allowed: str, zero: bool) -> None:
        value = settings[key]
        fits = type(value) in (int, float) and math.isfinite(value)
        require(key, allowed, fits and (value > 0 or (zero and value == 0)))

    def one_of(key: str, values: Iterable[str]) -> None:
        require(key, ", ".join(values), settings[key] in values)

    for key in ("aux", "normalize", "shuffle", "augment", "re_pair", "tta"):
        require(key, "true or false", type(settings[key]) is bool)
    for key in ("epochs", "batch_size", "threads", "ensemble", "train_pairs", "val_pairs", "test_pairs"):
        whole(key, least=1)
    whole("seed", least=0)
    if settings["data_seed"] is not None:
        whole("data_seed", least=0)
    number("lr", "a number > 0", zero=False)
    number("aux_weight", "a number >= 0", zero=True)
    if settings["gradient_clip_val"] is not None:
        number("gradient_clip_val", "a number > 0, or null", zero=False)
    if (hidden := settings["hidden"]) is not None:
        deep = {"fcnn1": False, "fcnn2": True, "fcnn3": False, "ws2": False}.get(settings["model"])
        widths = hidden if isinstance(hidden, list) else [hidden]
        require(
            "hidden",
            "a list of whole numbers >= 1" if deep else "a whole number >= 1",
            deep in (None, isinstance(hidden, list))
            and bool(widths)
            and all(type(n) is int and n >= 1 for n in widths),
        )
    if settings["regularization"] is not None:
        one_of("regularization", REGULARIZATIONS)
    if settings["width"] is not None:
        whole("width", least=1)
    if settings["bins"] is not None:
        whole("bins", least=2)
    one_of("schedule", SCHEDULES)
    one_of("accelerator", ACCELERATORS)
    one_of("precision", PRECISIONS)
    one_of("gradient_clip_algorithm", ("norm", "value"))
    one_of("head", HEADS)
    merged = settings["model"] in MERGED
    require(
        "head",
        f"{settings['model']} merges both images into one embedding; mlp",
        not merged or settings["head"] == "mlp",
    )
    require("bins", f"{settings['model']} has no branch; null", not merged or settings["bins"] is None)
    number("weight_decay", "a number >= 0", zero=True)
    number("label_smoothing", "a number from 0 to below 1", zero=True)
    require("label_smoothing", "a number from 0 to below 1", settings["label_smoothing"] < 1)
    if settings["ema"] is not None:
        number("ema", "a number between 0 and 1, or null", zero=False)
        require("ema", "a number between 0 and 1, or null", settings["ema"] < 1)
    require("re_pair", "it uses the digit labels, so only with aux=true", settings["aux"] or not settings["re_pair"])
    train, val, test = (settings[f"{split}_pairs"] for split in ("train", "val", "test"))
    require("batch_size", f"at most the {train} training pairs", settings["batch_size"] <= train)
    require(
        "batch_size",
        f"of {train} training pairs it leaves a last batch of one, which the batch norm of convnet2 cannot take",
        settings["model"] != "convnet2" or train % settings["batch_size"] != 1 % settings["batch_size"],
    )
    require(
        "train_pairs",
        f"with {val} validation pairs at most {SIZES['train'] // 2 - val}; {settings['dataset']} has "
        f"{SIZES['train']} training images",
        2 * (train + val) <= SIZES["train"],
    )
    require(
        "test_pairs",
        f"at most {SIZES['test'] // 2}; {settings['dataset']} has {SIZES['test']} test images",
        2 * test <= SIZES["test"],
    )
