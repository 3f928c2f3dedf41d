"""Simulated studies whose truth is known, judged by `contrasts`: how often it errs, how often it finds what is there.

Every study is a metric of one table, and with it a family of its own. Seeds share a part of their luck, as paired
trials do. A rate over 2,000 studies lies within 3 * sqrt(p (1 - p) / 2,000) of the truth but once in 400 times.
"""

import functools
import gc
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ablate.analysis import contrasts
from ablate.analysis.crossed import misleading
from ablate.analysis.effects import paired_effect
from ablate.analysis.power import power_of, smallest_difference
from ablate.analysis.sequential import enough, most_false_findings, seeds_so_far

STUDIES = 2_000
AT_MOST_5_PERCENT = 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)  # 0.0646
NOISE = 0.01
SPREAD = math.sqrt(2) * NOISE
"""Standard deviation of a paired difference."""


@pytest.fixture(autouse=True)
def quick_corrections(monkeypatch: pytest.MonkeyPatch) -> None:
    """statsmodels collects garbage at every correction, thousands of times here."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)


def simulated(effects: Sequence[float], n: int, studies: int, seed: int) -> pd.DataFrame:
    """One row a trial: `variant` v0, v1, ..., `seed`, and a column a study; v<i> is `effects[i]` above v0's level."""
    draw = np.random.default_rng(seed)
    luck = draw.normal(0, 0.02, (1, n, studies))
    values = np.array(effects)[:, np.newaxis, np.newaxis] + luck + draw.normal(0, NOISE, (len(effects), n, studies))
    arms = {"variant": np.repeat([f"v{at}" for at in range(len(effects))], n), "seed": np.tile(range(n), len(effects))}
    return pd.DataFrame({**arms, **dict(enumerate(values.reshape(-1, studies).T))})


def judged(trials: pd.DataFrame, studies: Sequence[int], margin: float | None = None) -> pd.DataFrame:
    """The contrasts with v0 of all `studies`, a hundred in one table."""
    parts = [list(studies[start : start + 100]) for start in range(0, len(studies), 100)]
    tables = [
        contrasts(trials[["variant", "seed", *part]], "v0", part, margin, directions=dict.fromkeys(part, "higher"))
        for part in parts
    ]
    return pd.concat(tables, ignore_index=True)


def false_findings(found: pd.DataFrame) -> "pd.Series[bool]":
    """By study: whether any variant is called better or worse."""
    return found["verdict"].isin(["better", "worse"]).groupby(found["metric"]).any()


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10])
def test_studies_without_differences_find_one_in_5_percent_at_most(n: int) -> None:
    """Five variants against a baseline; uncorrected, about 17 % would find one."""
    found = judged(simulated([0.0] * 6, n, STUDIES, seed=n), range(STUDIES))
    rate = false_findings(found).mean()
    assert 0.02 < rate <= AT_MOST_5_PERCENT
    assert (found["p_value"] <= 0.05).groupby(found["metric"]).any().mean() > 0.12


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10])
def test_the_interval_holds_the_true_difference_in_95_percent(n: int) -> None:
    """10,000 intervals of as many studies: three standard errors are 0.0065."""
    found = judged(simulated([0.0, 0.004], n, 10_000, seed=20 + n), range(10_000))
    assert 0.94 <= ((found["ci_low"] <= 0.004) & (found["ci_high"] >= 0.004)).mean() <= 0.96


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("nulls", [0, 3])
@pytest.mark.parametrize("power", [0.4, 0.8])
def test_verdicts_are_as_frequent_as_power_predicts(n: int, nulls: int, power: float) -> None:
    family = 1 + nulls
    difference = smallest_difference(n, SPREAD, family, power)
    found = judged(simulated([0.0, difference] + [0.0] * nulls, n, STUDIES, seed=40 + n), range(STUDIES))
    rate = (found.loc[found["variant"] == "v1", "verdict"] == "better").mean()
    assert rate == pytest.approx(power_of(difference, n, SPREAD, family), abs=0.05)


@pytest.mark.slow
def test_a_difference_as_large_as_the_margin_is_called_equivalent_in_5_percent_at_most() -> None:
    found = judged(simulated([0.0, 0.01], 10, STUDIES, seed=60), range(STUDIES), margin=0.01)
    assert 0.03 < (found["verdict"] == "equivalent").mean() <= AT_MOST_5_PERCENT


@pytest.mark.slow
class TestBlocksOfSeeds:
    """start 5, at most 20: studies stop when their widest interval is narrow enough, whatever it says."""

    BLOCKS = seeds_so_far(5, 20)

    @classmethod
    @functools.cache
    def looks(cls) -> dict[int, pd.DataFrame]:
        """Seeds so far -> what every one of the studies would conclude there."""
        trials = simulated([0.0] * 4, 20, STUDIES, seed=70)
        return {n: judged(trials[trials["seed"] < n], range(STUDIES)) for n in cls.BLOCKS}

    def false_findings(self) -> NDArray[np.bool_]:
        """Shape (studies, blocks)."""
        return np.stack([false_findings(look).sort_index().to_numpy() for look in self.looks().values()], axis=1)

    def last_block(self, study: int, until: float) -> int:
        """The block after which a study has enough, or may not have more."""
        for block, look in enumerate(self.half_widths()):
            if enough(look[study], until):
                return block
        return len(self.BLOCKS) - 1

    @classmethod
    @functools.cache
    def half_widths(cls) -> list[NDArray[np.float64]]:
        looks = cls.looks().values()
        return [((look["ci_high"] - look["ci_low"]) / 2).to_numpy().reshape(STUDIES, -1) for look in looks]

    @pytest.mark.parametrize("until", [0.6 * SPREAD, 0.8 * SPREAD, 1.1 * SPREAD])
    def test_the_width_decides_and_false_findings_stay_at_5_percent(self, until: float) -> None:
        blocks = [self.last_block(study, until) for study in range(STUDIES)]
        assert len(set(blocks)) >= 2
        assert self.false_findings()[np.arange(STUDIES), blocks].mean() <= AT_MOST_5_PERCENT

    @pytest.mark.parametrize(("start", "at_most", "until"), [(3, 20, 0.6), (5, 40, 0.6), (10, 40, 0.6)])
    def test_of_a_single_contrast_it_has_the_price_that_is_told(self, start: int, at_most: int, until: float) -> None:
        """The worst `until`, in standard deviations of a difference."""
        studies, draw = 8_000, np.random.default_rng(start)
        differences = draw.normal(0, 1, (studies, at_most))
        found = np.array([_finds(own, seeds_so_far(start, at_most), until) for own in differences]).mean()
        error = 3 * math.sqrt(found * (1 - found) / studies)
        assert found > 0.05
        assert abs(found - most_false_findings(start)) < error

    def test_to_stop_at_the_first_significant_block_would_double_them(self) -> None:
        """Why significance does not stop a study."""
        assert self.false_findings().any(axis=1).mean() > 0.08


def _finds(differences: NDArray[np.float64], looks: Sequence[int], until: float) -> bool:
    """Whether a study that stops where its interval is narrow enough finds a difference at 5 %."""
    for n in looks:
        found = paired_effect(differences[:n], 1.0)
        if enough([(found.ci_high - found.ci_low) / 2], until):
            break
    return found.p_value <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (3, 2, 2)])
def test_one_factor_at_a_time_is_called_misleading_by_luck_in_5_percent_at_most(shape: tuple[int, ...]) -> None:
    studies, n = 500, 5
    names = [f"f{at}" for at in range(len(shape))]
    cells = [dict(zip(names, map(str, cell), strict=True)) for cell in np.ndindex(*shape)]
    trials = simulated([0.0] * len(cells), n, studies, seed=80)
    trials = trials.assign(**{name: np.repeat([cell[name] for cell in cells], n) for name in names})
    found = [
        misleading(trials[["variant", "seed", *names, study]], names, dict.fromkeys(names, "0"), study, "higher")
        for study in range(studies)
    ]
    for tables in ([each.reversals for each in found], [each.beaten for each in found]):
        assert np.mean([len(table) > 0 for table in tables]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
