"""Variants whose values are tuned: what an earlier tuning has chosen for them, or that they await one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ablate.models.spec import ExternalSpec, ModelSpec
from ablate.records import digest
from ablate.schema import DataConfig, fields_under
from ablate.study.planning.variants import Variant
from ablate.study.reading.load import Study
from ablate.train import TRAINING_VERSION

Chosen = dict[str, Any]
"""What plan.json keeps of the tuning of one variant; see `ablate.study.running.tuning.Arm.chosen`."""


def settled(
    study: Study, variants: Sequence[Variant], digests: Mapping[DataConfig, str], stored: Mapping[str, Chosen]
) -> list[Variant]:
    """`variants` with the values that `stored` holds for them; those for which it holds none await them."""
    if study.config.tune is None:
        return list(variants)
    return [_settled(study, variant, digests, stored) for variant in variants]


def tuned_before(stored: Sequence[Mapping[str, Any]]) -> dict[str, Chosen]:
    """What `stored`, the variants of an earlier plan, has of tunings that are done."""
    return {each["variant"]: each["tuned"] for each in stored if "tuned" in each}


def with_chosen(variant: Variant, chosen: Chosen) -> Variant:
    """`variant` with what its tuning has chosen: it awaits nothing any more."""
    return replace(with_values(variant, chosen["values"]), awaits="", tuned=chosen)


def with_values(variant: Variant, values: Mapping[str, float]) -> Variant:
    """`variant` with its fields at `values`, by their paths."""
    assert variant.train is not None
    of_train, of_model = fields_under("train", values), fields_under("model", values)
    tuned = replace(variant, train=variant.train.model_copy(update=of_train))
    if not of_model:
        return tuned
    assert isinstance(variant.model, ModelSpec | ExternalSpec)
    return replace(tuned, model=replace(variant.model, **of_model))


def _settled(
    study: Study, variant: Variant, digests: Mapping[DataConfig, str], stored: Mapping[str, Chosen]
) -> Variant:
    assert variant.data is not None
    identity = _identity(study, variant, digests[variant.data])
    if variant.name in stored and stored[variant.name]["arm"] == identity:
        return with_chosen(variant, stored[variant.name])
    return replace(variant, awaits=identity)


def _identity(study: Study, variant: Variant, data_digest: str) -> str:
    """Of everything that the tuning of `variant` depends on, but for its name and the folder of its data."""
    assert study.config.tune is not None
    assert variant.data is not None
    assert variant.train is not None
    return digest(
        {
            "model": variant.model.as_json(),
            "data": [data_digest, variant.data.model_dump(mode="json", exclude={"root"})],
            "train": variant.train.model_dump(mode="json"),
            "tune": study.config.tune.model_dump(mode="json"),
            "primary": study.config.primary,
            "training_version": TRAINING_VERSION,
        }
    )
