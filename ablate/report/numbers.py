"""How numbers are shown: accuracies in per cent and their differences in percentage points, all else as it is."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Style = Literal["fixed", "integer", "engineering", "significant"]

ABSENT = "–"
DECIMALS = 2
SIGNIFICANT = 3


@dataclass(frozen=True)
class Quantity:
    """How a column of the tables is headed and written. `{batch}` in `header` is the batch size.

    What a column's name says beyond that, as `_compiled` does, joins the unit in the header's brackets.
    """

    header: str
    difference_unit: str
    style: Style
    scale: float = 1.0


QUANTITIES: dict[str, Quantity] = {
    "accuracy": Quantity("accuracy (%)", "percentage points", "fixed", scale=100.0),
    "test_loss": Quantity("test loss (nats)", "nats", "significant"),
    "train_seconds": Quantity("training (s)", "s", "significant"),
    "train_images_per_second": Quantity("training (images/s)", "images/s", "significant"),
    "params": Quantity("parameters", "parameters", "integer"),
    "macs": Quantity("MACs, torch (multiply-adds)", "MACs", "engineering"),
    "macs_fvcore": Quantity("MACs, fvcore conv + linear (multiply-adds)", "MACs", "engineering"),
    "training_macs": Quantity("training MACs, 3 x forward (multiply-adds)", "MACs", "engineering"),
    "latency_ms_p50": Quantity("latency, median (ms, batch {batch})", "ms", "significant"),
    "latency_ms_p90": Quantity("latency, p90 (ms, batch {batch})", "ms", "significant"),
    "latency_ms_p99": Quantity("latency, p99 (ms, batch {batch})", "ms", "significant"),
    "inference_images_per_second": Quantity("inference (images/s)", "images/s", "significant"),
    "training_images_per_second": Quantity("training step (images/s)", "images/s", "significant"),
    "memory_mib": Quantity("memory, one training step (MiB)", "MiB", "significant"),
    "memory_inference_mib": Quantity("memory, inference (MiB)", "MiB", "significant"),
    "memory_parameters_mib": Quantity("memory, parameters (MiB)", "MiB", "significant"),
    "memory_gradients_mib": Quantity("memory, gradients (MiB)", "MiB", "significant"),
    "memory_optimizer_mib": Quantity("memory, optimizer state (MiB)", "MiB", "significant"),
    "memory_activations_mib": Quantity("memory, saved activations (MiB)", "MiB", "significant"),
    "energy_joules": Quantity("energy (J per image)", "J", "significant"),
}
MODES = {"compiled": "compiled", "cuda_graph": "CUDA graph"}
# `latency_ms_p50_b64_compiled`: the base as short as it can be, then batch size and mode.
SUFFIXED = re.compile(r"(.+?)(?:_b(\d+))?(?:_(compiled|cuda_graph))?")


class ColumnName(NamedTuple):
    """What a column's name says: `batch` and `mode` are None where it does not say."""

    base: str
    batch: int | None
    mode: str | None


def column_name(column: str) -> ColumnName:
    """`column` without what it ends in: `_b64` for a batch size, `_compiled` or `_cuda_graph` for a mode, or both."""
    found = SUFFIXED.fullmatch(column)
    if found is None:
        return ColumnName(column, None, None)
    base, batch, mode = found.groups()
    return ColumnName(base, int(batch) if batch else None, mode)


def quantity(column: str) -> Quantity:
    """How to show `column`, with the batch size and mode of its name. One that is unknown shows its name."""
    base, batch, mode = column_name(column)
    if base not in QUANTITIES:
        return Quantity(column, column, "significant")
    known = QUANTITIES[base]
    beyond = [f"batch {batch}"] if batch and "{batch}" not in known.header else []
    beyond += [MODES[mode]] if mode else []
    header = _in_brackets(known.header.format(batch=batch or 1), beyond)
    return Quantity(header, known.difference_unit, known.style, known.scale)


def show(column: str, value: float) -> str:
    """`value` of `column` without its unit, which stands in the header."""
    return _write(quantity(column), value, sign="")


def show_difference(column: str, value: float) -> str:
    """A difference on `column`, with its sign, without its unit."""
    return _write(quantity(column), value, sign="+")


def show_mean(column: str, mean: float, ci_low: float, ci_high: float) -> str:
    """Mean and half the width of its interval, `75.40 ± 0.81`; the mean alone where there is no interval."""
    if _is_absent(ci_low):
        return show(column, mean)
    return f"{show(column, mean)} ± {show(column, (ci_high - ci_low) / 2)}"


def show_interval(column: str, ci_low: float, ci_high: float) -> str:
    """`[+0.12, +3.40]`"""
    if _is_absent(ci_low):
        return ABSENT
    return f"[{show_difference(column, ci_low)}, {show_difference(column, ci_high)}]"


def show_range(column: str, ci_low: float, ci_high: float) -> str:
    """`[2.55, 2.70]`, the interval of a value; empty where there is none."""
    return "" if _is_absent(ci_low) else f"[{show(column, ci_low)}, {show(column, ci_high)}]"


def show_ratio(ratio: float) -> str:
    """`1.034`: three decimals, since a ratio is judged by its distance from 1."""
    return ABSENT if _is_absent(ratio) else f"{ratio:,.3f}"


def show_p(p_value: float) -> str:
    """A p-value with four decimals, never as 0."""
    if _is_absent(p_value):
        return ABSENT
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def show_plain(value: float) -> str:
    """A number without unit, such as an effect size, with two decimals."""
    return ABSENT if _is_absent(value) else f"{value:+.2f}"


def _in_brackets(header: str, beyond: Sequence[str]) -> str:
    """`latency (ms)` and `compiled` as `latency (ms, compiled)`."""
    if not beyond:
        return header
    joined = ", ".join(beyond)
    return f"{header[:-1]}, {joined})" if header.endswith(")") else f"{header} ({joined})"


def _write(how: Quantity, value: float, sign: str) -> str:
    if _is_absent(value):
        return ABSENT
    scaled = value * how.scale
    match how.style:
        case "fixed":
            return f"{scaled:{sign},.{DECIMALS}f}"
        case "integer":
            return f"{scaled:{sign},.0f}"
        case "engineering":
            return _engineering(scaled, sign)
        case "significant":
            return _significant(scaled, sign)


def _engineering(value: float, sign: str) -> str:
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999.7 k would round to "1,000 k".
        if abs(value) >= size * (1 - 0.5 * 10**-SIGNIFICANT):
            return f"{_significant(value / size, sign)} {prefix}"
    return f"{value:{sign},.0f}"


def _significant(value: float, sign: str) -> str:
    if value == 0:
        return "0"
    # Format by exponent first: rounding may carry into one more digit, 0.9997 to 1.00.
    exponent = int(f"{value:.{SIGNIFICANT - 1}e}".partition("e")[2])
    decimals = SIGNIFICANT - 1 - exponent
    return f"{round(value, decimals):{sign},.{max(decimals, 0)}f}"


def _is_absent(value: float) -> bool:
    return value is None or math.isnan(value)
