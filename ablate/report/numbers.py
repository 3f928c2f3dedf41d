"""How numbers are shown: accuracies in per cent and their differences in percentage points, all else as it is."""

import math
import re
from dataclasses import dataclass
from typing import Literal

Style = Literal["fixed", "integer", "engineering", "significant"]

ABSENT = "–"
DECIMALS = 2
SIGNIFICANT = 3


@dataclass(frozen=True)
class Quantity:
    """How a column of the tables is headed and written. `{batch}` in `header` is the batch size."""

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
    "macs": Quantity("MACs (multiply-adds)", "MACs", "engineering"),
    "latency_ms_p50": Quantity("latency, median (ms, batch {batch})", "ms", "significant"),
    "latency_ms_p90": Quantity("latency, p90 (ms, batch {batch})", "ms", "significant"),
    "inference_images_per_second": Quantity("inference (images/s)", "images/s", "significant"),
    "memory_mib": Quantity("memory (MiB)", "MiB", "significant"),
    "energy_joules": Quantity("energy (J)", "J", "significant"),
}


def quantity(column: str) -> Quantity:
    """How to show `column`; columns for batches other than 1 end in `_b<size>`. One that is unknown shows its name."""
    base, batch = _split_batch(column)
    if base not in QUANTITIES:
        return Quantity(column, column, "significant")
    known = QUANTITIES[base]
    return Quantity(known.header.format(batch=batch), known.difference_unit, known.style, known.scale)


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


def show_p(p_value: float) -> str:
    """A p-value with four decimals, never as 0."""
    if _is_absent(p_value):
        return ABSENT
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def show_plain(value: float) -> str:
    """A number without unit, such as an effect size, with two decimals."""
    return ABSENT if _is_absent(value) else f"{value:+.2f}"


def _split_batch(column: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.+)_b(\d+)", column)
    return (found.group(1), int(found.group(2))) if found else (column, 1)


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
