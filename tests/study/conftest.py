"""Runs that can be killed by the hundred."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killing import Launcher, keys_of, told


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    tests = str(Path(__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH", "")])))
    made = Launcher()
    yield made
    made.close()


@pytest.fixture
def planned(engine: Any) -> Path:
    """A results folder of three variants and four seeds, planned and not begun."""
    engine.run("factors.model.downsample=[strided, maxpool, avgpool]", "seeds=4", max_hours=0.0)
    for path in engine.results.iterdir():
        if path.name not in ("plan.json", "environment.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return engine.results  # type: ignore[no-any-return]


@pytest.fixture
def undisturbed(planned: Path, launcher: Launcher) -> Path:
    whole = planned.with_name("undisturbed")
    shutil.copytree(planned, whole)
    assert launcher.run(whole) == 0
    assert Counter(told(whole)) == dict.fromkeys(keys_of(whole), 1)
    return whole
