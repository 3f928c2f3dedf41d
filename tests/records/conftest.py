"""A results folder of four trials: one is complete, one diverged, one failed, one missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablate.records import failure_path, save_record, write_json

DATA = {"name": "small_objects", "seed": 0, "train_images": 5000, "test_images": 8, "digest": "d" * 64}


def _key(variant: str, seed: int) -> str:
    """Readable: the variant is a hexadecimal digit."""
    return variant * 32 + f"{seed:032d}"


def _plan() -> dict[str, Any]:
    """Two factors, two variants; the second seed is the larger number but the smaller text."""
    study = {
        "name": "toy",
        "question": "Does it?",
        "model": {},
        "factors": {"model.downsample": ["a", "b"], "relu": {"pre": {"model.relu_placement": "pre"}}},
        "design": "grid",
        "seeds": [9, 10],
        "primary": "accuracy",
        "margin": {},
        "measure": ["accuracy", "latency"],
        "claims": [],
    }
    return {
        "format": 1,
        "training_version": 1,
        "precision": "fp32",
        "source": "studies/toy.yaml",
        "overrides": [],
        "study": study,
        "factors": [{"path": "model.downsample", "column": "downsample"}, {"path": "relu", "column": "relu"}],
        "baseline": "a",
        "variants": [
            {
                "variant": name,
                "levels": {"model.downsample": name, "relu": "pre"},
                "model": {"downsample": name},
                "data": DATA,
                "train": {"epochs": 6},
                "steps": 200,
                "params": 1000,
                "macs": 5000,
                "keys": {"9": _key(name, 9), "10": _key(name, 10)},
            }
            for name in ("a", "b")
        ],
    }


@pytest.fixture
def plan() -> dict[str, Any]:
    return _plan()


@pytest.fixture
def key_of() -> Callable[[str, int], str]:
    """The key of a trial of the plan: `key_of("a", 9)`."""
    return _key


@pytest.fixture
def folder(tmp_path: Path, make_record: Any) -> Path:
    place = tmp_path / "results" / "toy"
    write_json(place / "plan.json", _plan())
    write_json(place / "environment.json", {"e1": {"machine": {}}})
    save_record(place, make_record(_key("a", 9), 9, 0.75, attempts=2))
    lost = {"accuracy": 0.1, "test_loss": None, "train_seconds": 3.0, "train_images_per_second": 50.0}
    save_record(place, make_record(_key("a", 10), 10, 0.1, state="diverged", metrics=lost, curve=[]))
    causes = [{"cause": "boom", "log": "logs/b9.log"}, {"cause": "bang", "log": "logs/b9.log"}]
    write_json(failure_path(place, _key("b", 9)), {"key": _key("b", 9), "attempts": causes})
    return place
