"""What variants were given in that of their baseline, also where it has none."""

import math

import pytest

from ablate.report import composed, tables
from ablate.report.budgets import ratio, times, uneven_budgets
from ablate.report.markdown import render


def test_a_ratio_is_to_what_the_baseline_has():
    assert (ratio(4_000, 1_000), ratio(0, 0), ratio(0, 7)) == (4.0, 1.0, 0.0)
    assert math.isnan(ratio(3, 0))
    assert (times(2.954), times(math.nan)) == ("2.95x", "\N{EN DASH}")


def test_what_the_baseline_has_none_of_is_no_uneven_budget():
    assert uneven_budgets({"params_ratio": math.nan, "macs_ratio": 2.0}) == "2.00x the multiply-adds"


@pytest.mark.parametrize("field", ["params", "macs", "steps"])
def test_a_baseline_without_any_has_a_report(toy, field):
    """Pooling alone is such a network; it has no share in what others have of it."""
    results = toy()
    results.plan["variants"][0][field] = 0
    text = render(composed(results, tables(results)))
    assert "nan" not in text.lower()
    assert "inf" not in [word.strip("x()") for word in text.split()]
