"""Which network `ablate show` means: a preset by name, or the baseline of a study file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablate.errors import UnknownName
from ablate.lookup import load_dotted, lookup, suggestion
from ablate.models.resolve import PRESETS, is_external, resolve
from ablate.models.spec import BuilderSpec, NetworkSpec
from ablate.schema import ModelConfig, SectionError, validated
from ablate.schema.mistakes import mistakes_in
from ablate.study.planning.variants import baseline_of, variants_of
from ablate.study.reading.document import Document, with_overrides
from ablate.study.reading.load import load_study
from ablate.study.reading.probe import describe_network


def describe(target: str, overrides: Sequence[str]) -> dict[str, Any]:
    """What `ablate show` prints of the network that `target` and `overrides` name (see models/describe.py)."""
    spec = network_of(target, overrides)
    if isinstance(spec, BuilderSpec):
        return describe_network(spec)
    described: dict[str, Any] = load_dotted("ablate.models.describe:describe")(spec)
    return described


def network_of(target: str, overrides: Sequence[str]) -> NetworkSpec:
    """The network that `target`, a preset's name or a study file, and `--set model.field=value` describe.

    Raises `UnknownName` for a target that is neither, `StudyError` for an override or study that is wrong.
    """
    if target in PRESETS or is_external(target):
        return _preset(target, overrides)
    if Path(target).suffix not in (".yaml", ".yml"):
        raise UnknownName(f"unknown network {target!r}; {suggestion(target, PRESETS)}, or the path of a study file")
    study = load_study(target, overrides)
    variants = {variant.name: variant for variant in variants_of(study)}
    return lookup(variants, baseline_of(study), "variant").model


def _preset(name: str, overrides: Sequence[str]) -> NetworkSpec:
    document = with_overrides(Document({"model": {"preset": name}}, {(): f"show {name}"}), overrides)
    try:
        fields = validated(ModelConfig, document.data["model"])
    except SectionError as error:
        mistake = mistakes_in(error, document.data["model"])[0]
        raise document.error(("model", *mistake.path), mistake.sentence) from None
    for section in document.data:
        if section != "model":
            raise document.error((section,), f"a preset alone has no {section!r}; only model.FIELD can be set")
    return resolve(fields.preset, fields.model_dump(exclude_none=True, exclude={"preset"}))
