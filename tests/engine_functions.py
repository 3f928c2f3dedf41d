"""What workers run in the tests of the engine: functions named by dotted path, free of torch.

The tests put this folder on PYTHONPATH, and tell the functions what to do through ENGINE_FOLDER, where they also note
what they did.
"""

import base64
import hashlib
import importlib
import json
import math
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ablate.lookup import load_dotted

Report = Callable[[dict[str, Any]], None]

TEST_IMAGES = 4000


def affinity(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """The cores that this process may use."""
    return {"cores": sorted(os.sched_getaffinity(0))}


def page_faults(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """How many pages the kernel had to give for the second of two blocks of `bytes`, the first of which was freed."""
    bytearray(task["bytes"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(task["bytes"])
    return {"faults": resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before}


def echo(task: dict[str, Any], report: Report) -> dict[str, Any]:
    for number in range(task.get("progress", 0)):
        report({"number": number})
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return {"task": task, "pid": os.getpid(), "threads": threads, "torch": "torch" in sys.modules}


def variables(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """The environment variables that begin as one of `prefixes` does."""
    return {name: value for name, value in os.environ.items() if name.startswith(tuple(task["prefixes"]))}


def noisy(task: dict[str, Any], report: Report) -> dict[str, Any]:
    print('{"result": "a lie"}')  # noqa: T201
    os.write(1, b'{"cause": "another lie"}\n')
    sys.stderr.write("a warning\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    report({"still": "here"})
    return {"answer": 42}


def raises(task: dict[str, Any], report: Report) -> dict[str, Any]:
    raise ValueError(task["message"])


def raises_as(task: dict[str, Any], report: Report) -> dict[str, Any]:
    raise load_dotted(task["error"])(task["message"])


def exits(task: dict[str, Any], report: Report) -> dict[str, Any]:
    os._exit(task["status"])


def kills_itself(task: dict[str, Any], report: Report) -> dict[str, Any]:
    os.kill(os.getpid(), task["signal"])
    return {}


def returns_what_json_cannot_hold(task: dict[str, Any], report: Report) -> dict[str, Any]:
    return {"value": float("nan")} if task["what"] == "nan" else {"value": {1, 2}}


def hangs(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Says its process number, then waits for a signal that never comes."""
    report({"pid": os.getpid(), **task})
    signal.pause()
    return {}


def never_ends(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Gives signs of life without a pause."""
    while True:
        report({"pid": os.getpid()})


def waits_for_a_byte_each(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Gives `signs` signs of life, each when a byte has come through the pipe `gate` after the one before."""
    gate = os.open(Path(os.environ["ENGINE_FOLDER"]) / "gate", os.O_RDWR)
    for number in range(task["signs"]):
        report({"number": number})
        os.read(gate, 1)
    return {"signs": task["signs"]}


def trial(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """A trial whose numbers follow from its key; it fails or diverges where plan.json of ENGINE_FOLDER says so.

    Script: `fails`, seed -> how many times; `diverges`, a list of seeds; `gate`, whether to wait at the pipe `gate`
    for a byte after saying one's process number at the pipe `started`.
    """
    folder = Path(os.environ["ENGINE_FOLDER"])
    script = json.loads((folder / "script.json").read_text())
    key, seed = task["key"], task["seed"]
    with (folder / "calls").open("a") as calls:
        calls.write(f"{key}\n")
    if "note_device" in script:
        with (folder / "devices").open("a") as devices:
            devices.write(f"{task['device']}\n")
    time.sleep(script.get("seconds", 0))
    if "gate" in script:
        pass_gate(folder)
    if (folder / "calls").read_text().split().count(key) <= script.get("fails", {}).get(str(seed), 0):
        raise RuntimeError(f"no luck with seed {seed}")
    report({"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.25})
    return record(key, seed, "diverged" if seed in script.get("diverges", []) else "complete")


def brief_trial(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """A trial of a few hundredths of a second, so that there is something to kill; it notes that it ran."""
    folder = Path(task["checkpoint"]).parent.parent
    with (folder / "ran").open("a") as ran:
        ran.write(f"{task['key']}\n")
    for epoch in range(3):
        time.sleep(0.005)
        report({"epoch": epoch, "train_loss": 2.0, "train_accuracy": 0.25})
    return record(task["key"], task["seed"], "complete")


def real_trial(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Real training that leaves a checkpoint at every step, and takes its time, so that it can be killed anywhere."""
    trial = importlib.import_module("ablate.trial")
    trial.Checkpoint = partial(load_dotted("ablate.train.checkpoint:Checkpoint"), every_seconds=0.0, share=1.0)
    trial.Pulse = Slow
    answer: dict[str, Any] = trial.run(task, report)
    return answer


OPTIMA = {"strided": 0.03, "maxpool": 0.3, "spd": 0.1}
EPOCHS = 5


def hill(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """A trial whose accuracy is highest at a learning rate that depends on the downsampling; it notes what it scored.

    A twentieth of a point of luck goes with the seed. A trial of tuning is stopped as real ones are.
    """
    folder = Path(task["checkpoint"]).parent.parent
    rate, seed, optimum = task["train"]["lr"], task["seed"], OPTIMA[task["model"]["downsample"]]
    tuning = task["scored"] == "validation"
    with (folder / "scored").open("a") as scored:
        scored.write(f"{'validation' if tuning else 'test'} {task['key']}\n")
    accuracy = max(0.0, 0.8 - 0.15 * math.log10(rate / optimum) ** 2) + 0.0005 * (seed % 3)
    losses = [2.0 - accuracy * (epoch + 1) / EPOCHS for epoch in range(EPOCHS)]
    limits = task["stop_above"] if tuning else []
    behind = [epoch for epoch, limit in enumerate(limits) if min(losses[: epoch + 1]) > limit]
    reached = behind[0] + 1 if behind else EPOCHS
    right = round(TEST_IMAGES * accuracy)
    points = [
        {"epoch": at + 1, "train_loss": 1.0, "train_accuracy": 0.5, "learning_rate": rate} for at in range(reached)
    ]
    watched = [{**point, "validation_loss": loss} for point, loss in zip(points, losses, strict=False)]
    return {
        **record(task["key"], seed, "pruned" if behind else "complete"),
        "metrics": {
            "accuracy": right / TEST_IMAGES,
            "test_loss": losses[reached - 1],
            "train_seconds": 1.5,
            "train_images_per_second": 64.0,
        },
        "curve": watched if tuning else points,
        "correct": first_images(right),
        "scored": "validation" if tuning else "test",
    }


def slope(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """A trial whose accuracy grows with the width, less and less, and depends on the downsampling; see `hill`.

    Its latency is 16 ms times the width of its network.
    """
    folder = Path(task["checkpoint"]).parent.parent
    tuning = task["scored"] == "validation"
    with (folder / "scored").open("a") as scored:
        scored.write(f"{'validation' if tuning else 'test'} {task['key']}\n")
    model = task["model"]
    accuracy = SLOPES[model["downsample"]] * (1 - math.exp(-8 * model["width"])) + 0.01 * model["middle_depth"]
    right = round(TEST_IMAGES * accuracy)
    base = record(task["key"], task["seed"], "complete")
    metrics = {**base["metrics"], "accuracy": right / TEST_IMAGES, "test_loss": 2 - right / TEST_IMAGES}
    timed = None
    if "timed_beside" in task:
        widths = model["width"], task["timed_beside"]["model"]["width"]
        timed = dict(zip(("latency_ms", "baseline_latency_ms"), (16 * width for width in widths), strict=True))
    return {
        **base,
        "metrics": metrics,
        "correct": first_images(right),
        "scored": "validation" if tuning else "test",
        "timed": timed,
    }


SLOPES = {"strided": 0.5, "spd": 0.7, "maxpool": 0.6}


def hill_with_a_hole(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `hill`, but that every third trial of tuning fails."""
    if task["scored"] == "validation" and task["seed"] % 3 == 1:
        raise RuntimeError("a hole")
    return hill(task, report)


def hill_of_any_network(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `hill`, whatever the network."""
    return hill({**task, "model": {"downsample": "strided"}}, report)


def hill_that_diverges(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Every trial of tuning diverges."""
    diverged = record(task["key"], task["seed"], "diverged")
    watched = [{**point, "validation_loss": None} for point in diverged["curve"]]
    return {**diverged, "curve": watched, "scored": "validation"}


def slope_without_validation(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `slope`, but that every trial of a search fails."""
    if task["scored"] == "validation":
        raise RuntimeError("no luck")
    return slope(task, report)


def slope_with_a_hole(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `slope`, but that the first two trials of a search fail."""
    if task["scored"] == "validation" and task["seed"] < 10_002:
        raise RuntimeError("a hole")
    return slope(task, report)


def slope_until_it_is_mended(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `slope`, but that trial 10,003 of a search fails until there is a file `mended` in ENGINE_FOLDER."""
    is_mended = (Path(os.environ["ENGINE_FOLDER"]) / "mended").exists()
    if task["scored"] == "validation" and task["seed"] == 10_003 and not is_mended:
        raise RuntimeError("no luck")
    return slope(task, report)


def hill_until_it_is_mended(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `hill`, but that the third trial of every tuning fails until there is a file `mended` in ENGINE_FOLDER."""
    is_mended = (Path(os.environ["ENGINE_FOLDER"]) / "mended").exists()
    if task["scored"] == "validation" and task["seed"] == 10_002 and not is_mended:
        raise RuntimeError("no luck")
    return hill(task, report)


def slope_that_diverges(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `slope`, but that every trial of a search diverges."""
    if task["scored"] == "validation":
        return {**record(task["key"], task["seed"], "diverged"), "scored": "validation"}
    return slope(task, report)


def slope_of_hidden(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """As `slope`, of a builder's network with `hidden` channels."""
    hidden = task["model"]["arguments"]["hidden"]
    return slope({**task, "model": {"downsample": "spd", "width": hidden / 100, "middle_depth": 0}}, report)


class Slow:
    """A pulse that takes a hundredth of a second."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def beat(self, step: int, steps: int) -> None:
        self.report({"step": step, "steps": steps, "step_seconds": None})
        time.sleep(0.01)


def record(key: str, seed: int, state: str) -> dict[str, Any]:
    right = int(hashlib.sha256(key.encode()).hexdigest()[:4], 16) % (TEST_IMAGES + 1)
    fraction = right / TEST_IMAGES
    loss = None if state == "diverged" else 2 - fraction
    return {
        "key": key,
        "seed": seed,
        "state": state,
        "metrics": {
            "accuracy": fraction,
            "test_loss": loss,
            "train_seconds": 1.5,
            "train_images_per_second": 64.0,
        },
        "steps": 120,
        "curve": [{"epoch": 1, "train_loss": loss, "train_accuracy": fraction, "learning_rate": 0.1}],
        "correct": first_images(right),
        "test_images": TEST_IMAGES,
    }


def first_images(right: int) -> str:
    """One bit for each of TEST_IMAGES, of which the first `right` are set."""
    bits = (2**right - 1) << (TEST_IMAGES - right)
    return base64.b64encode(bits.to_bytes(TEST_IMAGES // 8, "big")).decode()


def pass_gate(folder: Path) -> None:
    """Say at the pipe `started` which process this is, and wait for a byte at the pipe `gate`."""
    with (folder / "started").open("w") as started:
        started.write(f"{os.getpid()}\n")
    descriptor = os.open(folder / "gate", os.O_RDONLY)
    os.read(descriptor, 1)
    os.close(descriptor)


def costs_round(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """A round that takes no time: latency grows with the position of the variant, in 64 equal samples.

    Script: `fails.costs` raises, and `costs_dies`, a variant's name, kills the process when it comes to that one.
    """
    folder = Path(os.environ["ENGINE_FOLDER"])
    script = json.loads((folder / "script.json").read_text())
    if task["seed"] == 0 and not task["broken"]:
        with (folder / "costs").open("a") as calls:
            calls.write(f"{len(task['variants'])} {' '.join(task['metrics'])}\n")
    if "costs" in script.get("fails", {}):
        raise RuntimeError("no clock")
    samples: dict[str, dict[str, list[float]]] = {name: {} for name in task["variants"]}
    for metric in task["metrics"]:
        column = COLUMNS[metric]
        for position, name in enumerate(task["variants"]):
            if [name, column] in task["broken"]:
                continue
            report({"variant": name, "metric": metric, "column": column})
            if name == script.get("costs_dies"):
                os.kill(os.getpid(), signal.SIGKILL)
            samples[name][column] = [1.0 + position] * 64
    return {"samples": samples, "problems": []}


COLUMNS = {"latency": "latency_ms_p50", "throughput": "inference_images_per_second", "macs": "macs_fvcore"}


def costs_condense(task: dict[str, Any], report: Report) -> dict[str, Any]:
    return {
        name: {column: statistics.median(numbers) for column, numbers in columns.items()}
        for name, columns in task["samples"].items()
    }


def costs_uncounted(task: dict[str, Any], report: Report) -> dict[str, Any]:
    return {name: {"aten::add": 1} for name in task["variants"]}
