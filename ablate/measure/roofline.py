"""Where a computation stands under the roofline. Free of torch.

Williams, Waterman and Patterson 2009, "Roofline": a machine that computes at most P operations a second and moves at
most B bytes a second reaches min(P, I B) at an intensity of I operations a byte. Said of time: the work takes at least
the longer of what its operations and what its bytes take, and that one is the ceiling which holds it.
"""

from dataclasses import dataclass
from typing import Any, Literal

Ceiling = Literal["compute", "memory"]
GIGA = 1e9


@dataclass(frozen=True)
class Roof:
    """`gflops`: the rate of matrix products, two operations a multiply-add. `gb_per_second`: read plus written."""

    gflops: float
    gb_per_second: float


def place(flops: int, bytes_moved: int, seconds: float, roof: Roof) -> dict[str, Any]:
    """JSON: `intensity` (flop/byte), `attained_gflops`, `attained_share` of what `roof` allows there, and the
    `ceiling` that holds it; None where there is nothing to compute or move, or no time was seen to pass.

    The share is the least time over the time taken, which for work without operations is its share of the bandwidth.
    """
    computing, moving = flops / (roof.gflops * GIGA), bytes_moved / (roof.gb_per_second * GIGA)
    least = max(computing, moving)
    ceiling: Ceiling = "compute" if computing >= moving else "memory"
    return {
        "intensity": flops / bytes_moved if bytes_moved else None,
        "attained_gflops": flops / seconds / GIGA if seconds > 0 else None,
        "attained_share": least / seconds if least > 0 and seconds > 0 else None,
        "ceiling": ceiling if least > 0 else None,
    }
