"""Where work stands under a roof, by hand."""

import pytest

from ablate.measure.roofline import Roof, place

ROOF = Roof(gflops=100.0, gb_per_second=10.0)
"""Its two parts meet at 10 flop/byte."""


def test_work_of_low_intensity_is_held_by_memory() -> None:
    """4 GFLOP on 2 GB: 2 flop/byte, so 20 GFLOP/s are allowed, or 0.2 s; 0.8 s is 5 GFLOP/s, a quarter of that."""
    assert place(4_000_000_000, 2_000_000_000, 0.8, ROOF) == {
        "intensity": 2.0,
        "attained_gflops": 5.0,
        "attained_share": 0.25,
        "ceiling": "memory",
    }


def test_work_of_high_intensity_is_held_by_compute() -> None:
    """40 GFLOP on 1 GB: 40 flop/byte, so the peak is allowed; 0.5 s is 80 GFLOP/s of 100."""
    assert place(40_000_000_000, 1_000_000_000, 0.5, ROOF) == {
        "intensity": 40.0,
        "attained_gflops": 80.0,
        "attained_share": pytest.approx(0.8),
        "ceiling": "compute",
    }


@pytest.mark.parametrize("intensity", [0.01, 1.0, 9.99, 10.01, 300.0])
def test_the_share_is_of_the_lower_of_the_peak_and_intensity_times_bandwidth(intensity: float) -> None:
    moved, seconds = 1_000_000, 0.003
    placed = place(round(intensity * moved), moved, seconds, ROOF)
    allowed = min(ROOF.gflops, intensity * ROOF.gb_per_second)
    assert placed["attained_share"] == pytest.approx(placed["attained_gflops"] / allowed)
    assert placed["ceiling"] == ("compute" if intensity > 10 else "memory")


def test_without_operations_the_share_is_of_the_bandwidth() -> None:
    placed = place(0, 1_000_000_000, 0.2, ROOF)
    assert placed == {"intensity": 0.0, "attained_gflops": 0.0, "attained_share": 0.5, "ceiling": "memory"}


def test_what_caches_hold_may_stand_above_the_roof() -> None:
    assert place(0, 1_000_000_000, 0.05, ROOF)["attained_share"] == 2.0


@pytest.mark.parametrize(("flops", "moved", "seconds"), [(0, 0, 0.1), (0, 0, 0.0)])
def test_nothing_to_do_has_no_place(flops: int, moved: int, seconds: float) -> None:
    placed = place(flops, moved, seconds, ROOF)
    assert (placed["intensity"], placed["attained_share"], placed["ceiling"]) == (None, None, None)


def test_without_a_time_the_ceiling_is_known_and_no_share() -> None:
    placed = place(10, 1_000, 0.0, ROOF)
    assert placed == {"intensity": 0.01, "attained_gflops": None, "attained_share": None, "ceiling": "memory"}
