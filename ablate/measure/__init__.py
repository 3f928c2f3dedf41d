"""What can be measured, one file a metric.

This table is free of torch, so that planning, analysis and reports can read it. `module` names the file that measures;
it is imported where the measuring happens. What every file has depends on the kind:

- `exact`        `measure(counts)`: follows from the network alone;
- `per_trial`    `measure(evaluation)`: one value a seed, paired between variants;
- `per_variant`  `series(setting)` says what to sample, `sample(subject, series)` does it for one round, and
                 `measure(series, samples)` condenses the samples of all rounds (see series.py).

Each yields (column, value) pairs. An exact metric may be counted a second time on a real network, in the cost phase:
`recount` names the file, which is like that of a per-variant metric.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
Kind = Literal["per_trial", "per_variant", "exact"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of `measure:`; `direction` says which way is better, `columns` what it adds to the tables.

    `sampled` says whether the cost phase takes it in every round, or once because it is the same every time.
    """

    kind: Kind
    direction: Direction
    columns: tuple[str, ...]
    unit: str
    module: str
    recount: str = ""
    sampled: Literal["every round", "once"] = "every round"

    @property
    def sampler(self) -> str:
        """The file that measures it in the cost phase, empty if none does."""
        return self.module if self.kind == "per_variant" else self.recount


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
        columns=("macs", "macs_fvcore"),
        unit="multiply-adds of convolutions and linear layers for one image, by torch's counter and by fvcore's",
        module="ablate.measure.macs",
        recount="ablate.measure.macs_fvcore",
        sampled="once",
    ),
    "latency": Metric(
        kind="per_variant",
        direction="lower",
        columns=("latency_ms_p50", "latency_ms_p90", "latency_ms_p99"),
        unit="milliseconds a forward pass, batch 1 (other batches end in _bN, other modes in their name)",
        module="ablate.measure.latency",
    ),
    "throughput": Metric(
        kind="per_variant",
        direction="higher",
        columns=("inference_images_per_second", "training_images_per_second"),
        unit="images per second of inference and of a training step, at the largest batch size asked for",
        module="ablate.measure.throughput",
    ),
    "memory": Metric(
        kind="per_variant",
        direction="lower",
        columns=(
            "memory_mib",
            "memory_inference_mib",
            "memory_parameters_mib",
            "memory_gradients_mib",
            "memory_optimizer_mib",
            "memory_activations_mib",
        ),
        unit="MiB one training step holds: parameters, gradients, optimizer state, saved activations",
        module="ablate.measure.memory",
        sampled="once",
    ),
    "energy": Metric(
        kind="per_variant",
        direction="lower",
        columns=("energy_joules",),
        unit="joules of the whole board for one image of inference, where it has a counter of its own",
        module="ablate.measure.energy",
    ),
}

# Columns that every record carries besides what `measure:` asks for.
ALWAYS: dict[str, Direction] = {"train_seconds": "lower", "train_images_per_second": "higher"}

DIRECTIONS: dict[str, Direction] = {
    **{column: metric.direction for metric in METRICS.values() for column in metric.columns},
    **ALWAYS,
}


def metrics_of(kind: Kind, names: Sequence[str]) -> list[str]:
    """Those of `names` whose kind is `kind`, in their order."""
    return [name for name in names if METRICS[name].kind == kind]


def cost_metrics(names: Sequence[str]) -> list[str]:
    """Those of `names` that the cost phase has something to do for, in their order."""
    return [name for name in names if METRICS[name].sampler]
