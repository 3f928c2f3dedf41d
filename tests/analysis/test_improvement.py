import math

import numpy as np
import pytest

from ablate.analysis.improvement import probability_of_improvement


def test_ties_count_half():
    differences = np.array([0.1, 0.0, -0.1, 0.2, 0.3])
    assert probability_of_improvement(differences, 1.0, "higher") == 3.5 / 5
    assert probability_of_improvement(differences, 1.0, "lower") == 1.5 / 5


def test_what_differs_by_rounding_is_tied():
    assert probability_of_improvement(np.array([0.1 + 0.2 - 0.3, -1e-9]), 0.3, "higher") == 0.25


def test_without_pairs_there_is_none():
    assert math.isnan(probability_of_improvement(np.empty(0), 0.0, "higher"))


@pytest.mark.parametrize("n", [1, 7, 30])
def test_without_ties_it_is_half_of_one_plus_the_mean_sign(n):
    differences = np.random.default_rng(n).normal(0.3, 1.0, n)
    found = probability_of_improvement(differences, 1.0, "higher")
    assert found == pytest.approx((1 + np.sign(differences).mean()) / 2, abs=1e-12)
    assert found + probability_of_improvement(differences, 1.0, "lower") == pytest.approx(1.0, abs=1e-12)
