"""One network layer by layer, as `ablate show` prints it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ablate.models.counts import count, layers, macs_with_aux_heads
from ablate.models.fvcore_counts import fvcore_count
from ablate.models.spec import ExternalSpec, NetworkSpec, spec_from_json


def describe(spec: NetworkSpec) -> dict[str, Any]:
    """JSON: the network's counts and its leaf layers; `flops` is twice `macs`, `fvcore_flops` fvcore's own total.

    `uncounted` lists the operators that fvcore has no formula for. A network with auxiliary heads has
    `macs_with_aux_heads` too; `macs` is what classifying an image takes.
    """
    counts, second = count(spec), fvcore_count(spec)
    return {
        "model": spec.preset,
        "input_size": spec.input_size,
        "num_classes": spec.num_classes,
        "params": counts.params,
        "macs": counts.macs,
        "flops": 2 * counts.macs,
        "fvcore_flops": second.total,
        "fvcore_macs": second.macs,
        "uncounted": dict(second.uncounted),
        **_with_aux_heads(spec),
        "fields": spec.as_json(),
        "layers": [asdict(layer) for layer in layers(spec)],
    }


def _with_aux_heads(spec: NetworkSpec) -> dict[str, int]:
    has_heads = isinstance(spec, ExternalSpec) and spec.aux_heads == "trained"
    return {"macs_with_aux_heads": macs_with_aux_heads(spec)} if has_heads else {}


def run(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """`describe` for the process that builds a user's network."""
    return describe(spec_from_json(task["spec"]))
