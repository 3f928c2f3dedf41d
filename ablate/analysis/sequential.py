"""Seeds in blocks, `seeds: {start, at_most, until}`: more of them until the intervals are narrow enough.

Only the width decides. To stop as soon as a difference is significant would look at the p-value again and again, and
raise the rate of false findings with every look (Armitage, McPherson & Rowe 1969). The width has a price too, though a
smaller one: it stops where the spread happens to look small, so that with a single contrast more than 5 % of null
studies find something; see MOST_FALSE_FINDINGS. With four contrasts, all of which must be narrow, Holm's correction
covers that.
"""

from collections.abc import Iterable

MOST_FALSE_FINDINGS = {3: 0.094, 5: 0.075, 10: 0.064}
"""Seeds of a block -> how many of 40,000 simulated null studies of one contrast, at the worst `until`, found a
difference at 5 %, with at most 20 seeds of 3, and 40 of 5 and 10."""


def most_false_findings(start: int) -> float:
    """The entry of MOST_FALSE_FINDINGS for the next smaller block."""
    known = [size for size in MOST_FALSE_FINDINGS if size <= start]
    return MOST_FALSE_FINDINGS[max(known, default=min(MOST_FALSE_FINDINGS))]


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
