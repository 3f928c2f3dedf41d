"""Results folders as `ablate run` leaves them, one factor a study unless said otherwise."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ablate.records import Results, load_results, save_record, write_json

Accuracies = Mapping[str, Mapping[int, float | None]]

MACHINE = {"system": "Linux", "versions": {"torch": "2.13.0"}, "cpu": "Xeon", "cores": 2, "gpu": None}
ENVIRONMENT = {"machine": MACHINE, "commit": "a" * 40, "dirty": False, "load_at_start": 0.5}
DATA = {"name": "small_objects", "seed": 0, "train_images": 5000, "test_images": 8, "digest": "d" * 64}


def key(variant: str, seed: int) -> str:
    return hashlib.sha256(f"{variant}-{seed}".encode()).hexdigest()


def planned(name: str, seeds: Mapping[int, Any], **changes: Any) -> dict[str, Any]:
    """A variant of plan.json; its network differs from others by its name unless `model` says otherwise."""
    fields: dict[str, Any] = {
        "variant": name,
        "levels": {"model.downsample": name},
        "model": {"preset": "mini_xception", "downsample": name},
        "data": DATA,
        "train": {"epochs": 6, "lr": 0.1, "precision": "fp32"},
        "steps": 234,
        "params": 1000,
        "macs": 5000,
        "keys": {str(seed): key(name, seed) for seed in seeds},
    }
    changed = {**fields, **changes}
    return {**changed, "data": {**DATA, **changed["data"]}}


def plan_of(name: str, variants: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    study = {
        "name": name,
        "question": "Does it?",
        "model": {},
        "factors": {"model.downsample": [variant["variant"] for variant in variants]},
        "design": "grid",
        "seeds": 3,
        "primary": "accuracy",
        "margin": {},
        "measure": ["accuracy"],
        "claims": [],
    }
    return {
        "training_version": 1,
        "precision": "fp32",
        "source": "studies/toy.yaml",
        "overrides": [],
        "study": {**study, **changes},
        "factors": [{"path": "model.downsample", "column": "downsample"}],
        "baseline": variants[0]["variant"],
        "variants": variants,
    }


@pytest.fixture
def key_of() -> Callable[[str, int], str]:
    """The key of a trial: `key_of("spd", 2)`."""
    return key


@pytest.fixture
def folder(tmp_path: Path, make_record: Any) -> Callable[..., Results]:
    """`folder("a", {"strided": {0: 0.7, 1: None}}, ...)`: a study of these accuracies, None being a trial to come.

    `of` changes the fields of single variants, `plan` those of plan.json, `environment` those of the environment,
    `record` those of every record; whatever else is given changes the resolved study.
    """

    def write(
        name: str,
        accuracies: Accuracies,
        *,
        of: Mapping[str, dict[str, Any]] | None = None,
        plan: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
        **study: Any,
    ) -> Results:
        variants = [planned(each, seeds, **(of or {}).get(each, {})) for each, seeds in accuracies.items()]
        place = tmp_path / name
        write_json(place / "plan.json", {**plan_of(name, variants, **study), **(plan or {})})
        write_json(place / "environment.json", {"e1": {**ENVIRONMENT, **(environment or {})}})
        for variant in variants:
            for seed, accuracy in accuracies[variant["variant"]].items():
                if accuracy is not None:
                    own = variant["keys"][str(seed)]
                    save_record(place, make_record(own, seed, accuracy, **(record or {})))
        return load_results(place)

    return write
