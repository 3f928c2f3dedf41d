"""A report of a large study: 200 variants, 50 seeds, 10,000 records; pytest --durations says how long it takes."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ablate.records import pack_bits

VARIANTS, SEEDS, EPOCHS, TEST_IMAGES = 200, 50, 12, 1_000
ENVIRONMENT = {"machine": {"versions": {"torch": "2.13.0"}, "cpu": "Xeon", "cores": 2, "gpu": None}, "commit": "abc"}


def write_study(folder: Path, plan: dict[str, Any]) -> None:
    """`plan` with VARIANTS levels of its one factor and SEEDS seeds, every trial of which has a record."""
    draw = np.random.default_rng(0)
    names = [f"level_{number:03d}" for number in range(VARIANTS)]
    (path,) = plan["study"]["factors"]
    plan["study"] |= {"factors": {path: names}, "baseline": {path: names[0]}, "claims": []}
    plan["baseline"] = names[0]
    plan["variants"] = [_variant(plan["variants"][0], path, name, number) for number, name in enumerate(names)]
    (folder / "records").mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "environment.json").write_text(json.dumps({"e1": ENVIRONMENT}))
    luck = draw.normal(0, 0.01, SEEDS)
    for name, gain in zip(names, draw.normal(0, 0.01, VARIANTS), strict=True):
        for seed in range(SEEDS):
            record = _record(_key(name, seed), seed, 0.8 + gain + luck[seed], draw)
            (folder / "records" / f"{record['key']}.json").write_text(json.dumps(record))


def _key(variant: str, seed: int) -> str:
    return hashlib.sha256(f"{variant}-{seed}".encode()).hexdigest()


def _variant(first: dict[str, Any], path: str, name: str, number: int) -> dict[str, Any]:
    return {
        **first,
        "variant": name,
        "levels": {path: name},
        "params": 1_000 + 37 * number,
        "macs": 90_000 + 1_013 * ((7 * number) % VARIANTS),
        "keys": {str(seed): _key(name, seed) for seed in range(SEEDS)},
    }


def _record(key: str, seed: int, chance: float, draw: np.random.Generator) -> dict[str, Any]:
    correct = draw.random(TEST_IMAGES) < chance
    accuracy = float(correct.mean())
    losses = (2 / np.arange(1, EPOCHS + 1) + draw.normal(0, 0.05, EPOCHS)).tolist()
    return {
        "key": key,
        "seed": seed,
        "state": "complete",
        "metrics": {
            "accuracy": accuracy,
            "test_loss": 2 - accuracy,
            "train_seconds": 20.0,
            "train_images_per_second": 1500.0,
        },
        "steps": 936,
        "curve": [
            {"epoch": epoch, "train_loss": loss, "train_accuracy": 1 - loss / 3, "learning_rate": 0.1}
            for epoch, loss in enumerate(losses, 1)
        ],
        "correct": pack_bits(correct),
        "test_images": TEST_IMAGES,
        "environment": "e1",
    }


@pytest.mark.slow
def test_ten_thousand_trials_in_two_hundred_variants_are_reported(toy: Any, tmp_path: Path) -> None:
    write_study(tmp_path, toy().plan)
    command = [sys.executable, "-m", "ablate.cli", "report", str(tmp_path), "--format", "html,md,tex"]
    subprocess.run(command, check=True, capture_output=True)
    assert len(pd.read_csv(tmp_path / "trials.csv")) == VARIANTS * SEEDS
    text = (tmp_path / "report.md").read_text()
    assert f"On accuracy: of {VARIANTS - 1} comparisons" in text
    for drawn in ("40 of 199 are drawn", "12 of 199 are drawn", "40 of 200 are drawn", "6 of 200 are drawn"):
        assert drawn in text
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    assert all(path.stat().st_size < 500_000 for path in (tmp_path / "figures").iterdir())
