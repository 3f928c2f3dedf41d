"""The ceilings, from a clock that is made up."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ablate.measure import ceilings

CPU = torch.device("cpu")
MIB = 1024**2

# Seconds of a product by (operator, arithmetic, side), and of the copy, on the made-up machine: GFLOP/s beside them.
SECONDS = {
    ("mm", torch.float32, 32): 2 * 32**3 / 10e9,
    ("mm", torch.float32, 64): 2 * 64**3 / 20e9,
    ("conv2d", torch.float32, 32): 2 * 32**3 / 30e9,
    ("conv2d", torch.float32, 64): 2 * 64**3 / 25e9,
    ("mm", torch.bfloat16, 32): 2 * 32**3 / 7e9,
    ("mm", torch.bfloat16, 64): 2 * 64**3 / 70e9,
    ("conv2d", torch.bfloat16, 32): 2 * 32**3 / 6e9,
    ("conv2d", torch.bfloat16, 64): 2 * 64**3 / 5e9,
}


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Probes that take SECONDS, a copy that takes 1 s, twice as long in every fourth round; counts calls."""
    counts: dict[str, int] = {}
    taken: dict[Any, float] = {}

    def product(operator: str) -> ceilings.Product:
        def make(size: int, dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
            def call() -> None:
                taken["seconds"] = SECONDS[operator, dtype, size]
                counts[f"{operator} {dtype} {size}"] = counts.setdefault(f"{operator} {dtype} {size}", 0) + 1

            return call

        return make

    def copy(device: torch.device) -> ceilings.Probe:
        def call() -> None:
            counts["copy"] = counts.setdefault("copy", 0) + 1
            taken["seconds"] = 2.0 if counts["copy"] % 4 == 0 else 1.0

        return ceilings.Probe("copy", "copy_", 3_000_000_000, 3_000_000_000, call)

    def clock(call: Callable[[], object], device: torch.device, budget: float) -> float:
        call()
        return taken["seconds"]

    monkeypatch.setattr(ceilings, "SIZES", (32, 64))
    monkeypatch.setattr(ceilings, "PRODUCTS", {name: product(name) for name in ("mm", "conv2d")})
    monkeypatch.setattr(ceilings, "_copy", copy)
    monkeypatch.setattr(ceilings, "row_seconds", clock)
    return counts


@pytest.mark.usefixtures("made_up")
def test_a_ceiling_is_the_best_operator_and_size_of_each_arithmetic() -> None:
    found = json.loads(json.dumps(ceilings.run({"device": "cpu", "seconds": 0.0}, print)))
    assert found["products"] == {
        "float32": {"gflops": pytest.approx(30.0), "spread": 0.0, "rounds": 5, "operator": "conv2d", "size": 32},
        "bfloat16": {"gflops": pytest.approx(70.0), "spread": 0.0, "rounds": 5, "operator": "mm", "size": 64},
    }
    assert (found["device"], found["threads"]) == ("cpu", torch.get_num_threads())
    assert found["passes_compute_in"] == "float32"


@pytest.mark.usefixtures("made_up")
def test_a_round_that_was_disturbed_moves_the_spread_and_not_the_median() -> None:
    """Five rounds of 3 GB: 3, 3, 3, 1.5, 3 GB/s; the quartiles are 3 and 3."""
    copied = ceilings.run({"device": "cpu", "seconds": 0.0}, print)["copy"]
    assert (copied["gb_per_second"], copied["spread"], copied["rounds"]) == (3.0, 0.0, 5)


def test_all_probes_take_turns_in_every_round(made_up: dict[str, int]) -> None:
    ceilings.run({"device": "cpu", "seconds": 0.0}, print)
    once_to_see_how_slow = 1
    assert made_up.pop("copy") == ceilings.LEAST_ROUNDS
    assert set(made_up.values()) == {ceilings.LEAST_ROUNDS + once_to_see_how_slow}
    assert len(made_up) == 8


def test_a_size_that_would_be_slow_is_not_tried(made_up: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "LONGEST_SECONDS", 8 * SECONDS["conv2d", torch.float32, 32] * 1.01)
    ceilings.run({"device": "cpu", "seconds": 0.0}, print)
    assert "conv2d torch.float32 64" in made_up
    assert "mm torch.float32 32" in made_up
    assert "mm torch.float32 64" not in made_up


def test_the_spread_is_the_interquartile_range_over_the_median() -> None:
    assert ceilings._condensed([1e9, 2e9, 4e9, 5e9, 9e9]) == {"rate": 4.0, "spread": 0.75, "rounds": 5}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_operators_do_the_same_product(dtype: torch.dtype) -> None:
    """With 64 rows: sums of 64 products of numbers below 1, one a row and column."""
    product = ceilings.matrix_product(64, dtype, CPU)()
    convolved = ceilings.pointwise_convolution(64, dtype, CPU)()
    assert isinstance(product, torch.Tensor)
    assert isinstance(convolved, torch.Tensor)
    assert product.shape == (64, 64)
    assert convolved.shape == (1, 64, 2, 32)
    assert product.dtype == convolved.dtype == dtype
    assert product.float().mean().item() == pytest.approx(16, rel=0.1)
    assert convolved.float().mean().item() == pytest.approx(16, rel=0.1)


@pytest.mark.parametrize(
    ("cache", "copied"), [(0, 256 * MIB), (32 * MIB, 256 * MIB), (96 * MIB, 384 * MIB), (1152 * MIB, 1024 * MIB)]
)
def test_what_is_copied_is_larger_than_the_last_cache_within_reason(cache: int, copied: int) -> None:
    assert ceilings.copy_bytes(cache) == copied


def test_a_copy_counts_what_it_reads_and_what_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "LEAST_COPY", 1024)
    monkeypatch.setattr(ceilings, "_cache_bytes", lambda device: 0)
    probe = ceilings._copy(CPU)
    copied = probe.call()
    assert isinstance(copied, torch.Tensor)
    assert (copied.nbytes, probe.amount) == (1024, 2048)


def test_the_cache_is_the_largest_that_the_machine_names(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in enumerate(("48K\n", "1024K\n", "32M\n", "")):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(text)
    monkeypatch.setattr(ceilings, "CACHE_SIZES", tmp_path)
    assert ceilings._cache_bytes(CPU) == 32 * MIB
    monkeypatch.setattr(ceilings, "CACHE_SIZES", tmp_path / "nowhere")
    assert ceilings._cache_bytes(CPU) == 0


def test_precision_is_set_for_the_measurement_alone() -> None:
    settings: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [setting.fp32_precision for setting in settings]
    with ceilings._fp32_products_in("tf32"):
        assert [setting.fp32_precision for setting in settings] == ["tf32", "tf32"]
        with ceilings._fp32_products_in("ieee"):
            assert [setting.fp32_precision for setting in settings] == ["ieee", "ieee"]
    assert [setting.fp32_precision for setting in settings] == before
