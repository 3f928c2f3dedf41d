"""A small study, and an engine whose trials are free of torch (tests/engine_functions.py)."""

import gc
import json
import os
import signal
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

from ablate.records import Record, pack_bits, save_record
from ablate.study import run as running
from ablate.study.run import Outcome
from ablate.study.running import cost_rounds, training
from ablate.study.running.options import Options

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
def interruptible() -> None:
    """Where tests are started in the background, interrupts are ignored, and their processes would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
