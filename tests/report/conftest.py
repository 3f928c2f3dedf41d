"""Results as they come from a folder: by default one factor of three levels, eight seeds, everything finished."""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ablate.cost_sets import CostGroup, VariantCosts
from ablate.records import PackedBits, Results
from ablate.records.tables import cost_table

ENVIRONMENTS = {
    "e1": {"machine": {"versions": {"torch": "2.13.0"}, "cpu": "Xeon", "cores": 2, "gpu": None}, "commit": "abc"},
    "e2": {"machine": {"versions": {"torch": "2.15.0"}, "cpu": "Xeon", "cores": 2, "gpu": None}, "commit": "abc"},
    "e3": {"machine": {"versions": {"torch": "2.13.0"}, "cpu": "Xeon", "cores": 2, "gpu": None}, "commit": "def"},
}
GAIN = {"strided": 0.0, "spd": 0.03, "maxpool": 0.0}
IMAGES = 400
DATA = {"name": "small_objects", "seed": 0, "train_images": 5000, "test_images": 5000, "digest": "d" * 64}
PARAMS = {"strided": 1_000, "spd": 4_000, "maxpool": 1_000}


def _study(**changes: Any) -> dict[str, Any]:
    return {
        "name": "toy",
        "question": "Does SPD help?",
        "model": {"preset": "mini_xception", "width": 0.25, "downsample": "maxpool", "middle_depth": None},
        "data": {"name": "small_objects", "seed": 0, "train_limit": None},
        "train": {"epochs": 6, "steps": None, "batch_size": 128, "optimizer": "sgd", "lr": 0.1},
        "factors": {"model.downsample": ["strided", "spd", "maxpool"]},
        "baseline": {"model.downsample": "strided"},
        "design": "grid",
        "seeds": 8,
        "primary": "accuracy",
        "margin": {},
        "measure": ["accuracy", "test_loss", "params", "macs"],
        "claims": [],
        **changes,
    }


def _claim(**changes: Any) -> dict[str, Any]:
    return {
        "id": "spd-beats-stride",
        "source": "Sunkara & Luo 2022",
        "statement": "SPD-Conv classifies better",
        "metric": None,
        "better": {"model.downsample": "spd"},
        "than": {"model.downsample": "strided"},
        "published_difference": 0.0109,
        **changes,
    }


def _plan(cells: Sequence[Mapping[str, Any]], resolved: dict[str, Any], baseline: str, seeds: int) -> dict[str, Any]:
    """plan.json; `cells` maps factor paths to level names, one mapping a variant."""
    names = [_name(cell) for cell in cells]
    return {
        "training_version": 1,
        "precision": "fp32",
        "source": "studies/toy.yaml",
        "overrides": [],
        "study": resolved,
        "factors": [{"path": path, "column": path.rpartition(".")[2]} for path in resolved["factors"]],
        "baseline": baseline,
        "variants": [
            {
                "variant": name,
                "levels": dict(cell),
                "model": {},
                "data": DATA,
                "train": {"epochs": 6, "batch_size": 128, "optimizer": "sgd", "lr": 0.1},
                "steps": 234,
                "params": PARAMS.get(name, 500),
                "macs": 35_100_000 * PARAMS.get(name, 500) // 1_000,
                "keys": {str(seed): _key(name, seed) for seed in range(seeds)},
            }
            for name, cell in zip(names, cells, strict=True)
        ],
    }


def _key(variant: str, seed: int) -> str:
    return hashlib.sha256(f"{variant}-{seed}".encode()).hexdigest()


def _name(cell: Mapping[str, Any]) -> str:
    parts = {path.rpartition(".")[2]: level for path, level in cell.items()}
    if len(parts) == 1:
        return str(next(iter(parts.values())))
    return ",".join(f"{name}={level}" for name, level in parts.items())


def _results(plan: dict[str, Any], folder: Path) -> Results:
    """Every planned trial finished; a variant gains GAIN of each of its levels."""
    draw = np.random.default_rng(0)
    luck = draw.normal(0, 0.02, 100)
    rows = []
    for variant in plan["variants"]:
        levels = {factor["column"]: variant["levels"][factor["path"]] for factor in plan["factors"]}
        for seed, key in variant["keys"].items():
            gain = sum(GAIN.get(level, 0.0) for level in levels.values())
            accuracy = round(0.8 + gain + luck[int(seed)] + draw.normal(0, 0.004), 4)
            rows.append(
                {
                    "variant": variant["variant"],
                    **levels,
                    "seed": int(seed),
                    "key": key,
                    "state": "complete",
                    "accuracy": accuracy,
                    "test_loss": 2 - accuracy,
                    "train_seconds": 20.0,
                    "train_images_per_second": 1500.0,
                    "attempts": 1,
                    "error": "",
                    "environment": "e1",
                }
            )
    trials = pd.DataFrame(rows)
    group = _measured([variant["variant"] for variant in plan["variants"]])
    point = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "learning_rate": 0.1}
    curves = pd.DataFrame([{"variant": row["variant"], "seed": row["seed"], **point} for row in rows])
    return Results(folder, plan, trials, cost_table(group), curves, ENVIRONMENTS, group)


def _measured(names: Sequence[str]) -> CostGroup:
    """Twelve rounds of latency at batch 1, drifting together: SPD takes twice as long, all others are alike."""
    return CostGroup(
        machine=ENVIRONMENTS["e1"]["machine"],
        conditions={"protocol": 2, "device": "cpu", "threads": 1, "batch_sizes": [1, 64], "modes": ["eager"]},
        observed=({"rounds": 12, "load_before": 0.25},),
        environments=("e1",),
        metrics=frozenset({"latency", "macs"}),
        variants={name: _variant_costs(2.0 if name == "spd" else 1.0) for name in names},
    )


def _variant_costs(slower: float) -> VariantCosts:
    return VariantCosts(
        columns={"latency_ms_p50": slower * 1.234, "latency_ms_p50_b64": slower * 20, "latency_ms_p90_b64": 56.78},
        rounds={"latency_ms_p50": [slower * (1.2 + 0.01 * number) for number in range(12)]},
        samples={"latency_ms_p50": 240},
        spread={"latency_ms_p50": 0.02},
        problems={},
        uncounted={"aten::add": 12},
    )


def _with_costs(results: Results, variant: str, **changes: Any) -> Results:
    assert results.cost_group is not None
    own = results.cost_group.variants[variant]
    changed = {name: {**getattr(own, name), **new} for name, new in changes.items()}
    variants = {**results.cost_group.variants, variant: replace(own, **changed)}
    group = replace(results.cost_group, variants=variants)
    return replace(results, cost_group=group, costs=cost_table(group))


def _toy(folder: Path = Path("results/toy"), **changes: Any) -> Results:
    """A finished study; `changes` are keys of the resolved study, of which `factors` and `design` set the variants."""
    resolved = _study(**changes)
    levels = {
        path: list(named) if isinstance(named, Mapping) else [str(level) for level in named]
        for path, named in resolved["factors"].items()
    }
    cells = [dict(zip(levels, cell, strict=True)) for cell in itertools.product(*levels.values())]
    first = cells[0]
    if resolved["design"] == "one_at_a_time":
        cells = [cell for cell in cells if sum(cell[path] != first[path] for path in cell) <= 1]
    return _results(_plan(cells, resolved, _name(first), seeds=8), folder)


def _interaction(**changes: Any) -> dict[str, Any]:
    return {
        "id": "spd-needs-width",
        "source": "a guess",
        "statement": "SPD-Conv leads by more where the network is narrow",
        "metric": None,
        "interaction": {
            "better": {"model.downsample": "spd"},
            "than": {"model.downsample": "strided"},
            "more_at": {"model.width": "0.25"},
            "than_at": {"model.width": "0.5"},
        },
        "published_difference": None,
        **changes,
    }


@pytest.fixture
def key_of() -> Callable[[str, int], str]:
    """The key of a trial of the toy study: `key_of("spd", 2)`."""
    return _key


@pytest.fixture
def toy() -> Callable[..., Results]:
    return _toy


@pytest.fixture
def with_costs() -> Callable[..., Results]:
    """Results with entries of one variant's costs added or changed: `with_costs(results, "spd", spread={...})`."""
    return _with_costs


@pytest.fixture
def without_costs() -> Callable[[Results], Results]:
    return lambda results: replace(results, cost_group=None, costs=cost_table(None))


@pytest.fixture
def claim() -> Callable[..., dict[str, Any]]:
    """The claim that the toy study supports, with changes."""
    return _claim


@pytest.fixture
def interaction() -> Callable[..., dict[str, Any]]:
    """A claim that the toy study crossed with width does not support, with changes."""
    return _interaction


@pytest.fixture(autouse=True)
def _quick(quick_corrections: None) -> None:
    """Every report corrects p-values."""


@pytest.fixture
def with_bits() -> Callable[[Results], Results]:
    """Results with one bit a test image of every trial, drawn with the trial's accuracy as their chance."""

    def bits(results: Results) -> Results:
        draw = np.random.default_rng(1)
        rows = results.trials.to_dict("records")
        correct = {row["key"]: np.packbits(draw.random(IMAGES) < row["accuracy"]).tobytes() for row in rows}
        return replace(results, correct={key: PackedBits(packed, IMAGES) for key, packed in correct.items()})

    return bits
