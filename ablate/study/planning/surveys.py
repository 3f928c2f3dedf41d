"""Counting the variants of a study: here, or for a user's network in a process of its own; never twice."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from ablate.count_cache import recall, remember
from ablate.errors import AblateError, SourceChanged, StudyError
from ablate.lookup import load_dotted
from ablate.models.spec import BuilderSpec
from ablate.records import digest
from ablate.schema import Count, CountClaim, Reading
from ablate.study.planning.variants import Variant
from ablate.study.reading.load import Study
from ablate.study.reading.probe import survey_networks

Survey = dict[str, Any]
# Raised when the same network would be counted differently.
COUNTING_VERSION = 1
COUNTED = ("params", "macs", "quantities", "stages")


def survey_variants(study: Study, variants: Sequence[Variant], stored: Sequence[dict[str, Any]]) -> list[Survey]:
    """The survey of every one of `variants`; what `stored`, the variants of an earlier plan, holds is not taken again.

    Raises `StudyError` that names the variant whose network cannot be built, and `SourceChanged`.
    """
    asked = {variant.name: quantities_of(study, variant.name) for variant in variants}
    known = {_identity(before["model"], _asked_before(before)): _kept(before) for before in stored}
    identities = [_identity(variant.model.as_json(), asked[variant.name]) for variant in variants]
    missing = {
        identity: variant for identity, variant in zip(identities, variants, strict=True) if identity not in known
    }
    own = {identity: variant for identity, variant in missing.items() if isinstance(variant.model, BuilderSpec)}
    known |= _own_surveys(study, own, asked)
    known |= _surveys(study, {key: variant for key, variant in missing.items() if key not in own}, asked)
    return [known[identity] for identity in identities]


def quantities_of(study: Study, variant: str) -> tuple[str, ...] | None:
    """What the claims of a count study ask of `variant`, sorted; None in every other study."""
    if study.config.design != "count":
        return None
    claims = [claim for claim in study.config.claims if isinstance(claim, CountClaim)]
    counted: list[Count | Reading] = [claim.count for claim in claims]
    counted += [reading for claim in claims for reading in claim.readings]
    return tuple(
        sorted({each.quantity for each in counted if each.quantity is not None and variant in (each.system, each.over)})
    )


def _surveys(study: Study, variants: dict[str, Variant], asked: dict[str, tuple[str, ...] | None]) -> dict[str, Survey]:
    """Surveys of networks that are named: this version of torch counts each once, whatever study asks."""
    counter = f"{COUNTING_VERSION} torch {metadata.version('torch')}"
    place = {f"{counter} {identity}": identity for identity in variants}
    found = {place[key]: survey for key, survey in recall(place).items()}
    counted = dict[str, Survey]()
    try:
        for identity, variant in variants.items():
            if identity not in found:
                counted[identity] = _survey(study, variant, asked[variant.name])
    finally:
        remember({key: counted[identity] for key, identity in place.items() if identity in counted})
    return found | counted


def _survey(study: Study, variant: Variant, quantities: Sequence[str] | None) -> Survey:
    try:
        found: Survey = load_dotted("ablate.models.survey:survey")(variant.model, quantities)
    except AblateError as error:
        raise _error(study, variant, str(error)) from error
    return found


def _own_surveys(
    study: Study, variants: dict[str, Variant], asked: dict[str, tuple[str, ...] | None]
) -> dict[str, Survey]:
    """Surveys of user's networks, in one process for all that are asked the same."""
    found: dict[str, Survey] = {}
    for quantities in dict.fromkeys(asked[variant.name] for variant in variants.values()):
        chosen = {key: variant for key, variant in variants.items() if asked[variant.name] == quantities}
        specs = [variant.model for variant in chosen.values() if isinstance(variant.model, BuilderSpec)]
        try:
            surveys = survey_networks(specs, quantities)
        except SourceChanged:
            raise
        except AblateError as error:
            raise StudyError(f"{study.source}: {error}") from error
        for (key, variant), survey in zip(chosen.items(), surveys, strict=True):
            if "mistake" in survey:
                raise _error(study, variant, survey["mistake"])
            found[key] = survey
    return found


def _error(study: Study, variant: Variant, sentence: str) -> StudyError:
    return StudyError(f"{study.source}: variant {variant.name}: {sentence}")


def _identity(model: dict[str, Any], quantities: Sequence[str] | None) -> str:
    return digest([model, quantities])


def _asked_before(stored: dict[str, Any]) -> list[str] | None:
    return sorted(stored["quantities"]) if "quantities" in stored else None


def _kept(stored: dict[str, Any]) -> Survey:
    return {name: stored[name] for name in COUNTED if name in stored}
