"""Plans of study files, and runs that are stopped or killed, by the hundred if need be."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from killing import Launcher, keys_of, told

from ablate.models.spec import ModelSpec
from ablate.study.planning import planner as planning
from ablate.study.planning import surveys
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running.events import TrialFinished


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """Plans the study file of that text, with overrides."""

    def plan(text: str, *overrides: str) -> Plan:
        (tmp_path / "study.yaml").write_text(text)
        return plan_study(load_study(tmp_path / "study.yaml", overrides), tmp_path / "results", "cpu")

    return plan


@pytest.fixture
def counted() -> list[str]:
    """The presets that were counted, one a network."""
    return []


@pytest.fixture
def make_plan(toy_study: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """Plans toy.yaml with overrides; every network counts alike, so that no test waits for torch."""

    def survey(spec: ModelSpec, quantities: None) -> dict[str, int]:
        counted.append(spec.preset)
        return {"params": 100, "macs": 1000}

    monkeypatch.setenv("XDG_CACHE_HOME", str(toy_study.parent / "cache"))
    # Stands for the counter on the meta device, and for a machine with two accelerators.
    known = {"ablate.models.survey:survey": survey, "torch.cuda:device_count": lambda: 2}
    monkeypatch.setattr(planning, "load_dotted", known.__getitem__)
    monkeypatch.setattr(surveys, "load_dotted", known.__getitem__)

    def make(*overrides: str) -> Plan:
        return plan_study(load_study(toy_study, overrides), toy_study.parent / "results" / "toy", "cpu")

    return make


@pytest.fixture
def interrupted() -> Callable[[Any, int], None]:
    """Runs an engine with two workers until so many trials have finished, and interrupts it then."""

    def run(engine: Any, finished: int) -> None:
        left = [finished]

        def interrupt(event: Any) -> None:
            if isinstance(event, TrialFinished):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            engine.observe(interrupt).run(workers=2)

    return run


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
