import pytest

from ablate.executors import EXECUTORS
from ablate.executors.contract import Execution


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_gives_a_worker_that_starts_nothing_before_its_first_call(name: str) -> None:
    worker = EXECUTORS[name](Execution("cpu", 1, 1))
    assert callable(worker.run)
    worker.close()
    worker.close()
