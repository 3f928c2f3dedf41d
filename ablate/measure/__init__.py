"""What can be measured, one file a metric.

This table is free of torch, so that planning, analysis and reports can read it. `module` names the file that measures;
it is imported where the measuring happens. Every file has `measure`, which yields (column, value) pairs:

- `exact`        `measure(counts)`: follows from the network alone;
- `per_trial`    `measure(evaluation)`: one value a seed, paired between variants;
- `per_variant`  `sample(subject)` takes one round, `measure(rounds)` condenses all of them.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
Kind = Literal["per_trial", "per_variant", "exact"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of `measure:`; `direction` says which way is better, `columns` what it adds to the tables."""

    kind: Kind
    direction: Direction
    columns: tuple[str, ...]
    unit: str
    module: str


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        kind="per_trial",
        direction="higher",
        columns=("accuracy",),
        unit="top-1 on the test split, fraction",
        module="ablate.measure.accuracy",
    ),
    "test_loss": Metric(
        kind="per_trial",
        direction="lower",
        columns=("test_loss",),
        unit="mean cross-entropy on the test split, nats",
        module="ablate.measure.test_loss",
    ),
    "params": Metric(
        kind="exact",
        direction="lower",
        columns=("params",),
        unit="trainable parameters, running statistics not counted",
        module="ablate.measure.params",
    ),
    "macs": Metric(
        kind="exact",
        direction="lower",
        columns=("macs",),
        unit="multiply-adds of convolutions and linear layers for one image",
        module="ablate.measure.macs",
    ),
    "latency": Metric(
        kind="per_variant",
        direction="lower",
        columns=("latency_ms_p50", "latency_ms_p90"),
        unit="milliseconds a forward pass, batch 1 (other batches end in _bN)",
        module="ablate.measure.latency",
    ),
    "throughput": Metric(
        kind="per_variant",
        direction="higher",
        columns=("inference_images_per_second",),
        unit="images per second of inference at the largest batch size asked for",
        module="ablate.measure.throughput",
    ),
    "memory": Metric(
        kind="per_variant",
        direction="lower",
        columns=("memory_mib",),
        unit="MiB one training step holds: parameters, gradients, optimizer state, saved activations",
        module="ablate.measure.memory",
    ),
}

# Columns that every record carries besides what `measure:` asks for.
ALWAYS: dict[str, Direction] = {"train_seconds": "lower", "train_images_per_second": "higher"}

DIRECTIONS: dict[str, Direction] = {
    **{column: metric.direction for metric in METRICS.values() for column in metric.columns},
    **ALWAYS,
}


def metrics_of(kind: Kind, names: tuple[str, ...] | list[str]) -> list[str]:
    """Those of `names` whose kind is `kind`, in their order."""
    return [name for name in names if METRICS[name].kind == kind]
