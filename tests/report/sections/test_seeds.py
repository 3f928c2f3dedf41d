import pytest

from ablate.report import tables
from ablate.report.document import SeedChart
from ablate.report.sections.seeds import MOST_PANELS, seeds_section


def chart_of(results, **options):
    _, chart = seeds_section(results, tables(results, **options))
    assert isinstance(chart, SeedChart)
    return chart


def accuracy(results, variant):
    rows = results.trials[results.trials["variant"] == variant]
    return dict(zip(rows["seed"], 100 * rows["accuracy"], strict=True))


def test_every_seed_has_both_sides_of_its_contrast(toy):
    results = toy()
    panel = chart_of(results).panels[0]
    assert (panel.baseline, panel.variant) == ("strided", "spd")
    assert {pair.seed: pair.baseline for pair in panel.pairs} == pytest.approx(accuracy(results, "strided"))
    assert {pair.seed: pair.variant for pair in panel.pairs} == pytest.approx(accuracy(results, "spd"))


def test_another_baseline_turns_the_panels_round(toy):
    panels = chart_of(toy(), baseline="spd").panels
    assert {(panel.baseline, panel.variant) for panel in panels} == {("spd", "strided"), ("spd", "maxpool")}


def test_a_main_effect_averages_over_the_other_factor(toy):
    results = toy(factors={"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]})
    panel = chart_of(results).panels[0]
    assert (panel.title, panel.baseline, panel.variant) == ("downsample spd", "strided", "spd")
    narrow, wide = (accuracy(results, f"downsample=spd,width={width}") for width in ("0.25", "0.5"))
    assert [pair.variant for pair in panel.pairs] == pytest.approx([(narrow[s] + wide[s]) / 2 for s in range(8)])


def test_a_seed_that_lacks_a_side_is_left_out(toy, key_of):
    results = toy()
    kept = results.trials[results.trials["key"] != key_of("spd", 3)]
    object.__setattr__(results, "trials", kept)
    assert [pair.seed for pair in chart_of(results).panels[0].pairs] == [0, 1, 2, 4, 5, 6, 7]


def test_of_many_contrasts_both_ends_are_drawn_and_it_is_said(toy):
    results = toy(factors={"model.downsample": [f"l{number}" for number in range(MOST_PANELS + 3)]})
    chart = chart_of(results)
    assert len(chart.panels) == MOST_PANELS
    assert f"{MOST_PANELS} of {MOST_PANELS + 2} are drawn" in chart.summary


def test_nothing_finished_is_nothing_to_draw(toy):
    results = toy()
    object.__setattr__(results, "trials", results.trials[:0])
    assert seeds_section(results, tables(results)) == []
