"""This machine's ceilings: how fast it multiplies matrices, and how fast it copies. A worker calls `run` by name.

The two numbers of a roofline (see roofline.py). Products of square matrices, the best of a few sizes and of two ways
to ask for one, by `torch.mm` and as a pointwise convolution: these may be different libraries, of which one can be
twice as fast. A copy as in McCalpin's STREAM (1995), of a tensor that no cache holds, bytes read and bytes written both
counted. All probes take turns round by round, so that what the machine does meanwhile meets all of them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F

from ablate.measure.clock import Call, row_seconds, synchronise

Arithmetic = Literal["float32", "tfloat32", "bfloat16"]
Product = Callable[[int, torch.dtype, torch.device], Call]

SIZES = (512, 1024, 2048, 4096, 8192)
LONGEST_SECONDS = 0.15  # of one product; a larger one is not tried
TURN_SECONDS = 0.02
LEAST_ROUNDS = 5

# A copy is to be several times as large as the last cache; the largest of processors would else take all memory.
LEAST_COPY, MOST_COPY, CACHES_A_COPY = 256 * 1024**2, 1024**3, 4
CACHE_SIZES = Path("/sys/devices/system/cpu/cpu0/cache")
UNITS = {"K": 1024, "M": 1024**2}

_CONVOLUTIONS: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Probe:
    """`call` does `amount` operations, or moves so many bytes, by `operator`; `size`: the side of a matrix, bytes."""

    name: str
    operator: str
    size: int
    amount: int
    call: Call


def run(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Measure the ceilings of `device` in `task` for about as many `seconds`: JSON.

    `products`: arithmetic -> `gflops`; `copy`: `gb_per_second`; each the median of all rounds, with its `spread`
    (interquartile range over median), `rounds`, `operator` and `size`. `passes_compute_in`: the
    arithmetic of an fp32 pass on this device.
    """
    device = torch.device(task["device"])
    with _fp32_products_in("ieee"), torch.inference_mode():
        probes = [*_products(device), _copy(device)]
        rates = _rates(probes, device, task["seconds"])
    found = [{"probe": probe, **_condensed(taken)} for probe, taken in zip(probes, rates, strict=True)]
    return {
        "device": str(device),
        "threads": torch.get_num_threads(),
        "products": {name: _best(found, name) for name in _arithmetics(device)},
        "copy": {"gb_per_second": found[-1]["rate"], **_how(found[-1])},
        "passes_compute_in": arithmetic_of_passes(device),
    }


def arithmetic_of_passes(device: torch.device) -> Arithmetic:
    """What fp32 convolutions compute in: cuDNN takes TF32 unless it is told not to."""
    is_tf32 = device.type == "cuda" and _CONVOLUTIONS.fp32_precision == "tf32"
    return "tfloat32" if is_tf32 else "float32"


def _arithmetics(device: torch.device) -> tuple[Arithmetic, ...]:
    return ("float32", "tfloat32", "bfloat16") if device.type == "cuda" else ("float32", "bfloat16")


def _products(device: torch.device) -> Iterator[Probe]:
    """Products of growing size, in each arithmetic and by each operator, as long as they are quick."""
    for name in _arithmetics(device):
        for operator, product in PRODUCTS.items():
            for size in SIZES:
                probe = Probe(name, operator, size, 2 * size**3, _product(name, product, size, device))
                yield probe
                if 8 * row_seconds(probe.call, device, 0.0) > LONGEST_SECONDS:  # twice the side is 8 times the work
                    break


def _product(name: Arithmetic, product: Product, size: int, device: torch.device) -> Call:
    call = product(size, torch.bfloat16 if name == "bfloat16" else torch.float32, device)

    def in_its_precision() -> None:
        with _fp32_products_in("tf32" if name == "tfloat32" else "ieee"):
            call()

    return in_its_precision


def matrix_product(size: int, dtype: torch.dtype, device: torch.device) -> Call:
    """Two square matrices of `size` rows."""
    left, right, product = (torch.rand((size, size), device=device).to(dtype) for _ in range(3))
    return lambda: torch.mm(left, right, out=product)


def pointwise_convolution(size: int, dtype: torch.dtype, device: torch.device) -> Call:
    """The same product: `size` channels at `size` pixels, channels last, to `size` channels."""
    image = torch.rand((1, size, size // 32, 32), device=device).to(dtype, memory_format=torch.channels_last)
    weight = torch.rand((size, size, 1, 1), device=device).to(dtype, memory_format=torch.channels_last)
    return lambda: F.conv2d(image, weight)


PRODUCTS: dict[str, Product] = {"mm": matrix_product, "conv2d": pointwise_convolution}


def _copy(device: torch.device) -> Probe:
    size = copy_bytes(_cache_bytes(device))
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return Probe("copy", "copy_", 2 * size, 2 * size, lambda: target.copy_(source))


def copy_bytes(cache_bytes: int) -> int:
    """How much to copy where the last cache holds `cache_bytes`."""
    return min(MOST_COPY, max(LEAST_COPY, CACHES_A_COPY * cache_bytes))


def _cache_bytes(device: torch.device) -> int:
    """The largest cache; 0 where this machine does not say."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).L2_cache_size)
    texts = [path.read_text().strip() for path in CACHE_SIZES.glob("index*/size")]
    return max((int(text[:-1]) * UNITS[text[-1]] for text in texts if text[-1:] in UNITS), default=0)


def _rates(probes: list[Probe], device: torch.device, seconds: float) -> list[list[float]]:
    """Operations or bytes a second of every probe, one a round."""
    rates: list[list[float]] = [[] for _ in probes]
    synchronise(device)
    stop = time.perf_counter() + seconds
    while len(rates[0]) < LEAST_ROUNDS or time.perf_counter() < stop:
        for probe, taken in zip(probes, rates, strict=True):
            taken.append(probe.amount / row_seconds(probe.call, device, TURN_SECONDS))
    return rates


def _condensed(rates: list[float]) -> dict[str, Any]:
    low, middle, high = np.percentile(rates, (25, 50, 75))
    return {"rate": float(middle) / 1e9, "spread": float((high - low) / middle), "rounds": len(rates)}


def _best(found: list[dict[str, Any]], name: Arithmetic) -> dict[str, Any]:
    best = max((each for each in found if each["probe"].name == name), key=lambda each: float(each["rate"]))
    return {"gflops": best["rate"], **_how(best)}


def _how(found: dict[str, Any]) -> dict[str, Any]:
    probe = found["probe"]
    return {"spread": found["spread"], "rounds": found["rounds"], "operator": probe.operator, "size": probe.size}


@contextmanager
def _fp32_products_in(precision: Literal["ieee", "tf32"]) -> Iterator[None]:
    """With fp32 products and convolutions on CUDA at full precision, or through TF32; a CPU has no such choice here."""
    settings = (torch.backends.cuda.matmul, _CONVOLUTIONS)
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = precision
        yield
    finally:
        for setting, earlier in zip(settings, before, strict=True):
            setting.fp32_precision = earlier
