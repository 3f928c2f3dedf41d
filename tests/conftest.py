"""A small study, and an engine whose trials are free of torch (tests/engine_functions.py)."""

import gc
import itertools
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ablate.records import Record, pack_bits, record_as_json, record_path, save_record, write_bytes, write_json
from ablate.study import cost_rounds, training
from ablate.study import run as running
from ablate.study.options import Options
from ablate.study.run import Outcome

TOY = """\
name: toy
question: Does it run?
model: {preset: mini_xception, width: 0.125, middle_depth: 0}
data: {name: small_objects, train_limit: 200}
train: {steps: 2, batch_size: 16, precision: fp32}
factors:
  model.downsample: [strided, maxpool]
baseline: {model.downsample: strided}
seeds: 2
measure: [accuracy, test_loss, params, macs]
"""


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Networks of tests are so small that threads only wait for one another, tenfold beside another busy process."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs share on a machine, its locks and its cache, is not shared with whatever else runs here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("locks")))
        patch.setattr(tempfile, "tempdir", None)
        yield


@dataclass(frozen=True)
class Engine:
    """Runs toy.yaml of `folder` in this process with torch-free trials; `events` is what an observer was told."""

    folder: Path
    events: list[Any]
    tell: Callable[[Any], None] | None = None

    @property
    def results(self) -> Path:
        return self.folder / "results" / "toy"

    def script(self, **script: Any) -> None:
        """What the trials do from now on (see `engine_functions.trial`)."""
        (self.folder / "script.json").write_text(json.dumps(script))

    def calls(self) -> list[str]:
        """Keys in the order in which workers were given them."""
        path = self.folder / "calls"
        return path.read_text().split() if path.exists() else []

    def observe(self, observer: Callable[[Any], None]) -> "Engine":
        """The same, which tells `observer` too."""

        def tell(event: Any) -> None:
            self.events.append(event)
            observer(event)

        return replace(self, tell=tell)

    @contextmanager
    def ledger_locked(self) -> Iterator[Callable[[], None]]:
        """Another program has locked the ledger, until the function that this gives is called."""
        connection = sqlite3.connect(self.results / "ledger.db", isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
        yield lambda: connection.in_transaction and connection.rollback()
        connection.close()

    def run(self, *overrides: str, workers: int | None = 1, **options: Any) -> Outcome:
        settings = Options(results=self.folder / "results", device="cpu", workers=workers, **options)
        return running.run(
            self.folder / "toy.yaml", overrides=overrides, options=settings, observer=self.tell or self.events.append
        )

    def plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = json.loads((self.results / "plan.json").read_text())
        return plan

    def keys(self) -> dict[tuple[str, int], str]:
        """(variant, seed) -> key, as planned."""
        return {
            (variant["variant"], int(seed)): key
            for variant in self.plan()["variants"]
            for seed, key in variant["keys"].items()
        }


@pytest.fixture
def toy_study(tmp_path: Path) -> Path:
    """toy.yaml: two variants, two seeds, two steps of training."""
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return path


PICTURES = """\
name: pictures
question: Is a blot seen?
model: {{preset: mini_xception, width: 0.125, middle_depth: 0, downsample: maxpool}}
data: {{name: image_folder, root: {root}, image_size: 16}}
train: {{epochs: 2, batch_size: 8, lr: 0.05, precision: fp32}}
factors:
  model.activation: [relu, elu]
baseline: {{model.activation: relu}}
seeds: 2
"""


@pytest.fixture
def pictures_study(tmp_path: Path) -> Path:
    """pictures.yaml, on 32 + 16 pictures of 16x16 pixels: real training that takes no time."""
    draw = np.random.default_rng(0)
    for split, count in (("train", 16), ("test", 8)):
        for name, level in (("dark", 60), ("light", 120)):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(level - 40, level + 40, (16, 16, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    path = tmp_path / "pictures.yaml"
    path.write_text(PICTURES.format(root=tmp_path / "pictures"))
    return path


@pytest.fixture
def engine_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that workers know as ENGINE_FOLDER, and through which they find `engine_functions`."""
    tests = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH", "")])))
    monkeypatch.setenv("ENGINE_FOLDER", str(tmp_path))
    (tmp_path / "script.json").write_text("{}")
    return tmp_path


@pytest.fixture
def quick_corrections() -> Iterator[None]:
    """statsmodels collects garbage at every correction, which takes long where torch's modules are loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def engine(engine_path: Path, toy_study: Path, quick_corrections: None, monkeypatch: pytest.MonkeyPatch) -> Engine:
    assert toy_study.parent == engine_path
    monkeypatch.setattr(training, "TRIAL", "engine_functions:trial")
    for step in ("ROUND", "CONDENSE", "UNCOUNTED"):
        monkeypatch.setattr(cost_rounds, step, f"engine_functions:costs_{step.lower()}")
    return Engine(engine_path, [])


def save(folder: Path, plan: dict[str, Any], accuracies: dict[tuple[str, int], float]) -> None:
    """Records of finished trials, for tests of what reads them."""
    keys = {(v["variant"], int(seed)): key for v in plan["variants"] for seed, key in v["keys"].items()}
    for trial, accuracy in accuracies.items():
        save_record(folder, finished(keys[trial], trial[1], accuracy))


TEST_IMAGES = 10_000


def finished(key: str, seed: int, accuracy: float, **changes: Any) -> Record:
    """A record as a trial leaves it; `accuracy` is a whole number of TEST_IMAGES, the first of them."""
    fields: dict[str, Any] = {
        "key": key,
        "seed": seed,
        "state": "complete",
        "metrics": {
            "accuracy": accuracy,
            "test_loss": 1.0,
            "train_seconds": 10.0,
            "train_images_per_second": 100.0,
        },
        "steps": 200,
        "curve": [{"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.5, "learning_rate": 0.1}],
        "correct": pack_bits(np.arange(TEST_IMAGES) < round(accuracy * TEST_IMAGES)),
        "test_images": TEST_IMAGES,
        "environment": "e1",
    }
    return Record(**{**fields, **changes})


@pytest.fixture
def make_record() -> Any:
    return finished


@pytest.fixture
def save_records() -> Any:
    return save


@pytest.fixture
def toy_text() -> str:
    return TOY


Word = Callable[[str], str]


def sample(folder: Path, kind: str, word: Word = str) -> Path:
    """A small results folder with some of everything that a report tells; `word` makes of each free text another.

    `crossed`: two factors, and claims. `pairs`: one factor under two conditions of the data. `count`: no trials.
    """
    plan = SAMPLE_PLANS[kind](word)
    draw = np.random.default_rng(0)
    write_json(folder / "plan.json", plan)
    write_json(folder / "environment.json", {word(name): _environment(name, word) for name in ("e1", "e2")})
    write_json(folder / "execution.json", {"m": {"device": "cpu", "workers": 2, "threads": 1}})
    write_json(folder / "costs.json", {"sets": [{"older": 1}, *_cost_sets(plan, word)]})
    write_json(folder / "failures" / "costs.json", {"attempts": [{"cause": word("no clock"), "log": "logs/costs.log"}]})
    keys = [(int(seed), key) for variant in plan["variants"] for seed, key in variant["keys"].items()]
    for number, (seed, key) in enumerate(keys):
        write_bytes(record_path(folder, key), _sample_record(number, seed, key, draw, word))
    if keys:
        (_, failed), (_, damaged) = keys[-1], keys[1]
        record_path(folder, failed).unlink()
        attempts = [{"cause": word("out of memory"), "log": word("logs/x.log")}]
        write_json(folder / "failures" / f"{failed}.json", {"key": failed, "attempts": attempts})
        write_bytes(record_path(folder, damaged), b'{"key": ')
    return folder


def _crossed(word: Word) -> dict[str, Any]:
    levels = {"model.downsample": ["strided", "spd"], "model.width": ["narrow", "wide"]}
    claims = [
        {"better": {"model.downsample": word("spd")}, "than": {"model.downsample": word("strided")}},
        {
            "interaction": {
                "better": {"model.downsample": word("spd")},
                "than": {"model.downsample": word("strided")},
                "more_at": {"model.width": word("narrow")},
                "than_at": {"model.width": word("wide")},
            },
            "metric": "test_loss",
        },
    ]
    return _sample_plan(levels, word, claims=[_claim(number, each, word) for number, each in enumerate(claims)])


def _pairs(word: Word) -> dict[str, Any]:
    levels = {"arm": ["base", "other"], "data.noise": ["little", "much"]}
    long = {word(name): {"model.downsample": word(name), "train.seed_offset": 3} for name in levels["arm"]}
    plan = _sample_plan(levels, word, primary="test_loss")
    plan["study"]["factors"]["arm"] = long
    plan["variants"][1]["train"]["seed_offset"] = 3
    return plan


def _count(word: Word) -> dict[str, Any]:
    levels = {"system": ["big", "small", "tiny"]}
    counts = [{"count": {"system": word(name), "quantity": "params", "published": 1e6}} for name in levels["system"]]
    readings = [{"cited": 5.0, "source": word("a book")}, {"system": word("big"), "quantity": "params"}]
    claims = [{**each, "readings": readings, "note": word("note")} for each in counts]
    named = [{**_claim(number, each, word), "source": word("one source")} for number, each in enumerate(claims)]
    plan = _sample_plan(levels, word, claims=named, design="count")
    for variant in plan["variants"]:
        stages = [["stem", [32, 149, 149]], ["exit", [64, 10, 12]]]
        variant |= {"data": {}, "train": {}, "keys": {}, "stages": stages}
        variant["quantities"] = {"params": variant["params"], "top1": 0.79}
    return plan


SAMPLE_PLANS: dict[str, Callable[[Word], dict[str, Any]]] = {"crossed": _crossed, "pairs": _pairs, "count": _count}


def _sample_plan(levels: dict[str, list[str]], word: Word, **study: Any) -> dict[str, Any]:
    named = {path: [word(level) for level in own] for path, own in levels.items()}
    columns = {path: path.rpartition(".")[2] for path in levels}
    cells = [dict(zip(named, cell, strict=True)) for cell in itertools.product(*named.values())]
    stated = {"question": word("Does it help?"), "claims": [], "margin": {"accuracy": 0.005}, "primary": "accuracy"}
    variants = [_sample_variant(number, cell, columns) for number, cell in enumerate(cells)]
    resolved = {
        "name": word("toy"),
        "model": {"preset": word("mini_xception"), "width": 0.25},
        "factors": named,
        "design": "grid",
        "measure": ["accuracy", "test_loss", "params", "macs", "latency", "energy"],
        **stated,
        **study,
    }
    first = {"digest": "d" * 64, **stated, "trials_finished": 0}
    return {
        "format": 1,
        "training_version": 1,
        "precision": "fp32",
        "source": word("studies/toy.yaml"),
        "overrides": [word("train.epochs=2")],
        "study": resolved,
        "factors": [{"path": path, "column": column} for path, column in columns.items()],
        "baseline": variants[0]["variant"],
        "stated": [first, {**first, "question": word("Did it help?"), "margin": {}, "trials_finished": 2}],
        "variants": variants,
    }


def _sample_variant(number: int, cell: dict[str, str], columns: dict[str, str]) -> dict[str, Any]:
    name = ",".join(f"{columns[path]}={level}" for path, level in cell.items())
    preset = next(iter(cell.values()))
    return {
        "variant": name if len(cell) > 1 else preset,
        "levels": cell,
        "model": {"preset": preset, "number": number, "input_size": 32},
        "data": {"name": preset, "train_images": 5000, "test_images": 16, "digest": f"{number % 2}" * 64},
        "train": {"epochs": 2, "lr": 0.1, "optimizer": preset},
        "steps": 20,
        "params": 1_000_000 + number,
        "macs": 5_000_000 + number,
        "keys": {str(seed): f"{16 * number + seed:064x}" for seed in range(3)},
    }


def _claim(number: int, stated: dict[str, Any], word: Word) -> dict[str, Any]:
    under = {"recipe": word("200 epochs"), "data": word("CIFAR-10")}
    words = {"source": word("a paper"), "statement": word("It helps")}
    return {"id": f"claim-{number}", **words, "published_under": under, **stated}


def _environment(name: str, word: Word) -> dict[str, Any]:
    machine = {"cpu": word(f"Xeon {name}"), "versions": {"torch": "2.15.0", word("other"): word("1")}, "gpu": None}
    return {"machine": machine, "commit": word("a" * 40), "dirty": False, "clocks": {"governor": word("fast")}}


def _cost_sets(plan: dict[str, Any], word: Word) -> list[dict[str, Any]]:
    rounds = [1.0, 1.1, None, 1.05, 1.2, 1.15, 1.12]
    own = {
        "columns": {"latency_ms_p50": 1.1, "latency_ms_p50_b64": 9.0, "macs_fvcore": 5_000_000},
        "rounds": {"latency_ms_p50": rounds},
        "samples": {"latency_ms_p50": 70},
        "spread": {"latency_ms_p50": 0.3},
        "problems": {"energy": word("no counter")},
        "uncounted": {word("aten::add"): 3},
    }
    measured = {
        "environment": word("e1"),
        "metrics": ["latency", "macs"],
        "conditions": {"protocol": 2, "modes": [word("eager")]},
        "observed": {"rounds": 7, "energy": word("none")},
        "variants": {variant["variant"]: {"model": variant["model"], **own} for variant in plan["variants"]},
    }
    return [measured, {**measured, "environment": word("e2"), "metrics": ["latency", "macs", "energy"]}]


def _sample_record(number: int, seed: int, key: str, draw: np.random.Generator, word: Word) -> bytes:
    correct = draw.random(16) < 0.6
    state, loss = ("diverged", None) if number == 4 else ("complete", 1 - 0.1 * draw.random())
    metrics = {"test_loss": loss, "train_seconds": 10.0 + number, "train_images_per_second": 100.0}
    point = {"train_loss": loss, "train_accuracy": 0.5, "learning_rate": 0.1, "validation_loss": 1.5}
    record = Record(
        key=key,
        seed=seed,
        state=state,
        metrics={"accuracy": float(correct.mean()), **metrics},
        steps=20,
        curve=[{"epoch": 1, **point}, {"epoch": 2, **point}],
        correct=pack_bits(correct),
        test_images=16,
        environment=word("e2" if number % 3 else "e1"),
    )
    return record_as_json(record)


@pytest.fixture
def sample_folder() -> Callable[..., Path]:
    """`sample_folder(folder, "crossed")` writes a results folder with some of everything; see `sample`."""
    return sample
