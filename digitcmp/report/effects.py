"""What an ingredient adds to the test accuracy: differences between cells, paired by seed, beside the paper's claim."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from digitcmp import paper
from digitcmp.report import stats

SHARED = {"ws2": "fcnn3", "ws3": "ws1", "convnet": "convnet2"}  # a branch for both images, and one for each
TWO_BRANCHES = {"fcnn3": "fcnn1"}  # a branch per image, and both images in one network
FAMILIES = ("auxiliary loss", "sharing", "branches", "interaction")  # Holm corrects inside each
SAME_NETWORK = {"accelerator", "data_seed", "normalize", "precision", "shuffle", "test_pairs", "threads", "val_pairs"}
PAPER_WIDTHS = {"hidden=500", "hidden=500-250-50", "hidden=300-150-50"}  # the last is Fig. 5's L=3, FCNN2's .825
COLUMNS = (
    *("family", "effect", "context", "n", "mean", "ci_low", "ci_high", "p", "p_holm"),
    *("claim", "published", "verdict", "refused"),
)

Arm = tuple[str, str, bool]  # context, model and aux: a cell less its learning rate, which belongs to the recipe


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
    found = [Contrast(FAMILIES[0], ((model, True),), ((model, False),), paper.AUXILIARY_CLAIM) for model in models]
    for aux in (False, True):
        for shared, own in SHARED.items():
            found.append(Contrast(FAMILIES[1], ((shared, aux),), ((own, aux),), paper.SHARING_CLAIM))
        for two, merged in TWO_BRANCHES.items():
            found.append(Contrast(FAMILIES[2], ((two, aux),), ((merged, aux),)))
    for shared, own in SHARED.items():
        found.append(Contrast(FAMILIES[3], ((shared, True), (own, False)), ((shared, False), (own, True))))
    return sorted(found, key=lambda contrast: FAMILIES.index(contrast.family))


def arm(cell: str) -> Arm:
    """'model=ws3,aux=true,lr=0.002,train_pairs=500' -> ('train_pairs=500', 'ws3', True)"""
    model, aux, _, *context = cell.split(",")
    return ",".join(context), model.removeprefix("model="), aux == "aux=true"


def differing(contexts: Iterable[str]) -> list[str]:
    """What tells contexts apart: each less the settings that all of them have, to be read."""
    settings = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, settings)) if settings else set()
    return [", ".join(setting for setting in one if setting not in common) for one in settings]


def as_published(context: str) -> bool:
    """Whether the paper's numbers are of the same networks and task, trained as long: its habits may differ."""
    settings = context.split(",") if context else []
    return all(setting.split("=")[0] in SAME_NETWORK or setting in PAPER_WIDTHS for setting in settings)


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
    for context in dict.fromkeys(context for context, _, _ in planned):
        for contrast in contrasts(dict.fromkeys(model for there, model, _ in planned if there == context)):
            sides = [(context, *side) for side in contrast.plus + contrast.minus]
            if not set(sides) <= set(planned):
                continue
            claim = contrast.claim.effect if contrast.claim else None
            row = {"family": contrast.family, "effect": contrast.name, "context": context, "claim": claim}
            row["published"] = contrast.published if as_published(context) else None
            rows.append(row)
            try:
                accuracy = [accuracies(key, finished.get(key), unfinished.get(key, [])) for key in sides]
                if any(not accuracy[0].index.equals(other.index) for other in accuracy):
                    seeds = (
                        f"{paper.label(*side[1:])} has {' '.join(map(str, one.index))}"
                        for side, one in zip(sides, accuracy, strict=True)
                    )
                    raise ValueError(f"different seeds: {', '.join(seeds)}")
                n = len(contrast.plus)
                effect = stats.paired_effect(sum(accuracy[:n]).to_numpy(), sum(accuracy[n:]).to_numpy())
            except ValueError as error:
                row["refused"] = str(error)
                continue
            row |= {"n": effect.n, "mean": effect.mean, "ci_low": effect.low, "ci_high": effect.high, "p": effect.p}
            row["verdict"] = stats.verdict(effect, claim)
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[3:-2], float))
    found["n"] = found.n.astype("Int64")
    for _, family in found[found.p.notna()].groupby("family"):
        found.loc[family.index, "p_holm"] = stats.holm(family.p.to_numpy())
    return found.sort_values("family", key=lambda names: names.map(FAMILIES.index), kind="stable", ignore_index=True)


def accuracies(key: Arm, runs: pd.DataFrame | None, unfinished: Sequence[str]) -> pd.Series:
    """Test accuracy by seed of the runs of one arm. Raises ValueError, saying why, unless it is one whole cell."""
    name = paper.label(*key[1:])
    if runs is None:
        raise ValueError(f"missing runs: no run of {name} is finished")
    if runs.lr.nunique() > 1:
        raise ValueError("ambiguous: several learning rates for one network")
    if unfinished:
        raise ValueError(f"missing runs: {name} lacks {', '.join(sorted(unfinished))}")
    return runs.set_index("seed").test_acc.sort_index()
