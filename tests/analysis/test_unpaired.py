"""Welch's interval against another library and a printed example."""

import math

import numpy as np
import pytest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ablate.analysis.unpaired import welch

# Welch 1947 is worked out in Student's sleep data (1908), the two drugs taken as unpaired: R prints of t.test(extra ~
# group, data = sleep) t = -1.8608, df = 17.776, p-value = 0.07939, interval -3.3654832 to 0.2054832.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_it_is_what_r_prints_of_student_s_sleep_data() -> None:
    found = welch(DRUG_1, DRUG_2)
    assert (found.n, found.difference) == (10, pytest.approx(1.58))
    assert (found.ci_low, found.ci_high) == (pytest.approx(-0.2054832), pytest.approx(3.3654832))
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)
    assert found.difference / found.standard_error == pytest.approx(1.8608, abs=5e-5)


def test_groups_of_unequal_size_and_spread_agree_with_statsmodels() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(0.80, 0.002, 4), draw.normal(0.81, 0.02, 9)
    found = welch(a, b)
    peer = CompareMeans(DescrStatsW(b), DescrStatsW(a))
    assert (found.ci_low, found.ci_high) == pytest.approx(peer.tconfint_diff(usevar="unequal"))
    assert found.p_value == pytest.approx(peer.ttest_ind(usevar="unequal")[1])
    assert found.standard_error == pytest.approx(peer.std_meandiff_separatevar)
    assert found.n == 4


def test_what_is_not_finite_is_left_out() -> None:
    assert welch([*DRUG_1, math.nan], [*DRUG_2, math.inf]) == pytest.approx(welch(DRUG_1, DRUG_2), nan_ok=True)


def test_exchanging_the_groups_turns_the_sign() -> None:
    found, turned = welch(DRUG_1, DRUG_2), welch(DRUG_2, DRUG_1)
    assert (turned.difference, turned.ci_low, turned.ci_high) == (-found.difference, -found.ci_high, -found.ci_low)


def test_without_spread_the_interval_is_the_point() -> None:
    found = welch([0.5, 0.5], [0.75, 0.75])
    assert (found.difference, found.ci_low, found.ci_high, found.p_value) == (0.25, 0.25, 0.25, 1.0)


def test_one_trial_a_side_has_no_interval_and_none_no_difference() -> None:
    one, none = welch([0.5], [0.75, 0.8]), welch([], [0.75])
    assert (one.n, one.difference) == (1, pytest.approx(0.275))
    assert math.isnan(one.ci_low)
    assert math.isnan(one.p_value)
    assert (none.n, math.isnan(none.difference)) == (0, True)


def test_there_are_no_signs_to_flip() -> None:
    assert math.isnan(welch(DRUG_1, DRUG_2).p_sign_flip)
