"""What a factor adds to the test accuracy: differences between cells, paired by seed, beside the paper's claim.

A condition is a row of settings as text, '' for the default: a cell less its learning rate, a matter of the recipe.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.backbones import NETWORKS
from digitcmp.report import stats
from digitcmp.report.formats import readable
from digitcmp.report.settings import changed, default, level_name, settings_in_name

ORDERS = ("main effect", "two-way interaction", "higher interaction")  # the families of a factorial
TRAVEL = ("mean over networks", "between data sets")  # the families of where an effect is found
FIRST = (*ORDERS, *TRAVEL, "auxiliary loss", "sharing", "branches")
LAST = ("interaction", "backbone interaction")  # apart: how many networks there are is no matter of the other factors
FAMILIES = {"aux": "auxiliary loss", "shared": "sharing", "model": "backbone"}  # of other settings: their name
BELONGING = ("cls", "data_arguments", "data_crc", "side")  # settings that say what a data set is
CLAIMS = {"auxiliary loss": paper.AUXILIARY_CLAIM.effect, "sharing": paper.SHARING_CLAIM.effect}
NUMBERS = ("n", "mean", "ci_low", "ci_high", "p", "p_holm", "claim", "published")
COLUMNS = ("family", "effect", "context", *NUMBERS, "verdict", "refused")

Condition = dict[str, str]  # a row of `conditions`, with `lr` where that is the factor


class Factor(NamedTuple):
    """A setting that varies. levels: those that belong to this family, what they are compared with first; or all."""

    family: str
    column: str
    levels: tuple[str, ...] = ()


class Difference(NamedTuple):
    """Test accuracy summed over the conditions in `plus` less that summed over those in `minus`, over `scale`.

    varied: the columns in which they differ.
    """

    family: str
    varied: Sequence[str]
    plus: Sequence[Condition]
    minus: Sequence[Condition]
    scale: int = 1
    name: str = ""

    @property
    def title(self) -> str:
        """'AL4 − WS3', '(AL4 − WS3) − (AL2 − WS1)', or the name given."""
        plus, minus = ([title(condition, self.varied) for condition in side] for side in (self.plus, self.minus))
        if self.name or len(plus) == 1:
            return self.name or f"{plus[0]} − {minus[0]}"
        return f"({plus[0]} − {minus[0]}) − ({minus[1]} − {plus[1]})"

    @property
    def context(self) -> str:
        """The settings that all its conditions have, 'epochs=50,test_pairs=5000'; of a factorial its models too."""
        hidden = {"model", "aux", "lr", *self.varied}
        settings = sorted((key, value) for key, value in self.plus[0].items() if value and key not in hidden)
        if self.family in ORDERS:
            models = "/".join(dict.fromkeys(condition["model"] for condition in (*self.minus, *self.plus)))
            settings = [
                ("model", models),
                *[("aux", "true")] * all(on["aux"] for on in (*self.plus, *self.minus)),
                *settings,
            ]
        return ",".join(f"{key}={value}" for key, value in settings)

    @property
    def claim(self) -> float:
        """What the paper claims of its networks on its task, else nan."""
        theirs = all(paper.claimed(*network(side), settings(side)) for side in (*self.plus, *self.minus))
        return CLAIMS.get(self.family, np.nan) if theirs else np.nan

    @property
    def published(self) -> float:
        """The same difference between the paper's own means, nan where it lacks one."""
        sides = (*self.plus, *self.minus)
        labels = [paper.label(*network(side)) for side in sides]
        if len(set(labels)) < len(labels) or not all(paper.as_published(settings(side)) for side in sides):
            return np.nan
        means = [value.mean if (value := paper.published(label)) else np.nan for label in labels]
        return (sum(means[: len(self.plus)]) - sum(means[len(self.plus) :])) / self.scale


def network(condition: Condition) -> tuple[str, bool]:
    """Its model, and whether it is trained with the auxiliary loss."""
    return condition["model"], condition["aux"] == "true"


def settings(condition: Condition) -> Condition:
    """What else is not at its default."""
    return {key: value for key, value in condition.items() if value and key not in ("model", "aux", "lr")}


def title(condition: Condition, varied: Iterable[str]) -> str:
    """'AL4+ordinal augment': the label, and the settings among `varied` that are not at their default."""
    head = condition["head"] if "head" in varied else ""
    levels = [level_name(key, condition[key]) for key in varied if key not in ("model", "aux", "head")]
    return " ".join(filter(None, [paper.label(*network(condition), head or "mlp"), *levels]))


def conditions(runs: pd.DataFrame, missing: Iterable[Path] = ()) -> pd.DataFrame:
    """A row per run: its settings as text, '' at the default; then `lr seed test_acc`, nan where it is not finished."""
    known = runs.to_dict("records")
    cells = {run["cell"]: run for run in known}  # a name has lost what no file can be called
    for folder in missing:
        if folder.parent.name[:6] == "model=":
            in_name = settings_in_name(folder)
            known.append(cells.get(folder.parent.name, in_name) | {"seed": in_name["seed"], "test_acc": np.nan})
    settings = [changed(run) | {"lr": readable(run["lr"])} for run in known]
    first, last = ["model", "aux", "head"], ["lr"]
    columns = [*first, *sorted({*itertools.chain(*settings)} - {*first, *last}), *last]
    rows = [
        {column: row.get(column, "") for column in columns}
        | {"seed": run["seed"], "test_acc": run.get("test_acc", np.nan)}
        for row, run in zip(settings, known, strict=True)
    ]
    return with_data_sets(pd.DataFrame(rows))


def with_data_sets(frame: pd.DataFrame) -> pd.DataFrame:
    """Conditions in which a data set is one level of `dataset`, however many settings it takes to say which it is.

    Files of one name are told apart by their checksum; what every data set has one value of belongs to it.
    """
    if "dataset" not in frame:
        return frame
    frame = frame.copy()
    if "data_crc" in frame:
        several = frame.groupby("dataset")["data_crc"].transform("nunique") > 1
        frame["dataset"] = frame.dataset.where(~several, frame.dataset + " " + frame.data_crc)
    datasets = frame.groupby("dataset")
    belonging = [key for key in BELONGING if key in frame and datasets[key].nunique().max() == 1]
    return frame.drop(columns=belonging) if len(datasets) > 1 else frame


def factors(planned: pd.DataFrame) -> list[Factor]:
    """Every factor of these conditions, the networks' relations as they say themselves."""
    ordinary = [column for column in planned if column not in ("model", "shared")]
    factors = [Factor(FAMILIES.get(column, column), column) for column in ordinary]
    factors += [Factor("sharing", "shared", ("false", "true"))] * ("shared" in planned)
    for family in ("sharing", "branches"):
        for other in NETWORKS.values():
            if counterpart := other.unshared if family == "sharing" else other.merged:
                factors.append(Factor(family, "model", (counterpart, other.name)))
    return [*factors, Factor("backbone", "model")]


def levels(factor: Factor, group: pd.DataFrame) -> list[str]:
    """The levels of a factor in a group of conditions: what the others are compared with, then those."""
    present = list(dict.fromkeys(group[factor.column]))
    if factor.levels:
        return [level for level in factor.levels if level in present]
    rate = paper.LEARNING_RATES.get(paper.label(*network(group.iloc[0].to_dict())))
    first = readable(rate) if factor.column == "lr" else ""  # the default
    return sorted(present, key=lambda level: level != first)


def related(*models: str) -> bool:
    """Whether one network is the other's without sharing, or merged: no matter of the family of backbones."""
    pairs = [{name, twin} for name, network in NETWORKS.items() for twin in (network.unshared, network.merged)]
    return {*models} in pairs


def single_effects(planned: pd.DataFrame, factor: Factor) -> Iterator[Difference]:
    """Each level of a factor less the first, everything else equal."""
    for group in groups(planned, [factor]):
        rows = {row[factor.column]: row for row in group.to_dict("records")}
        first, *others = levels(factor, group)
        for level in others:
            if factor.family != "backbone" or not related(level, first):
                yield Difference(factor.family, [factor.column], [rows[level]], [rows[first]])


def interactions(planned: pd.DataFrame, first: Factor, second: Factor) -> Iterator[Difference]:
    """How much more one factor adds at a level of the other than at its first, where all four cells are planned."""
    family = LAST["backbone" in (first.family, second.family)]
    for group in groups(planned, [first, second]):
        rows = {(row[first.column], row[second.column]): row for row in group.to_dict("records")}
        (low, *highs), (start, *others) = levels(first, group), levels(second, group)
        for high, other in itertools.product(highs, others):
            corners = [(high, other), (low, start), (low, other), (high, start)]
            if rows.keys() >= set(corners) and not (second.family == "backbone" and related(other, start)):
                plus, minus = [rows[corner] for corner in corners[:2]], [rows[corner] for corner in corners[2:]]
                yield Difference(family, [first.column, second.column], plus, minus)


def groups(planned: pd.DataFrame, factors: Sequence[Factor]) -> Iterator[pd.DataFrame]:
    """The conditions that are equal in all but these factors, each of which has several levels among them."""
    for factor in factors:
        if factor.levels:
            planned = planned[planned[factor.column].isin(factor.levels)]
    varied = [factor.column for factor in factors]
    for _, group in planned.groupby([column for column in planned if column not in varied], sort=False):
        if all(group[column].nunique() > 1 for column in varied):
            yield group


def travel(planned: pd.DataFrame) -> Iterator[Difference]:
    """What the auxiliary loss and sharing add on each data set, the mean over the networks that are planned on all of
    them, and how much more that is than on the first."""
    networks, key = [column for column in ("model", "aux", "shared") if column in planned], "dataset"
    if key not in planned:
        return
    for family in CLAIMS:
        contrasts: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, Difference]]] = {}
        for factor in factors(planned):
            for difference in single_effects(planned, factor) if factor.family == family else ():
                on, off = difference.plus[0], difference.minus[0]
                settings = tuple(level for column, level in on.items() if column not in (*networks, key))
                pair = tuple(side[column] for side in (on, off) for column in networks)
                contrasts.setdefault(settings, {}).setdefault(pair, {})[on[key]] = difference
        for of_pair in contrasts.values():
            counts = Counter(itertools.chain(*of_pair.values()))
            several = [level for level in levels(Factor(key, key), planned) if counts[level] > 1]
            rows = [row for row in of_pair.values() if {*several} <= row.keys()]
            if len(several) < 2 or len(rows) < 2:  # the mean of a single network is its effect
                continue
            first, *others = several
            plus, minus = (
                {level: [side(row[level])[0] for row in rows] for level in (first, *others)}
                for side in (attrgetter("plus"), attrgetter("minus"))
            )
            for level in (first, *others):
                yield Difference(TRAVEL[0], networks, plus[level], minus[level], len(rows), family)
            for other in others:
                name = f"{family}: {other} − {first or default(key, '')}"
                more, less = plus[other] + minus[first], minus[other] + plus[first]
                yield Difference(TRAVEL[1], [*networks, key], more, less, len(rows), name)


def designs(planned: pd.DataFrame) -> Iterator[tuple[list[str], list[Condition]]]:
    """The 2^k designs with k >= 3 among these conditions: their factors' columns, and all their conditions, low first.

    Of each more than half is planned: a half or less is another design, such as one factor at a time.
    """
    twins = [factor.levels for factor in factors(planned) if factor.family == "sharing" and factor.column == "model"]
    twins = [pair for pair in twins if not planned[planned.model.isin(pair)].empty]
    single = [(model,) for model in dict.fromkeys(planned.model) if not any(model in pair for pair in twins)]
    for models in (*twins, *single):
        ours = planned[planned.model.isin(models)]
        crossed = [column for column in ours if ours[column].nunique() == 2 and is_crossed(ours, column)]
        rest = [column for column in ours if column not in crossed]
        for _, group in ours.groupby(rest, sort=False):
            varied = [column for column in crossed if group[column].nunique() == 2]
            if len(varied) >= 3 and len(group) > 2 ** len(varied) / 2:
                factor = {factor.column: factor for factor in factors(group)} | {"model": Factor("", "model", models)}
                cells = itertools.product(*(levels(factor[column], group) for column in varied))
                yield varied, [group.iloc[0].to_dict() | dict(zip(varied, cell, strict=True)) for cell in cells]


def is_crossed(planned: pd.DataFrame, column: str) -> bool:
    """Whether more than half of these conditions have a counterpart that differs in this column alone."""
    paired = planned.duplicated([other for other in planned if other != column], keep=False)
    return bool(paired.mean() > 0.5)


def factorial_effects(varied: Sequence[str], cells: Sequence[Condition]) -> Iterator[Difference]:
    """Main effects and interactions of every order in a 2^k design.

    A main effect is the mean difference over the other factors' cells. An interaction is a difference of differences:
    how much more a factor adds where the other is on, and so on, again the mean over the cells of the rest.
    """
    low, high = cells[0], cells[-1]
    short = {column: level_name(column, high[column] or low[column]) for column in varied}
    short |= {"model": "sharing", "shared": "sharing", "aux": "AL"}
    for order in range(1, len(varied) + 1):
        for chosen in itertools.combinations(varied, order):
            sides: tuple[list[Condition], list[Condition]] = [], []
            for cell in cells:  # an even number of the chosen factors at their first level: plus
                sides[sum(cell[column] == low[column] for column in chosen) % 2].append(cell)
            name = " × ".join(short[column] for column in chosen)
            yield Difference(ORDERS[min(order, 3) - 1], varied, *sides, 2 ** (len(varied) - order), name)


def differences(frame: pd.DataFrame) -> Iterator[Difference]:
    """Every difference that these runs (rows of `conditions`) plan."""
    planned = frame.drop(columns=["lr", "seed", "test_acc"]).drop_duplicates()
    design = list(designs(planned))
    for varied, cells in design:
        yield from factorial_effects(varied, cells)
    every = [factor for factor in factors(planned) if planned[factor.column].nunique() > 1]
    for factor in every:
        yield from single_effects(planned, factor)
    yield from single_effects(frame.drop(columns=["seed", "test_acc"]).drop_duplicates(), Factor("lr", "lr"))
    yield from travel(planned)
    for first, second in itertools.combinations(every, 2):
        if first.column != second.column:
            for interaction in interactions(planned, first, second):
                averaged = any(
                    {*interaction.varied} <= {*varied} and interaction.plus[0] in cells for varied, cells in design
                )
                if not averaged or {first.family, second.family} <= {*CLAIMS, "dataset"}:  # these in every context
                    yield interaction


def effects(runs: pd.DataFrame, missing: Iterable[Path] = ()) -> pd.DataFrame:
    """One row per difference between cells that are equal but for the factors and the learning rate.

    runs: rows of `runs.read`, each once; missing: the folders of runs that are not finished. Columns: COLUMNS, and
    `difference`, a Difference; p_holm is Holm's p inside the family, `published` the same difference between the
    paper's means. Where the grid is unpaired, incomplete or ambiguous, `refused` says why and the numbers are nan. A
    difference that no sweep planned has no row.
    """
    frame = conditions(runs, missing)
    keys = list(frame.columns[:-3])
    of_condition = dict(iter(frame.groupby(keys, sort=False)))
    told = [key for key in keys if frame[key].nunique() > 1]

    def name(condition: Condition) -> str:
        return title(condition, [key for key in condition if key in told or key == "lr"])

    def accuracies(condition: Condition) -> pd.Series:
        known = of_condition.get(tuple(condition[key] for key in keys), frame[:0])
        known = known[known.lr == condition["lr"]] if "lr" in condition else known
        finished, unfinished = known[known.test_acc.notna()], known[known.test_acc.isna()]
        if finished.empty:
            raise ValueError(f"missing runs: no run of {name(condition)} is finished")
        if finished.lr.nunique() > 1:
            raise ValueError("ambiguous: several learning rates for one network")
        if finished.seed.duplicated().any():
            raise ValueError(f"ambiguous: several cells are {name(condition)}")
        if len(unfinished):
            seeds = ", ".join(f"seed={seed}" for seed in sorted(unfinished.seed))
            raise ValueError(f"missing runs: {name(condition)} lacks {seeds}")
        return finished.set_index("seed").test_acc.sort_index()

    def measured(difference: Difference) -> stats.Effect:
        sides = sorted([*difference.plus, *difference.minus], key=name)  # so that one reason reads the same everywhere
        accuracy = {name(side): accuracies(side) for side in sides}
        seeds: dict[str, list[str]] = {}
        for label, values in accuracy.items():
            seeds.setdefault(" ".join(map(str, values.index)), []).append(label)
        if len(seeds) > 1:
            who = (
                f"{first} and {len(more)} more have {theirs}" if more else f"{first} has {theirs}"
                for theirs, (first, *more) in seeds.items()
            )
            raise ValueError(f"different seeds: {', '.join(who)}")
        plus, minus = (sum(accuracy[name(side)] for side in part) for part in (difference.plus, difference.minus))
        return stats.paired_effect(plus.to_numpy() / difference.scale, minus.to_numpy() / difference.scale)

    rows = []
    for difference in differences(frame):
        row = {"family": difference.family, "effect": difference.title, "context": difference.context}
        rows.append(row | {"difference": difference, "claim": difference.claim, "published": difference.published})
        try:
            rows[-1] |= dict(zip(("mean", "ci_low", "ci_high", "p", "n"), measured(difference), strict=True))
        except ValueError as error:
            rows[-1]["refused"] = str(error)
    table = pd.DataFrame(rows, columns=[*COLUMNS, "difference"]).astype(dict.fromkeys(NUMBERS, float))
    table["n"] = table.n.astype("Int64")
    for _, family in table[table.p.notna()].groupby("family"):
        table.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    numbers = table[["mean", "ci_low", "ci_high", "p_holm", "claim"]].to_numpy(float)
    table["verdict"] = [stats.verdict(*row) if row[0] == row[0] else None for row in numbers]
    order = sorted(range(len(table)), key=lambda i: place(table.iloc[i], list(dict.fromkeys(table.context))))
    return table.iloc[order].reset_index(drop=True)


def by_dataset(table: pd.DataFrame) -> pd.DataFrame:
    """What the auxiliary loss and sharing add on each data set, and how much more than on the first.

    table: rows of `effects`. Columns: `factor effect settings dataset less n mean ci_low ci_high p_holm`, a row for
    each pair of networks, or for the mean of several, and data set; `less`: '', or the first data set, where the row is
    the difference from it, its p Holm's inside its own family. Empty if there is one data set.
    """

    def key(plus: Iterable[Condition], minus: Iterable[Condition]) -> tuple[frozenset[tuple[str, ...]], ...]:
        return tuple(frozenset(tuple(side.values()) for side in part) for part in (plus, minus))

    table = table[table.refused.isna()]
    known = {key(row.difference.plus, row.difference.minus): row for row in table.itertuples()}
    ours = table[table.family.isin([*CLAIMS, TRAVEL[0]]) & table.difference.map(lambda it: "dataset" in it.plus[0])]
    datasets = sorted(
        {difference.plus[0]["dataset"] for difference in ours.difference}, key=lambda name: (bool(name), name)
    )
    rows = []
    for row in ours.itertuples():
        plus, minus, dataset = row.difference.plus, row.difference.minus, row.difference.plus[0]["dataset"]
        more, first = None, ""
        for first in datasets:  # with which of them it is compared
            start = [[side | {"dataset": first} for side in part] for part in (plus, minus)]
            if more := known.get(key([*plus, *start[1]], [*minus, *start[0]])):
                break
        mean = row.family == TRAVEL[0]
        contrast = {
            "factor": row.effect if mean else row.family,
            "effect": f"mean of {len(plus)}" if mean else row.effect,
        }
        contrast |= {"settings": row.difference._replace(varied=[*row.difference.varied, "dataset"]).context}
        for effect, less in ((row, ""), (more, first or default("dataset", ""))):
            if effect:
                levels = {"dataset": dataset or default("dataset", ""), "less": less}
                numbers = ("n", "mean", "ci_low", "ci_high", "p_holm")
                rows.append(contrast | levels | {name: getattr(effect, name) for name in numbers})
    return pd.DataFrame(rows) if len({row["dataset"] for row in rows}) > 1 else pd.DataFrame()


def differing(contexts: Iterable[str]) -> list[str]:
    """What tells contexts apart: each less the settings that all of them have, to be read."""
    settings = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, settings)) if settings else set()
    return [", ".join(setting for setting in row if setting not in common) for row in settings]


def place(row: pd.Series, contexts: Sequence[str]) -> tuple[object, ...]:
    """Sorts effects by family, then by context, those without the auxiliary loss first."""
    rank = next((rank for rank, names in enumerate((FIRST, LAST)) if row.family in names), 0.5)
    within = FIRST.index(row.family) if row.family in FIRST else LAST.index(row.family) if row.family in LAST else 0
    sides = (*row.difference.plus, *row.difference.minus)
    return rank, within, row.family, contexts.index(row.context), all(side["aux"] for side in sides)
