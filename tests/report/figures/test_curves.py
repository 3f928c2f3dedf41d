from typing import Any

import pytest

from ablate.report.figures.curves import curves


def test_a_line_a_variant_with_the_band_of_its_interval(charts: dict[str, Any]) -> None:
    (axes,) = curves(charts["curves"]).axes
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[1, 2, 3], [1, 2, 3]]
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[2.0, 1.5, 1.2], [1.9, 1.4, 1.0]]
    band = axes.collections[0].get_paths()[0].vertices
    at_two = sorted({y for x, y in band.tolist() if x == 2})
    assert at_two == pytest.approx([1.4, 1.6])


def test_lines_differ_by_colour_dash_and_mark(charts: dict[str, Any]) -> None:
    first, second = curves(charts["curves"]).axes[0].get_lines()
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()
