"""Where trials run. An executor gives workers; a worker runs a function, named by a dotted path, on JSON.

`EXECUTORS` names, by dotted path, what opens an executor at an address, `(address: str | None) -> Executor`; the engine
knows nothing else of them. What is to run on this very machine takes a `LocalWorker`.
"""

from ablate.executors.local import LocalWorker

__all__ = ["EXECUTORS", "LocalWorker"]

EXECUTORS: dict[str, str] = {
    "local": "ablate.executors.local:LocalExecutor",
    "ray": "ablate.executors.ray_tasks:RayExecutor",
}
