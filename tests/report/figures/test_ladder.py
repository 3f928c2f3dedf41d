from dataclasses import replace
from typing import Any

import pytest

from ablate.report.figures.canvas import NO_VERDICT, VERDICT_MARKS
from ablate.report.figures.ladder import ladder


def intervals(axes: Any) -> list[tuple[float, float, float]]:
    """(row, low, high) of every horizontal line."""
    segments = [collection.get_segments()[0] for collection in axes.collections if hasattr(collection, "get_segments")]
    return [(float(start[1]), float(start[0]), float(end[0])) for start, end in segments]


def test_rows_stand_in_their_order_with_both_intervals(charts: dict[str, Any]) -> None:
    (axes,) = ladder(charts["ladder"]).axes
    points = [line for line in axes.get_lines() if line.get_marker() in "^vs"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in points] == [(4.9, 0), (0.1, 1), (-3.0, 2)]
    assert intervals(axes) == [(0, 4.2, 5.6), (0, 4.31, 5.49), (1, -0.3, 0.5)]
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    assert top < 0 < 2 < bottom


def test_a_verdict_has_its_own_colour_and_mark(charts: dict[str, Any]) -> None:
    (axes,) = ladder(charts["ladder"]).axes
    looks = [(line.get_color(), line.get_marker()) for line in axes.get_lines() if line.get_marker() in "^vs"]
    assert looks == [VERDICT_MARKS["better"], VERDICT_MARKS["equivalent"], VERDICT_MARKS["worse"]]
    assert len({mark for _, mark in [*VERDICT_MARKS.values(), NO_VERDICT]}) == 4


def test_the_margin_is_a_band_around_no_difference(charts: dict[str, Any]) -> None:
    (axes,) = ladder(charts["ladder"]).axes
    (band,) = axes.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.5, 1.0))
    without = replace(charts["ladder"], margin=None)
    assert not ladder(without).axes[0].patches
    assert "margin" not in [text.get_text() for text in ladder(without).legends[0].get_texts()]


def test_forty_rows_keep_their_distance(charts: dict[str, Any]) -> None:
    """A row is as high with forty as with three, but for the edges."""
    chart = charts["ladder"]
    heights = [
        (figure := ladder(replace(chart, rungs=chart.rungs * times))).axes[0].get_position().height
        * figure.get_figheight()
        / (3 * times)
        for times in (1, 13)
    ]
    assert heights[0] == pytest.approx(heights[1], rel=0.05)
