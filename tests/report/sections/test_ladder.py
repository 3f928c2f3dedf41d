import pytest

from ablate.report import tables
from ablate.report.document import LadderChart
from ablate.report.sections.ladder import MOST_RUNGS, ladder_section


def chart_of(results, **options):
    _, chart = ladder_section(results, tables(results, **options))
    assert isinstance(chart, LadderChart)
    return chart


def test_the_rungs_are_the_contrasts_from_best_to_worst(toy):
    results = toy()
    spd, maxpool = tables(results).contrasts.to_dict("records")[:2]
    chart = chart_of(results)
    assert [rung.label for rung in chart.rungs] == ["spd", "maxpool"]
    best = chart.rungs[0]
    assert best.difference.value == pytest.approx(100 * spd["difference"])
    assert (best.difference.low, best.difference.high) == pytest.approx((100 * spd["ci_low"], 100 * spd["ci_high"]))
    assert best.verdict == "better"
    assert best.numbers.startswith(f"{100 * spd['difference']:+.2f} [")
    assert maxpool["difference"] < spd["difference"]
    assert (chart.unit, chart.baseline, chart.margin) == ("percentage points", "strided", None)


def test_of_a_loss_the_lowest_is_the_best(toy):
    chart = chart_of(toy(primary="test_loss"))
    assert chart.rungs[0].label == "spd"
    assert chart.rungs[0].difference.value < chart.rungs[1].difference.value
    assert chart.unit == "nats"


def test_the_margin_is_in_the_unit_of_the_differences(toy):
    chart = chart_of(toy(margin={"accuracy": 0.005}))
    assert chart.margin == pytest.approx(0.5)
    assert "within which a difference does not matter" in chart.summary


def test_one_at_a_time_has_a_ladder_and_a_crossed_grid_has_none(toy):
    factors = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}
    one_at_a_time = toy(factors=factors, design="one_at_a_time")
    assert chart_of(one_at_a_time).rungs[0].label == "spd, 0.25"
    crossed = toy(factors=factors)
    assert ladder_section(crossed, tables(crossed)) == []


def test_another_baseline_is_the_one_that_is_named(toy):
    chart = chart_of(toy(), baseline="spd")
    assert chart.baseline == "spd"
    assert {rung.label for rung in chart.rungs} == {"strided", "maxpool"}
    assert all(rung.difference.value < 0 for rung in chart.rungs)


def test_of_very_many_both_ends_are_drawn(toy):
    results = toy(factors={"model.downsample": [f"l{number}" for number in range(MOST_RUNGS + 11)]})
    chart = chart_of(results)
    ordered = [rung.difference.value for rung in chart.rungs]
    known = sorted(100 * tables(results).contrasts["difference"][: MOST_RUNGS + 10], reverse=True)
    assert ordered == pytest.approx([*known[: MOST_RUNGS // 2], *known[-MOST_RUNGS // 2 :]])
    assert f"{MOST_RUNGS} of {MOST_RUNGS + 10} are drawn" in chart.summary


def test_images_widen_the_interval_where_bits_are_known(toy, with_bits):
    """Of bits that are drawn anew for every trial, images are a source of chance beside seeds."""
    chart = chart_of(with_bits(toy()))
    wider = chart.rungs[0].wider
    assert wider is not None
    assert wider.low is not None
    assert "seeds and test images together" in chart.summary
    assert "seeds and test images together" not in chart_of(toy()).summary
