"""How to run a study, never what: none of these changes a result."""

import math
from dataclasses import dataclass
from pathlib import Path

from ablate.study.planning.devices import Whereabouts


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run, never what: none of these changes a result.

    `workers` None takes as many as fit; `device` is `auto`, `cpu`, `cuda:N`, or several of these, separated by commas;
    `only` names variants; trials begin until `max_hours` have passed. `ledger` is the URL of one that hosts share,
    None for the results folder's own. `executor` names one of EXECUTORS, `address` where it is to be found.
    """

    results: Path = Path("results")
    workers: int | None = None
    device: str = "auto"
    only: tuple[str, ...] = ()
    max_hours: float = math.inf
    ledger: str | None = None
    executor: str = "local"
    address: str | None = None

    @property
    def whereabouts(self) -> Whereabouts:
        """Whose devices are meant by `device`."""
        return "here" if self.executor == "local" else "anywhere"
