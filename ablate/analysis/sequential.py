"""Seeds in blocks, `seeds: {start, at_most, until}`: more of them until the intervals are narrow enough.

Only the width decides. To stop as soon as a difference is significant would look at the p-value again and again, and
raise the rate of false findings with every look (Armitage, McPherson & Rowe 1969).
"""

from collections.abc import Iterable


def seeds_so_far(start: int, at_most: int) -> tuple[int, ...]:
    """How many seeds every variant has after each block: blocks of `start`, the last cut at `at_most`.

    `seeds_so_far(5, 12)` is (5, 10, 12). Raises `ValueError` unless 1 <= `start` <= `at_most`.
    """
    if not 1 <= start <= at_most:
        raise ValueError(f"start is {start} and at_most is {at_most}; 1 <= start <= at_most is needed")
    return (*range(start, at_most, start), at_most)


def enough(half_widths: Iterable[float], until: float) -> bool:
    """Whether every primary contrast's 95 % interval is at most `until` either way; a NaN, no interval, is not enough.

    `half_widths` are (ci_high - ci_low) / 2, in the metric's unit like `until`.
    """
    return all(half_width <= until for half_width in half_widths)
