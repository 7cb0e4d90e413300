"""What an ingredient adds to the test accuracy: differences between cells, paired by seed, beside the paper's claim."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from digitcmp import paper
from digitcmp.backbones import NETWORKS
from digitcmp.report import stats

SHARED = {name: network.unshared for name, network in NETWORKS.items() if network.unshared}
TWO_BRANCHES = {name: network.merged for name, network in NETWORKS.items() if network.merged}
FAMILIES = (  # Holm corrects inside each
    *("main effect", "two-way interaction", "higher interaction"),  # of a factorial
    *("auxiliary loss", "sharing", "branches", "interaction", "regularization"),
)
FACTORS = ("sharing", "AL", "ordinal", "augment")
ORDINAL, AUGMENTED = "head=ordinal", "augment=true"
COLUMNS = (
    *("family", "effect", "context", "n", "mean", "ci_low", "ci_high", "p", "p_holm"),
    *("claim", "published", "verdict", "refused"),
)

Arm = tuple[str, str, bool]  # context, model and aux: a cell less its learning rate, which belongs to the recipe


class Difference(NamedTuple):
    """Test accuracy summed over the arms in `plus` less that summed over those in `minus`, divided by `scale`."""

    family: str
    name: str
    context: str
    plus: Sequence[Arm]
    minus: Sequence[Arm]
    scale: int = 1
    claim: float | None = None
    published: float | None = None


class Contrast(NamedTuple):
    """Test accuracy of the (model, aux) in `plus` less that of those in `minus`, and what the paper claims of it."""

    family: str
    plus: tuple[tuple[str, bool], ...]
    minus: tuple[tuple[str, bool], ...]
    claim: paper.Claim | None = None

    @property
    def name(self) -> str:
        """'AL4 − WS3', '(AL4 − WS3) − (AL2 − WS1)'"""
        plus, minus = ([paper.label(*side) for side in sides] for sides in (self.plus, self.minus))
        if len(plus) == 1:
            return f"{plus[0]} − {minus[0]}"
        return f"({plus[0]} − {minus[0]}) − ({minus[1]} − {plus[1]})"

    @property
    def published(self) -> float:
        """The same difference between the paper's own means, nan where it lacks one."""
        known = {side: paper.published(paper.label(*side)) for side in self.plus + self.minus}
        means = {side: value.mean if value else float("nan") for side, value in known.items()}
        return sum(means[side] for side in self.plus) - sum(means[side] for side in self.minus)


def contrasts(models: Iterable[str]) -> list[Contrast]:
    """Every difference that these backbones could show."""
    found = [Contrast("auxiliary loss", ((model, True),), ((model, False),), paper.AUXILIARY_CLAIM) for model in models]
    for aux in (False, True):
        for shared, own in SHARED.items():
            found.append(Contrast("sharing", ((shared, aux),), ((own, aux),), paper.SHARING_CLAIM))
        for two, merged in TWO_BRANCHES.items():
            found.append(Contrast("branches", ((two, aux),), ((merged, aux),)))
    for shared, own in SHARED.items():
        found.append(Contrast("interaction", ((shared, True), (own, False)), ((shared, False), (own, True))))
    return found


def arm(cell: str) -> Arm:
    """'model=ws3,aux=true,lr=0.002,train_pairs=500' -> ('train_pairs=500', 'ws3', True)"""
    model, aux, _, *context = cell.split(",")
    return ",".join(context), model.removeprefix("model="), aux == "aux=true"


def settings(context: str) -> dict[str, Any]:
    """'data_seed=0,hidden=300-50' -> {'data_seed': '0', 'hidden': [300, 50]}"""
    pairs = dict(setting.split("=", 1) for setting in context.split(",")) if context else {}
    return pairs | ({"hidden": [int(width) for width in pairs["hidden"].split("-")]} if "hidden" in pairs else {})


def differing(contexts: Iterable[str]) -> list[str]:
    """What tells contexts apart: each less the settings that all of them have, to be read."""
    settings = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, settings)) if settings else set()
    return [", ".join(setting for setting in one if setting not in common) for one in settings]


def levels(key: Arm) -> tuple[tuple[str, str], tuple[bool, ...]]:
    """An arm's group, (the rest of its context, the backbone that does not share), and its level of each factor."""
    context, model, aux = key
    settings = context.split(",") if context else []
    rest = ",".join(setting for setting in settings if setting not in (ORDINAL, AUGMENTED))
    return (rest, SHARED.get(model, model)), (model in SHARED, aux, ORDINAL in settings, AUGMENTED in settings)


def at_levels(group: tuple[str, str], level: Sequence[bool]) -> Arm:
    """The arm of a group at these levels of the factors: the inverse of `levels`."""
    (rest, model), (shared, aux, ordinal, augmented) = group, level
    settings = [rest] * bool(rest) + [ORDINAL] * ordinal + [AUGMENTED] * augmented
    if shared:
        model = next(name for name, own in SHARED.items() if own == model)
    return ",".join(sorted(",".join(settings).split(","))), model, aux


def factorials(arms: Iterable[Arm]) -> dict[tuple[str, str], list[list[bool]]]:
    """The groups of arms that are a 2^k design with k >= 3, or most of one: the levels of each factor, low first."""
    groups: dict[tuple[str, str], list[tuple[bool, ...]]] = {}
    for key in arms:
        group, level = levels(key)
        groups.setdefault(group, []).append(level)
    found = {group: [sorted(set(factor)) for factor in zip(*own, strict=True)] for group, own in groups.items()}
    cells = {group: 2 ** sum(len(factor) == 2 for factor in factors) for group, factors in found.items()}
    return {  # a half or less is another design, such as one factor at a time
        group: found[group] for group, own in groups.items() if cells[group] >= 8 and len(own) > cells[group] / 2
    }


def factorial_effects(planned: Iterable[Arm]) -> Iterator[Difference]:
    """Main effects and interactions of every order in the 2^k designs among these arms.

    A main effect is the mean difference over the other factors' cells. An interaction is a difference of differences:
    how much more a factor adds where the other is on, and so on, again the mean over the cells of the rest.
    """
    for group, factors in factorials(planned).items():
        varied = [i for i, factor in enumerate(factors) if len(factor) == 2]
        cells = list(itertools.product(*factors))
        models = "/".join(dict.fromkeys(at_levels(group, cell)[1] for cell in cells))
        for order in range(1, len(varied) + 1):
            for chosen in itertools.combinations(varied, order):
                sides: tuple[list[Arm], list[Arm]] = [], []
                for cell in cells:  # an even number of the chosen factors off: plus
                    sides[sum(not cell[i] for i in chosen) % 2].append(at_levels(group, cell))
                yield Difference(
                    family=FAMILIES[min(order, 3) - 1],
                    name=" × ".join(FACTORS[i] for i in chosen),
                    context=",".join(filter(None, [f"model={models}", group[0]])),
                    plus=sides[0],
                    minus=sides[1],
                    scale=2 ** (len(varied) - order),
                )


def ingredient_effects(planned: Sequence[Arm]) -> Iterator[Difference]:
    """What the paper compares, wherever both sides are planned in the same context."""
    for context in dict.fromkeys(context for context, _, _ in planned):
        for contrast in contrasts(dict.fromkeys(model for there, model, _ in planned if there == context)):
            plus, minus = ([(context, *side) for side in sides] for sides in (contrast.plus, contrast.minus))
            if {*plus, *minus} <= set(planned):
                yield Difference(
                    *(contrast.family, contrast.name, context, plus, minus),
                    claim=contrast.claim.effect if contrast.claim else None,
                    published=contrast.published if paper.as_published(settings(context)) else None,
                )


def regularization_effects(planned: Sequence[Arm]) -> Iterator[Difference]:
    """Each regularization less the same network without any."""
    for key in planned:
        settings = key[0].split(",")
        for own in [setting for setting in settings if setting.startswith("regularization=")]:
            plain = (",".join(setting for setting in settings if setting != own), *key[1:])
            if plain in planned:
                name = f"{title(plain)} {own.removeprefix('regularization=')} − {title(plain)}"
                yield Difference("regularization", name, plain[0], [key], [plain])


def title(key: Arm) -> str:
    """'AL4+ordinal augmented'"""
    (_, model, aux), (_, (*_, ordinal, augmented)) = key, levels(key)
    return paper.label(model, aux, "ordinal" if ordinal else "mlp") + " augmented" * augmented


def effects(table: pd.DataFrame, missing: Iterable[Path] = ()) -> pd.DataFrame:
    """One row per difference between cells that are equal but for the ingredient and the learning rate.

    table: the runs (rows of `runs.read`, each once); missing: the folders of runs that are not finished. Columns:
    `family effect context n mean ci_low ci_high p p_holm claim published verdict refused`; p_holm is Holm's p inside
    the family, `published` the same difference between the paper's means. Where the grid is unpaired, incomplete or
    ambiguous, `refused` says why and the numbers are nan. A difference that no sweep planned has no row.
    """
    finished = {key: runs for key, runs in table.groupby(table.cell.map(arm), sort=False)}
    unfinished: dict[Arm, list[str]] = {}
    for folder in missing:
        if folder.parent.name.startswith("model="):
            unfinished.setdefault(arm(folder.parent.name), []).append(folder.name)
    planned = [*finished, *(key for key in unfinished if key not in finished)]
    rows: list[dict[str, object]] = []
    for one in (*factorial_effects(planned), *ingredient_effects(planned), *regularization_effects(planned)):
        row: dict[str, object] = {"family": one.family, "effect": one.name, "context": one.context}
        row |= {"claim": one.claim, "published": one.published}
        rows.append(row)
        try:
            arms = sorted([*one.plus, *one.minus], key=title)  # so that one reason reads the same for every effect
            accuracy = {key: accuracies(key, finished.get(key), unfinished.get(key, [])) for key in arms}
            seeds: dict[str, list[str]] = {}
            for key, own in accuracy.items():
                seeds.setdefault(" ".join(map(str, own.index)), []).append(title(key))
            if len(seeds) > 1:
                who = (
                    f"{first} and {len(more)} more have {own}" if more else f"{first} has {own}"
                    for own, (first, *more) in seeds.items()
                )
                raise ValueError(f"different seeds: {', '.join(who)}")
            plus, minus = (sum(accuracy[key] for key in side).to_numpy() / one.scale for side in (one.plus, one.minus))
            effect = stats.paired_effect(plus, minus)
        except ValueError as error:
            row["refused"] = str(error)
            continue
        row |= {"n": effect.n, "mean": effect.mean, "ci_low": effect.low, "ci_high": effect.high, "p": effect.p}
        row["verdict"] = stats.verdict(effect, one.claim)
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[3:-2], float))
    found["n"] = found.n.astype("Int64")
    for _, family in found[found.p.notna()].groupby("family"):
        found.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    return found.sort_values("family", key=lambda names: names.map(FAMILIES.index), kind="stable", ignore_index=True)


def accuracies(key: Arm, runs: pd.DataFrame | None, unfinished: Sequence[str]) -> pd.Series:
    """Test accuracy by seed of the runs of one arm. Raises ValueError, saying why, unless it is one whole cell."""
    if runs is None:
        raise ValueError(f"missing runs: no run of {title(key)} is finished")
    if runs.lr.nunique() > 1:
        raise ValueError("ambiguous: several learning rates for one network")
    if unfinished:
        raise ValueError(f"missing runs: {title(key)} lacks {', '.join(sorted(unfinished))}")
    return runs.set_index("seed").test_acc.sort_index()
