from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablate.report import tables
from ablate.report.document import CurveChart
from ablate.report.sections.curves import MOST_LINES, curves_section


def with_curves(results, epochs=3, **columns):
    """Seed s of every variant has the loss 10 / epoch + s, and the accuracy epoch / 10."""
    rows = [
        {
            "variant": variant["variant"],
            "seed": int(seed),
            "epoch": epoch,
            "train_loss": 10 / epoch + int(seed),
            "train_accuracy": epoch / 10,
            "learning_rate": 0.1,
            **columns,
        }
        for variant in results.plan["variants"]
        for seed in variant["keys"]
        for epoch in range(1, epochs + 1)
    ]
    return replace(results, curves=pd.DataFrame(rows))


def chart_of(results):
    _, chart = curves_section(results, tables(results))
    assert isinstance(chart, CurveChart)
    return chart


def test_a_line_is_the_mean_over_seeds_with_its_interval(toy):
    """Seeds 0 to 7: mean 3.5, standard deviation sqrt(6), t of 7 degrees of freedom 2.364624."""
    loss, accuracy = chart_of(with_curves(toy())).panels
    line = loss.lines[0]
    assert (line.label, line.x) == ("strided", (1, 2, 3))
    assert [point.value for point in line.points] == pytest.approx([13.5, 8.5, 10 / 3 + 3.5])
    half = 2.364624 * np.sqrt(6) / np.sqrt(8)
    assert (line.points[0].low, line.points[0].high) == pytest.approx((13.5 - half, 13.5 + half), rel=1e-6)
    assert [point.value for point in accuracy.lines[0].points] == pytest.approx([10, 20, 30])


def test_a_validation_loss_is_drawn_where_one_was_watched(toy):
    assert len(chart_of(with_curves(toy())).panels) == 2
    assert chart_of(with_curves(toy(), validation_loss=1.0)).panels[2].title == "validation loss (nats)"


def test_one_epoch_is_no_curve(toy):
    results = toy()
    assert curves_section(results, tables(results)) == []


def test_of_many_variants_the_baseline_the_best_and_the_worst_are_drawn(toy):
    results = with_curves(toy(factors={"model.downsample": ["strided", *(f"l{number}" for number in range(9))]}))
    means = tables(results).variants.set_index("variant")["accuracy_mean"].drop("strided").sort_values()
    drawn = {line.label for line in chart_of(results).panels[0].lines}
    assert len(drawn) == MOST_LINES
    assert drawn == {"strided", means.index[-1], means.index[0], means.index[-2], means.index[1], means.index[-3]}


def test_lines_keep_the_order_of_the_table(toy):
    assert [line.label for line in chart_of(with_curves(toy())).panels[0].lines] == ["strided", "spd", "maxpool"]
