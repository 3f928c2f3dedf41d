"""What planning wants to know of networks: parameters, multiply-adds, and for a count study whatever it asks.

A user's networks are surveyed in a process of their own, which calls `run` by its dotted name.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ablate.errors import AblateError, SourceChanged
from ablate.models.builders import check_builder, check_new
from ablate.models.counts import count, macs_with_aux_heads
from ablate.models.network import assemble
from ablate.models.quantify import measured, stages
from ablate.models.spec import BuilderSpec, ExternalSpec, NetworkSpec, spec_from_json

Survey = dict[str, Any]


def survey(spec: NetworkSpec, quantities: Sequence[str] | None = None) -> Survey:
    """JSON: `params`, `macs`; with `quantities` these by name, and the network's `stages` (see quantify.py).

    Raises `AblateError` for a network that cannot be built or used.
    """
    if isinstance(spec, BuilderSpec) and spec.num_classes is not None:
        network = assemble(spec)
        check_new(spec, network, assemble(spec))
        check_builder(spec, network)
    if isinstance(spec, ExternalSpec) and spec.aux_heads == "trained":
        macs_with_aux_heads(spec)  # the heads ask for larger images than the network itself does
    counts = count(spec)
    found: Survey = {"params": counts.params, "macs": counts.macs}
    if quantities is None:
        return found
    return {**found, "quantities": measured(spec, quantities), "stages": stages(spec)}


def run(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """`survey` of every one of `specs` in `task`; a network that fails gives `{"mistake": sentence}`.

    Raises `SourceChanged`, which is no mistake of one network.
    """
    return {"surveys": [_attempt(spec_from_json(fields), task["quantities"]) for fields in task["specs"]]}


def _attempt(spec: NetworkSpec, quantities: Sequence[str] | None) -> Survey:
    try:
        return survey(spec, quantities)
    except SourceChanged:
        raise
    except AblateError as error:
        return {"mistake": str(error)}
