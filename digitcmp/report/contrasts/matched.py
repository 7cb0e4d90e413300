"""Contrasts between kinds of backbones at equal sharing.

For example, WS3 − WS2 and WS1 − FCNN3 compare convolutional with dense networks.
"""

from collections.abc import Iterator, Sequence

from digitcmp.models import backbones
from digitcmp.report.contrasts.conditions import Condition, levels_of
from digitcmp.report.contrasts.contrast import Contrast, interactions, single_effects
from digitcmp.report.contrasts.factors import Factor

MATCHED, MATCHED_INTERACTION = "backbone, same sharing", "backbone × auxiliary loss"
AUXILIARY = Factor("auxiliary loss", "aux")

Kind = tuple[str, str]  # a network that shares its weights, and the same without sharing


def kinds(planned: Sequence[Condition]) -> list[Kind]:
    """Return the kinds of backbones with a planned network, in the order of the registry."""
    models = {*levels_of(planned, "model")}
    known = [(name, network.unshared) for name, network in backbones.facts().items() if network.unshared]
    return [kind for kind in known if not models.isdisjoint(kind)]


def matched_contrasts(planned: Sequence[Condition]) -> Iterator[Contrast]:
    """Yield the contrast of each kind of backbone with the first, and its interaction with the auxiliary loss.

    Each is yielded for two networks with sharing, for two without, and as the mean of both if all other settings are
    equal.
    """
    first, *others = kinds(planned) or [("", "")]
    for other in others:
        factors = [Factor(MATCHED, "model", pair) for pair in zip(first, other, strict=True)]
        effects = [list(single_effects(planned, factor)) for factor in factors]
        yield from with_means(*effects)
        more = [list(interactions(planned, factor, AUXILIARY)) for factor in factors]
        renamed = [[contrast._replace(family=MATCHED_INTERACTION) for contrast in group] for group in more]
        yield from with_means(*renamed)


def with_means(shared: Sequence[Contrast], unshared: Sequence[Contrast]) -> Iterator[Contrast]:
    """Yield contrasts of networks with sharing and without, and the mean of each two that differ only in sharing."""
    yield from shared
    yield from unshared
    partners = {recipe(contrast): contrast for contrast in unshared}
    for contrast in shared:
        if partner := partners.get(recipe(contrast)):
            name = f"mean of {contrast.effect} and {partner.effect}"
            plus, minus = [*contrast.plus, *partner.plus], [*contrast.minus, *partner.minus]
            yield contrast._replace(plus=plus, minus=minus, scale=2, name=name)


def recipe(contrast: Contrast) -> tuple[tuple[str, ...], ...]:
    """Return the settings of all conditions of a contrast, without the networks."""
    sides = (*contrast.plus, *contrast.minus)
    return tuple(tuple(level for key, level in side.items() if key != "model") for side in sides)
