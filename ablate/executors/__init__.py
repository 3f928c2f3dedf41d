"""Where trials run. An executor gives workers; a worker runs a function, named by a dotted path, on JSON.

`EXECUTORS` names a callable `(execution: Execution) -> Worker` each; the engine knows nothing else of them.
"""

from collections.abc import Callable

from ablate.executors.contract import Execution, Worker
from ablate.executors.local import LocalWorker

EXECUTORS: dict[str, Callable[[Execution], Worker]] = {"local": LocalWorker}
