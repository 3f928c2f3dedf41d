"""Does the harness train as well as the hand-written script? A study's variants by both, over paired seeds.

A seed gives both the same first weights; the order of the images, their crops and the arithmetic (bf16, fp32) differ,
so that the accuracies agree only as those of two seeds do.

    python tests/benchmarks/agreement.py STUDY.yaml TARGET.json [KEY=VALUE ...]
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scipy import stats

from ablate import environment
from ablate.records import write_json
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.run import run
from ablate.study.running.options import Options

SCRIPT = Path(__file__).parent / "handwritten.py"
METRIC = "measure=[accuracy]"


def main(path: Path, target: Path, overrides: tuple[str, ...]) -> None:
    """Train every variant both ways and write the accuracies with their paired differences."""
    with tempfile.TemporaryDirectory(prefix="ablate-agreement-") as scratch:
        study = load_study(path, (*overrides, METRIC))
        plan = plan_study(study, Path(scratch) / study.config.name, "cpu")
        trials = run(study, options=Options(results=Path(scratch), device="cpu")).results.trials
        harness = {(row.variant, row.seed): float(row.accuracy) for row in trials.itertuples()}
        script = {each: _scripted(task, Path(scratch)) for each, task in _tasks(plan)}
    found = [compared(planned.variant.name, harness, script) for planned in plan.variants]
    recorded = {
        "study": study.config.name,
        "overrides": list(overrides),
        "environment": environment.describe("cpu", path, target.parent),
    }
    write_json(target, {**recorded, "variants": found})


def _tasks(plan: Plan) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    for planned in plan.variants:
        variant = planned.variant
        assert variant.data is not None
        assert variant.train is not None
        task = {
            "model": variant.model.as_task(),
            "data": variant.data.model_dump(mode="json"),
            "train": {**variant.train.model_dump(mode="json"), "precision": "fp32"},
            "device": "cpu",
            "loader_processes": environment.cores(),
            "layout": "channels_last",
            "pace": "none",
        }
        for seed in planned.keys:
            yield (variant.name, seed), {**task, "seed": seed}


def _scripted(task: dict[str, Any], folder: Path) -> float:
    described = folder / "task.json"
    described.write_text(json.dumps(task))
    command = [sys.executable, str(SCRIPT), str(described)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    return float(json.loads(done.stdout.splitlines()[-1])["accuracy"])


def compared(name: str, harness: dict[Any, float], script: dict[Any, float]) -> dict[str, Any]:
    """Accuracies by seed, and the mean paired difference, harness less script, with its 95 % t interval."""
    seeds = sorted(seed for variant, seed in harness if variant == name)
    ours, its = ([taken[name, seed] for seed in seeds] for taken in (harness, script))
    found = stats.ttest_rel(ours, its)
    interval = found.confidence_interval(0.95)
    difference = sum(a - b for a, b in zip(ours, its, strict=True)) / len(seeds)
    ends = {"low": float(interval.low), "high": float(interval.high)}
    return {"variant": name, "seeds": seeds, "harness": ours, "script": its, "difference": difference, **ends}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]))
