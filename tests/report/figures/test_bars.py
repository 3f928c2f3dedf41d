from typing import Any

import pytest

from ablate.report.figures.bars import bars


def test_bars_are_as_long_as_their_numbers(charts: dict[str, Any]) -> None:
    guide, _ = bars(charts["bars"]).axes
    measured, printed = guide.containers
    assert [bar.get_width() for bar in measured] == [22.856, 4.232]
    assert [bar.get_width() for bar in printed] == [22.9, 4.2]


def test_a_panel_is_as_high_as_it_has_bars(charts: dict[str, Any]) -> None:
    """Two rows above three."""
    guide, paper = (axes.get_position().height for axes in bars(charts["bars"]).axes)
    assert paper / guide == pytest.approx(3 / 2)


def test_what_is_printed_differs_by_its_pattern_too(charts: dict[str, Any]) -> None:
    measured, printed = bars(charts["bars"]).axes[0].containers
    assert {bar.get_hatch() for bar in measured}.isdisjoint(bar.get_hatch() for bar in printed)
