from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablate.report.figures.interaction import interaction


def test_a_line_a_level_through_the_means_with_its_interval(charts: dict[str, Any]) -> None:
    (axes,) = interaction(charts["interaction"]).axes
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[97, 92], [95, 89]]
    ends = [[sorted(segment[:, 1]) for segment in collection.get_segments()] for collection in axes.collections]
    assert ends == [[[96, 98], [90, 94]], [[94, 96], [89, 89]]]


def test_lines_stand_apart_at_a_level_and_closer_to_it_than_to_the_next(charts: dict[str, Any]) -> None:
    (axes,) = interaction(charts["interaction"]).axes
    places = np.array([line.get_xdata() for line in axes.get_lines()])
    assert (np.abs(places - [0, 1]) < 0.5).all()
    assert places[0] != pytest.approx(places[1])


def test_levels_are_named_below_the_axis(charts: dict[str, Any]) -> None:
    (axes,) = interaction(charts["interaction"]).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "relu"]


def test_a_panel_a_pair_of_factors(charts: dict[str, Any]) -> None:
    (panel,) = charts["interaction"].panels
    assert len(interaction(replace(charts["interaction"], panels=(panel,) * 3)).axes) == 3
