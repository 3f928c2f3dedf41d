from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_cluster import RayCluster, ray_cluster, tasks_see

from ablate.executors.ray_tasks import RayExecutor

TESTS = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two nodes of one CPU each, of which a test may kill the second if it adds another."""
    with ray_cluster() as made:
        yield made


@pytest.fixture(scope="module")
def executor(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayExecutor]:
    """An executor whose tasks find engine_functions."""
    folder = str(tmp_path_factory.mktemp("engine"))
    with tasks_see(PYTHONPATH=str(TESTS), ENGINE_FOLDER=folder):
        made = RayExecutor(cluster.address)
    yield made
    made.close()
