from dataclasses import replace

import pytest

from ablate.report import tables
from ablate.report.document import Heading, InteractionChart, Notice, Paragraph, Table
from ablate.report.sections.crossed import UNKNOWN, crossed_section

CROSSED = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}


def scored(results, scores):
    """Variants at `scores`, of which each seed moves all alike and a little by itself."""
    trials = results.trials.copy()
    moved = 0.001 * trials["seed"] + 0.0005 * ((trials["seed"] * 7 + trials["variant"].map(len)) % 5)
    return replace(results, trials=trials.assign(accuracy=trials["variant"].map(scores) + moved))


def blocks_of(results, kind, **options):
    return [block for block in crossed_section(results, tables(results, **options)) if isinstance(block, kind)]


def test_a_single_factor_has_no_such_section(toy):
    results = toy()
    assert crossed_section(results, tables(results)) == []


def test_the_plot_has_the_mean_at_every_combination(toy):
    results = toy(factors=CROSSED)
    (chart,) = blocks_of(results, InteractionChart)
    (panel,) = chart.panels
    assert (panel.axis, panel.levels) == ("downsample", ("strided", "spd"))
    assert [line.label for line in panel.lines] == ["width 0.25", "width 0.5"]
    means = 100 * results.trials.groupby("variant")["accuracy"].mean()
    assert panel.lines[1].points[1].value == pytest.approx(means["downsample=spd,width=0.5"])


def test_both_tables_are_there_with_their_numbers(toy):
    """spd gains 4 points at width 0.25 and loses 4 at 0.5: an interaction of minus 8, and no main effects."""
    scores = {
        "downsample=strided,width=0.25": 0.80,
        "downsample=spd,width=0.25": 0.84,
        "downsample=strided,width=0.5": 0.84,
        "downsample=spd,width=0.5": 0.80,
    }
    results = scored(toy(factors=CROSSED), scores)
    explained, together = blocks_of(results, Table)
    assert [row[0] for row in explained.texts] == ["downsample", "width", "downsample with width"]
    assert float(explained.texts[2][4]) > 0.9
    assert together.texts[0][:2] == ("downsample=spd", "width=0.5")
    assert float(together.texts[0][2]) == pytest.approx(-8, abs=0.15)
    assert together.texts[0][5] == "< 0.0001"


def test_where_one_factor_at_a_time_would_mislead_a_notice_says_so(toy):
    scores = {
        "downsample=strided,width=0.25": 0.80,
        "downsample=spd,width=0.25": 0.84,
        "downsample=strided,width=0.5": 0.84,
        "downsample=spd,width=0.5": 0.80,
    }
    said = [block.text for block in blocks_of(scored(toy(factors=CROSSED), scores), Notice)]
    assert any(
        text.startswith("One factor at a time would mislead: at width=0.25 downsample spd leads strided by +3.9")
        and "but at width=0.5 strided leads spd by +3.9" in text
        for text in said
    )
    assert any("from the baseline it chooses downsample=spd,width=0.5" in text for text in said)


def test_where_it_would_not_the_choice_is_named(toy):
    scores = {
        "downsample=strided,width=0.25": 0.80,
        "downsample=spd,width=0.25": 0.84,
        "downsample=strided,width=0.5": 0.82,
        "downsample=spd,width=0.5": 0.86,
    }
    results = scored(toy(factors=CROSSED), scores)
    assert blocks_of(results, Notice) == []
    said = [block.text for block in blocks_of(results, Paragraph)]
    assert said[0].startswith("Changing one factor at a time from the baseline would choose downsample=spd,width=0.5;")


def test_another_baseline_is_what_interactions_are_measured_from(toy):
    (_, together) = blocks_of(toy(factors=CROSSED), Table, baseline="downsample=spd,width=0.5")
    assert together.texts[0][:2] == ("downsample=strided", "width=0.25")


def test_each_condition_of_the_data_is_judged_by_itself(toy):
    results = toy(factors={"data.noise": [0, 8], **CROSSED})
    captions = [table.caption for table in blocks_of(results, Table)]
    assert [caption.partition(":")[0] for caption in captions] == [
        "At noise=0",
        "At noise=0",
        "At noise=8",
        "At noise=8",
    ]
    (chart,) = blocks_of(results, InteractionChart)
    assert [panel.title for panel in chart.panels] == ["noise=0", "noise=8"]


def test_an_unfinished_grid_cannot_be_judged_yet(toy):
    results = toy(factors=CROSSED)
    results = replace(results, trials=results.trials[results.trials["variant"] == "downsample=spd,width=0.25"])
    blocks = crossed_section(results, tables(results))
    assert blocks[0] == Heading("Factors together")
    assert Paragraph(UNKNOWN) in blocks
    assert not [block for block in blocks if isinstance(block, Table)]
