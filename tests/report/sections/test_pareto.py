import pytest

from ablate.report import tables
from ablate.report.document import Paragraph, ParetoChart, Table
from ablate.report.sections.pareto import MOST_POINTS, pareto_section


def parts_of(results):
    _, chart, table, method = pareto_section(results, tables(results))
    assert isinstance(chart, ParetoChart)
    assert isinstance(table, Table)
    assert isinstance(method, Paragraph)
    return chart, table


def test_a_panel_a_cost_with_mean_accuracy_and_both_intervals(toy):
    results = toy()
    variants = tables(results).variants.set_index("variant")
    chart, _ = parts_of(results)
    assert [panel.axis for panel in chart.panels] == [
        *("parameters", "MACs, torch (multiply-adds)", "latency, median (ms, batch 1)")
    ]
    params, _, latency = chart.panels
    spd = next(point for point in params.points if point.label == "spd")
    assert (spd.cost.value, spd.cost.low) == (4_000, None)
    assert spd.accuracy.value == pytest.approx(100 * variants.loc["spd", "accuracy_mean"])
    assert spd.accuracy.low == pytest.approx(100 * variants.loc["spd", "accuracy_ci_low"])
    slow = next(point for point in latency.points if point.label == "spd")
    assert (slow.cost.value, slow.cost.low, slow.cost.high) == pytest.approx((2.468, 2.40, 2.62))


def test_the_table_says_how_each_stands(toy):
    """spd is more accurate and dearer: both ends are on the front, of two equal costs the less accurate is not."""
    results = toy()
    means = tables(results).variants.set_index("variant")["accuracy_mean"]
    better, worse = sorted(("strided", "maxpool"), key=lambda name: -means[name])
    _, table = parts_of(results)
    standing = {row[0]: row[1] for row in table.texts}
    assert standing["spd"] == standing[better] == "on the front"
    assert standing[worse].endswith(f"dominated by {better}")


def test_a_cost_that_is_missing_is_neither_drawn_nor_judged(toy, without_costs):
    chart, table = parts_of(without_costs(toy()))
    assert len(chart.panels) == 2
    assert len(table.columns) == 3


def test_variants_that_met_different_images_are_kept_apart(toy):
    results = toy(factors={"data.noise": [0, 8], "model.downsample": ["strided", "spd"]})
    chart, table = parts_of(results)
    assert [(panel.axis, panel.title) for panel in chart.panels[::3]] == [
        ("parameters", "noise=0"),
        ("parameters", "noise=8"),
    ]
    assert all(len(panel.points) == 2 for panel in chart.panels)
    assert len(table.rows) == 4


def test_a_single_variant_is_compared_with_none(toy):
    results = toy(factors={"data.noise": [0, 8]})
    assert pareto_section(results, tables(results)) == []


def test_of_many_the_front_and_the_most_accurate_are_drawn(toy, without_costs):
    names = [f"l{number}" for number in range(MOST_POINTS + 5)]
    results = without_costs(toy(factors={"model.downsample": names}))
    for number, variant in enumerate(results.plan["variants"]):
        variant["params"] = 1_000 + number
    chart, table = parts_of(results)
    assert len(chart.panels[0].points) == MOST_POINTS
    assert f"{MOST_POINTS} of {MOST_POINTS + 5} are drawn" in chart.summary
    assert len(table.rows) == MOST_POINTS + 5
    front = {row[0] for row in table.texts if row[1] == "on the front"}
    assert front <= {point.label for point in chart.panels[0].points}


def test_nothing_finished_is_nothing_to_draw(toy):
    results = toy()
    object.__setattr__(results, "trials", results.trials[:0])
    assert pareto_section(results, tables(results)) == []
