"""Variants whose values are tuned: what an earlier tuning has chosen for them, or that they await one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablate.models.reading import fields_read
from ablate.models.spec import BuilderSpec, NetworkSpec
from ablate.records import digest
from ablate.schema import DataConfig, Range, fields_under
from ablate.study.planning.variants import Variant
from ablate.study.reading.load import Study
from ablate.study.reading.probe import signature_of
from ablate.train import TRAINING_VERSION
from ablate.train.check import recipe_fields_read

Chosen = dict[str, Any]
"""What plan.json keeps of the tuning of one variant; see `ablate.study.running.tuning.Arm.chosen`."""


def settled(
    study: Study, variants: Sequence[Variant], digests: Mapping[DataConfig, str], stored: Mapping[str, Chosen]
) -> list[Variant]:
    """`variants` with the values that `stored` holds for them; those for which it holds none await them.

    One that has a use for none of the fields is left as it is stated.
    """
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
    return replace(variant, train=variant.train.model_copy(update=of_train), model=_changed(variant.model, of_model))


def fields_tuned(study: Study, variant: Variant) -> dict[str, Range]:
    """Those of the fields under `tune:` that `variant` has a use for."""
    assert study.config.tune is not None
    assert variant.train is not None
    of_train = [f"train.{field}" for field in recipe_fields_read(variant.train)]
    read = {*of_train, *(f"model.{field}" for field in _arguments_of(variant.model))}
    return {path: spanned for path, spanned in study.config.tune.fields.items() if path in read}


def value_of_field(variant: Variant, path: str) -> float | None:
    """What `variant` has of a field that can be tuned; None where it leaves that to its network."""
    section, _, field = path.partition(".")
    stated = _fields(variant.model) if section == "model" else vars(variant.train)
    return stated.get(field)


def _changed(model: NetworkSpec, fields: Mapping[str, float]) -> NetworkSpec:
    if isinstance(model, BuilderSpec):
        return replace(model, arguments={**model.arguments, **fields})
    return replace(model, **fields)  # type: ignore[arg-type]  # of those that are numbers


def _fields(model: NetworkSpec) -> Mapping[str, Any]:
    return model.arguments if isinstance(model, BuilderSpec) else vars(model)


def _arguments_of(model: NetworkSpec) -> tuple[str, ...]:
    """What can be set of a network: the fields of a preset that it has a use for, or a builder's own arguments."""
    if isinstance(model, BuilderSpec):
        return signature_of(model.builder, Path(model.folder)).names
    return fields_read(model)


def _settled(
    study: Study, variant: Variant, digests: Mapping[DataConfig, str], stored: Mapping[str, Chosen]
) -> Variant:
    assert variant.data is not None
    if not fields_tuned(study, variant):
        return variant
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
