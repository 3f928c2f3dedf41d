from dataclasses import replace
from itertools import pairwise
from typing import Any

from ablate.report.document import CostPoint, Estimate
from ablate.report.figures.pareto import LOOKS, MOST_LABELS, pareto


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_line_joins_the_front_from_cheap_to_dear(charts: dict[str, Any]) -> None:
    params, _ = pareto(charts["pareto"]).axes
    line = params.get_lines()[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([100, 900], [70, 75])


def test_a_state_has_its_own_colour_and_mark(charts: dict[str, Any]) -> None:
    params, _ = pareto(charts["pareto"]).axes
    marks = [(line.get_color(), line.get_marker()) for line in params.get_lines()[1:]]
    assert marks == [LOOKS[state][:2] for state in ("front", "front", "dominated", "clearly dominated")]
    assert len({look[1] for look in LOOKS.values()}) == len(LOOKS)


def test_a_cost_over_more_than_one_magnitude_is_drawn_by_its_logarithm(charts: dict[str, Any]) -> None:
    params, latency = pareto(charts["pareto"]).axes
    assert (params.get_xscale(), latency.get_xscale()) == ("linear", "log")


def test_labels_stand_within_the_axes_and_clear_of_each_other(charts: dict[str, Any]) -> None:
    params, _ = pareto(charts["pareto"]).axes
    assert sorted(labels(params)) == ["beaten", "large", "lost", "small"]
    heights: dict[str, list[float]] = {}
    for text in params.texts:
        across, up = text.get_position()
        assert 0 < across < 1
        heights.setdefault(text.get_ha(), []).append(up)
    for side in heights.values():
        ordered = sorted(side)
        assert all(upper - lower > 0.05 for lower, upper in pairwise(ordered))


def test_of_many_only_the_front_is_named(charts: dict[str, Any]) -> None:
    panel = charts["pareto"].panels[0]
    more = tuple(CostPoint(f"n{k}", Estimate(700.0 + k), Estimate(50.0), "dominated") for k in range(MOST_LABELS))
    params = pareto(replace(charts["pareto"], panels=(replace(panel, points=(*panel.points, *more)),))).axes[0]
    assert sorted(labels(params)) == ["large", "small"]


def test_intervals_cross_at_the_mark(charts: dict[str, Any]) -> None:
    _, latency = pareto(charts["pareto"]).axes
    ends = [collection.get_segments()[0].tolist() for collection in latency.collections]
    assert ends[0] == [[1.0, 69.0], [1.0, 71.0]]
    assert ends[1] == [[0.9, 70.0], [1.2, 70.0]]
