"""Conditions: the settings of a cell as text, without the learning rate, because it belongs to the recipe."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.report.formats import to_text
from digitcmp.report.loading.settings import changed, level_name, settings_in_name

DATA_SET = ("cls", "data_arguments", "data_crc", "side")  # settings that are part of a data set

Condition = dict[str, str]  # the level of each setting, '' for the default; `lr` is a key only if it is the factor


def conditions(runs: pd.DataFrame, missing: Iterable[Path] = ()) -> pd.DataFrame:
    """Return the condition of each run.

    Args:
        runs: One row per finished run, like `run_table`.
        missing: The folders of runs that are not finished.

    Returns:
        One row per run: its settings as text, '' for the default, then `lr seed test_acc`. test_acc is nan for an
        unfinished run.
    """
    records = runs.to_dict("records")
    cells = {run["cell"]: run for run in records}  # the name of a folder may abbreviate settings
    for folder in missing:
        if folder.parent.name.startswith("model="):
            named = settings_in_name(folder)
            records.append(cells.get(folder.parent.name, named) | {"seed": named["seed"], "test_acc": np.nan})
    settings = [changed(run) | {"lr": to_text(run["lr"])} for run in records]
    first, last = ["model", "aux", "head"], ["lr"]
    others = sorted({*itertools.chain(*settings)} - {*first, *last})
    rows = []
    for levels, run in zip(settings, records, strict=True):
        row = {key: levels.get(key, "") for key in [*first, *others, *last]}
        rows.append(row | {"seed": run["seed"], "test_acc": run.get("test_acc", np.nan)})
    return join_data_sets(pd.DataFrame(rows))


def join_data_sets(frame: pd.DataFrame) -> pd.DataFrame:
    """Make each data set one level of `dataset`, even if several settings define it.

    Files of the same name are distinguished by their checksum. A setting in DATA_SET is dropped if it has one level in
    each data set.
    """
    if "dataset" not in frame:
        return frame
    frame = frame.copy()
    if "data_crc" in frame:
        several = frame.groupby("dataset")["data_crc"].transform("nunique") > 1
        frame["dataset"] = frame.dataset.where(~several, frame.dataset + " " + frame.data_crc)
    datasets = frame.groupby("dataset")
    if len(datasets) == 1:
        return frame
    return frame.drop(columns=[key for key in DATA_SET if key in frame and datasets[key].nunique().max() == 1])


def distinct(frame: pd.DataFrame, with_lr: bool = False) -> list[Condition]:
    """Return the distinct conditions among the rows of `conditions`, in their order."""
    others = ["seed", "test_acc"] if with_lr else ["lr", "seed", "test_acc"]
    return frame.drop(columns=others).drop_duplicates().to_dict("records")


def group_by(conditions: Iterable[Condition], keys: Sequence[str]) -> list[list[Condition]]:
    """Group conditions with the same levels of some settings, in the order of their first members."""
    groups: dict[tuple[str, ...], list[Condition]] = {}
    for condition in conditions:
        groups.setdefault(tuple(condition[key] for key in keys), []).append(condition)
    return list(groups.values())


def levels_of(conditions: Iterable[Condition], key: str) -> list[str]:
    """Return the distinct levels of a setting, in their order."""
    return list(dict.fromkeys(condition[key] for condition in conditions))


def identity(condition: Condition) -> tuple[str, ...]:
    """Return a condition as a hashable value. Only those from the same frame can be compared."""
    return tuple(condition.values())


def network(condition: Condition) -> tuple[str, bool]:
    """Return the model of a condition, and True if it is trained with the auxiliary loss."""
    return condition["model"], condition["aux"] == "true"


def settings(condition: Condition) -> Condition:
    """Return the settings that are not at their default, without model, aux and lr."""
    return {key: value for key, value in condition.items() if value and key not in ("model", "aux", "lr")}


def condition_name(condition: Condition, varied: Iterable[str]) -> str:
    """Return the name of a condition, such as 'AL4+ordinal augment'.

    It is the label and the settings among `varied` that are not at their default.
    """
    head = condition["head"] if "head" in varied else ""
    names = [paper.label(*network(condition), head or "mlp")]
    for key in varied:
        if key not in ("model", "aux", "head"):
            names.append(level_name(key, condition[key]))
    return " ".join(name for name in names if name)
