from dataclasses import replace
from typing import Any

import pytest
from matplotlib.axes import Axes

from ablate.report.document import SeedPanel
from ablate.report.figures.seeds import DOWN, LEVEL, UP, seeds


def ends(axes: Axes) -> list[tuple[float, float]]:
    return [tuple(line.get_ydata()) for line in axes.get_lines()]


def test_every_seed_is_a_line_and_their_mean_the_last(charts: dict[str, Any]) -> None:
    spd, maxpool = seeds(charts["seeds"]).axes
    assert ends(spd) == [(70, 73), (71, 70), (69, 69), (70, pytest.approx(212 / 3))]
    assert ends(maxpool) == [(70, 75), (70, 75)]


def test_better_worse_and_level_have_their_own_colour_line_and_mark(charts: dict[str, Any]) -> None:
    spd, _ = seeds(charts["seeds"]).axes
    looks = [(line.get_color(), line.get_marker()) for line in spd.get_lines()[:3]]
    assert looks == [(UP[0], UP[2]), (DOWN[0], DOWN[2]), (LEVEL[0], LEVEL[2])]
    assert len({line.get_linestyle() for line in spd.get_lines()[:2]}) == 2
    upside_down = seeds(replace(charts["seeds"], better="lower")).axes[0]
    assert [line.get_color() for line in upside_down.get_lines()[:2]] == [DOWN[0], UP[0]]


def test_all_panels_have_one_scale(charts: dict[str, Any]) -> None:
    assert len({axes.get_ylim() for axes in seeds(charts["seeds"]).axes}) == 1


def test_panels_go_on_in_the_next_row(charts: dict[str, Any]) -> None:
    panel: SeedPanel = charts["seeds"].panels[0]
    figure = seeds(replace(charts["seeds"], panels=(panel,) * 5))
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False] * 3
