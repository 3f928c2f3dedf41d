"""Matching: the width at which every variant has as many parameters, or multiply-adds, as the baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ablate.errors import StudyError
from ablate.lookup import load_dotted
from ablate.models.spec import ModelSpec
from ablate.records import digest
from ablate.schema import MATCH, UNMATCHED, ModelConfig
from ablate.study.planning.variants import Variant, reference_of
from ablate.study.reading.load import Study

if TYPE_CHECKING:
    from ablate.models.counts import Counts
    from ablate.models.sizing import Sized

COUNT, NEAREST = "ablate.models.counts:count", "ablate.models.sizing:nearest"
CHANNEL_MULTIPLES = (8, 4, 2, 1)

Matched = dict[str, Any]
"""What plan.json keeps of a matching: `digest` of what was asked, and variant -> `width`, `channel_multiple`."""


@dataclass(frozen=True)
class _Found:
    """The network that a variant gets, and how far it is from what it was to have, as a fraction of that."""

    spec: ModelSpec
    counts: "Counts"
    off: float


def match(study: Study, variants: Sequence[Variant], stored: Matched | None) -> tuple[list[Variant], Matched | None]:
    """`variants` with the widths that match, and what is to be kept of that; what `stored` holds is not solved again.

    All of them, the baseline at its stated width too, have the largest of CHANNEL_MULTIPLES, or the one that the study
    states, with which each comes within its tolerance. Raises `StudyError` that names the nearest.
    """
    if all(each.on == UNMATCHED for each in study.config.matchings):
        return list(variants), None
    asked = digest([[each.name, each.model.as_json(), each.match.model_dump()] for each in variants])
    if stored is None or stored["digest"] != asked:
        stored = {"digest": asked, "variants": _solved(study, variants)}
    return [_at(variant, stored["variants"][variant.name]) for variant in variants], stored


def _at(variant: Variant, found: Mapping[str, Any]) -> Variant:
    assert isinstance(variant.model, ModelSpec)
    return replace(variant, model=replace(variant.model, **found))


def _solved(study: Study, variants: Sequence[Variant]) -> dict[str, Any]:
    for variant in variants:
        _check_width(study, variant)
    for multiple in _multiples(study):
        found: dict[str, Any] = {}
        for variant in variants:
            reference = reference_of(study, variant, variants)
            nearest = _nearest(variant, reference, multiple)
            if nearest.off > variant.match.tolerance:
                break
            found[variant.name] = _kept(nearest.spec)
        else:
            return found
    raise _too_far(study, variant, reference, nearest)


def _check_width(study: Study, variant: Variant) -> None:
    if not isinstance(variant.model, ModelSpec):
        sentence = f"variant {variant.name} is {variant.model.preset}, which has no width to match by"
        raise study.error((MATCH,), f"{sentence}; leave match out, or use a preset of this package")


def _nearest(variant: Variant, reference: Variant, multiple: int) -> _Found:
    assert isinstance(variant.model, ModelSpec)
    assert isinstance(reference.model, ModelSpec)
    spec = replace(variant.model, channel_multiple=multiple)
    target: Counts = load_dotted(COUNT)(replace(reference.model, channel_multiple=multiple))
    budget = variant.match.on
    if variant is reference or budget == UNMATCHED:
        return _Found(spec, target, 0.0)
    sized: Sized = load_dotted(NEAREST)(spec, budget, target)
    return _Found(sized.spec, sized.counts, sized.off(budget))


def _kept(spec: ModelSpec) -> dict[str, Any]:
    return {"width": spec.width, "channel_multiple": spec.channel_multiple}


def _multiples(study: Study) -> tuple[int, ...]:
    model = study.config.model
    stated = model.channel_multiple if isinstance(model, ModelConfig) else None
    return CHANNEL_MULTIPLES if stated is None else (stated,)


def _too_far(study: Study, variant: Variant, reference: Variant, found: _Found) -> StudyError:
    budget, tolerance = variant.match.on, variant.match.tolerance
    return study.error(
        (MATCH,),
        f"variant {variant.name} does not come within {tolerance:.2%} of the {budget} of {reference.name}: the nearest "
        f"is width {found.spec.width:g} with channel_multiple {found.spec.channel_multiple}, "
        f"{getattr(found.counts, budget):,} {budget} and so {found.off:.2%} away; allow a tolerance of "
        f"{math.ceil(found.off * 1000) / 1000:g}, or leave the level out",
    )
