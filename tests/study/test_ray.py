"""Studies on a Ray cluster of two nodes: the tables are those of this machine's own workers."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killing import check_tables, records
from ray_cluster import RayCluster, ray_cluster, tasks_see

from ablate.study import run as running
from ablate.study.running.events import TrialFailed, TrialStarted
from ablate.study.running.options import Options

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as made:
        yield made


def run_on(cluster: RayCluster, engine: Any, **options: Any) -> Any:
    """The toy study of `engine`, with four seeds, into the folder `ray`."""
    settings = Options(results=engine.folder / "ray", device="cpu", executor="ray", address=cluster.address, **options)
    with tasks_see(PYTHONPATH=str(TESTS), ENGINE_FOLDER=str(engine.folder)):
        return running.run(
            engine.folder / "toy.yaml",
            overrides=("seeds=4",),
            options=settings,
            observer=engine.tell or engine.events.append,
        )


def test_the_tables_are_those_of_local_workers(cluster: RayCluster, engine: Any) -> None:
    local = engine.run("seeds=4", workers=2)
    (engine.folder / "calls").unlink()
    outcome = run_on(cluster, engine)
    assert (outcome.missing, outcome.failed) == (0, 0)
    assert sorted(engine.calls()) == sorted(engine.keys().values())
    assert records(outcome.results.folder) == records(local.results.folder)
    check_tables(outcome.results.folder, local.results.folder)


def test_a_node_that_dies_costs_no_trial(cluster: RayCluster, engine: Any) -> None:
    """It dies as soon as both nodes are at work."""
    engine.script(seconds=1.0)
    started: list[Any] = []

    def kill(event: Any) -> None:
        if isinstance(event, TrialStarted):
            started.append(event)
            if len(started) == 4:
                cluster.tell("kill")

    outcome = run_on(cluster, engine.observe(kill), workers=2)
    assert (outcome.missing, outcome.failed) == (0, 0)
    assert len(outcome.results.trials) == 8
    failed = Counter(event.outlook for event in engine.events if isinstance(event, TrialFailed))
    assert set(failed) <= {"will be tried again"}
    assert sum(outcome.results.trials["attempts"]) == 8 + failed.total()
    cluster.tell("add")
