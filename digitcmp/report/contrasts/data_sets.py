"""The effects of the auxiliary loss and sharing on each question, and their means over networks.

A question is a task on a data set. Accuracies of two questions are never subtracted. The report compares the effects
of the auxiliary loss and of sharing between questions instead.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from digitcmp.report.contrasts.conditions import Condition
from digitcmp.report.contrasts.contrast import BETWEEN, CLAIMS, MEAN, Contrast, single_effects
from digitcmp.report.contrasts.factors import QUESTION, factors
from digitcmp.report.loading.settings import default

Question = tuple[str, ...]  # the levels of QUESTION, '' for the default


def question(condition: Condition) -> Question:
    """Return the question of a condition."""
    return tuple(condition.get(key, "") for key in QUESTION)


def question_names(questions: Iterable[Question]) -> dict[Question, str]:
    """Return a name for each question from the levels that differ: 'mnist', 'same' or 'same, fashion_mnist'.

    Returns:
        The names, sorted by the number of levels that are not at their default.
    """
    ordered = sorted(dict.fromkeys(questions), key=lambda levels: sum(map(bool, levels)))
    names = {}
    for levels in ordered:
        differing = [i for i in range(len(QUESTION)) if len({other[i] for other in ordered}) > 1]
        names[levels] = ", ".join(levels[i] or str(default(QUESTION[i], "")) for i in differing)
    return names


def means_over_networks(planned: Sequence[Condition]) -> Iterator[Contrast]:
    """Yield the mean effects of the auxiliary loss and sharing on each question, and their differences from the first.

    A mean is over the networks that are planned for all questions.
    """
    names = question_names(map(question, planned))
    if len(names) < 2:
        return
    networks = [key for key in ("model", "aux", "shared") if key in planned[0]]
    asked = [key for key in QUESTION if key in planned[0]]
    for family in CLAIMS:
        for by_pair in effects_by_pair(planned, family, networks):
            count = Counter(itertools.chain(*by_pair.values()))
            several = [levels for levels in names if count[levels] > 1]
            pairs = [on_each for on_each in by_pair.values() if on_each.keys() >= {*several}]
            if len(several) < 2 or len(pairs) < 2:  # the mean over one network is its effect
                continue
            plus = {levels: [on_each[levels].plus[0] for on_each in pairs] for levels in several}
            minus = {levels: [on_each[levels].minus[0] for on_each in pairs] for levels in several}
            first, *others = several
            for levels in several:
                yield Contrast(MEAN, networks, plus[levels], minus[levels], len(pairs), family)
            for other in others:
                name = f"{family}: {names[other]} − {names[first]}"
                more, less = plus[other] + minus[first], minus[other] + plus[first]
                yield Contrast(BETWEEN, [*networks, *asked], more, less, len(pairs), name)


def effects_by_pair(
    planned: Sequence[Condition], family: str, networks: Sequence[str]
) -> list[dict[tuple[str, ...], dict[Question, Contrast]]]:
    """Return the contrasts of a family, by pair of networks and question, for each set of the other settings."""
    found: dict[tuple[str, ...], dict[tuple[str, ...], dict[Question, Contrast]]] = {}
    for factor in factors(planned):
        if factor.family != family:
            continue
        for contrast in single_effects(planned, factor):
            on, off = contrast.plus[0], contrast.minus[0]
            others = tuple(level for key, level in on.items() if key not in (*networks, *QUESTION))
            pair = tuple(side[key] for side in (on, off) for key in networks)
            found.setdefault(others, {}).setdefault(pair, {})[question(on)] = contrast
    return list(found.values())


def by_dataset(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing on each question, and their differences from the first.

    Args:
        table: Rows of `effects`.

    Returns:
        `factor effect settings dataset less n mean ci_low ci_high p_holm`, one row per question and pair of networks
        or mean over networks. `dataset` is the name of the question: the data set, the task, or both. `less` is '', or
        the name of the first question if the row is the difference from it. p_holm is Holm's p inside the family of the
        contrast. Empty if there is only one question.
    """
    table = table[table.refused.isna()]
    known = {row.contrast.key: row for row in table.itertuples()}
    ours = table[table.family.isin([*CLAIMS, MEAN])]
    names = question_names(question(contrast.plus[0]) for contrast in ours.contrast)
    if len(names) < 2:
        return pd.DataFrame()
    rows = []
    for row in ours.itertuples():
        contrast = row.contrast
        shared = {"factor": row.family, "effect": row.effect, "settings": contrast.context_without(*QUESTION)}
        if row.family == MEAN:
            shared |= {"factor": row.effect, "effect": f"mean of {len(contrast.plus)}"}
        shared |= {"dataset": names[question(contrast.plus[0])]}
        rows.append(shared | {"less": ""} | statistics(row))
        for first, name in names.items():  # the first question with such a difference
            if more := known.get(difference(contrast, first).key):
                rows.append(shared | {"less": name} | statistics(more))
                break
    return pd.DataFrame(rows)


def difference(contrast: Contrast, first: Question) -> Contrast:
    """Return the contrast between a contrast and the same contrast on another question."""
    levels = {key: level for key, level in zip(QUESTION, first, strict=True) if key in contrast.plus[0]}
    plus = [side | levels for side in contrast.plus]
    minus = [side | levels for side in contrast.minus]
    return contrast._replace(plus=[*contrast.plus, *minus], minus=[*contrast.minus, *plus])


def statistics(row: Any) -> dict[str, Any]:
    """Return the statistics of a row of `effects` that `by_dataset` includes."""
    return {name: getattr(row, name) for name in ("n", "mean", "ci_low", "ci_high", "p_holm")}
