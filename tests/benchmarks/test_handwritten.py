"""The script that the harness is measured against trains what the harness trains."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ablate import trial
from ablate.models.resolve import resolve
from ablate.schema import DataConfig, TrainConfig

SCRIPT = Path(__file__).parent / "handwritten.py"

# One batch is the whole subset, so that no order and no draw comes in.
TASK: dict[str, Any] = {
    "model": resolve("mini_xception", {"width": 0.125, "middle_depth": 0}).as_task(),
    "data": DataConfig(name="small_objects", train_limit=64).model_dump(mode="json"),
    "train": {
        "epochs": 5,
        "batch_size": 64,
        "augment": "none",
        "precision": "fp32",
        "lr": 0.005,
        "schedule": "constant",
    },
    "seed": 3,
    "device": "cpu",
    "loader_processes": 0,
    "layout": "channels_last",
    "pace": "none",
}


def printed(task: dict[str, Any], folder: Path, lines: str = "") -> list[dict[str, Any]]:
    """What the script prints for `task`, given `lines` as its standard input."""
    path = folder / "task.json"
    path.write_text(json.dumps(task))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path)], input=lines, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_it_trains_as_the_harness_does(tmp_path: Path) -> None:
    task = {**TASK, "train": TrainConfig(**TASK["train"]).model_dump(mode="json")}
    *epochs, last = printed(task, tmp_path)
    record = trial.run({**task, "key": "key", "scored": "test"}, lambda progress: None)
    losses = [point["train_loss"] for point in record["curve"]]
    assert [epoch["train_loss"] for epoch in epochs] == pytest.approx(losses, rel=1e-4)
    assert losses[0] - losses[-1] > 0.05
    assert last["accuracy"] == pytest.approx(record["metrics"]["accuracy"], abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_it_trains_an_epoch_a_line(tmp_path: Path, layout: str) -> None:
    train = TrainConfig(epochs=1, batch_size=16, precision="fp32", schedule="constant").model_dump(mode="json")
    task = {**TASK, "train": train, "layout": layout, "pace": "rounds", "loader_processes": 1}
    epochs = printed(task, tmp_path, "\n" * 8)
    assert [epoch["images"] for epoch in epochs] == [32] * 8  # of four batches the first two are not timed
    assert all(epoch["seconds"] > 0 for epoch in epochs)
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]


def test_it_refuses_a_recipe_that_it_does_not_train(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text(json.dumps({**TASK, "train": {**TASK["train"], "optimizer": "adam"}}))
    done = subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "train.optimizer: 'adam' is not in this script; it has ('sgd',)" in done.stderr
