"""The keys of trials: whatever decides a trial's outcome is in its key, and nothing else is."""

from collections.abc import Sequence
from typing import Any

from ablate.records import Scored, digest
from ablate.study.planning.variants import Variant
from ablate.train import TRAINING_VERSION


def keys_of(variant: Variant, data_digest: str, seeds: Sequence[int]) -> dict[int, str]:
    """Seed as planned -> key of the trial; a trial is keyed by the seed it is trained with, so that whoever comes to
    the same training by another way shares its record. While a variant awaits its tuning its keys stand for trials that
    nobody can run yet."""
    awaited: dict[str, Any] = {"awaits": variant.awaits} if variant.awaits else {}
    return {seed: key_of(variant, data_digest, variant.trained_seed(seed), **awaited) for seed in seeds}


def key_of(variant: Variant, data_digest: str, seed: int, *, scored: Scored = "test", **beyond: object) -> str:
    """The key of one trial with the seed that it is trained with; `beyond`: what else decides its outcome."""
    assert variant.data is not None
    assert variant.train is not None
    data = variant.data
    held_out = {} if data.validation is None else {"validation": data.validation}
    # The digest is of files as they lie there; unless stated otherwise a network takes what they are resized to.
    is_told = variant.image_size in (None, variant.model.input_size)
    resized = {} if is_told else {"image_size": variant.image_size}
    same = {
        "model": variant.model.as_json(),
        "data": {
            "name": data.name,
            "digest": data_digest,
            "seed": data.seed,
            "train_limit": data.train_limit,
            "scored": scored,
            **held_out,
            **resized,
        },
        "train": variant.train.model_dump(mode="json", exclude_none=True),
        "training_version": TRAINING_VERSION,
    }
    return digest({**same, **beyond, "seed": seed})
