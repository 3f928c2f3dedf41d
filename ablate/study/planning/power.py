"""What the planned seeds can show on the primary metric, and how many seeds a wanted difference takes."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from ablate.analysis.pairing import Comparison
from ablate.analysis.power import ASSUMED_SEED_SPREAD, MOST_SEEDS, seeds_needed, smallest_difference, unpaired_spread
from ablate.analysis.verdicts import FEWEST_PAIRS, LEVEL
from ablate.schema import SeedBlocks
from ablate.study.planning.compared import compared, primary_claims, primary_values
from ablate.study.planning.plan import Plan

N = TypeVar("N")

POWER = 0.8
ASSUMED = {"accuracy": ASSUMED_SEED_SPREAD}
"""Metric -> standard deviation over seeds, in its unit, that is assumed until pairs are measured."""


@dataclass(frozen=True)
class Spread:
    """Standard deviations of paired differences, in the metric's unit: the median over all tests, and the largest.

    Measured over so many `seeds`, those of the test that has fewest; or assumed, of variants that share nothing but
    their `seed_spread` each. What does not apply is None.
    """

    source: Literal["assumed", "measured"]
    median: float
    largest: float
    seeds: int | None
    seed_spread: float | None


def power_of_plan(plan: Plan, folder: Path) -> dict[str, Any] | None:
    """JSON of what `plan` can show with the spread of the records in `folder`; None where nothing is compared.

    `family` counts the tests that share the level: Holm's first step. All differences are in the unit of `metric`.
    `smallest_differences` has an entry for the seeds planned, and one for as many as there may be; `wanted` one for
    every published difference, the margin, and the interval asked for. Each number of them comes by the median spread
    and, as `..._at_largest_spread`, by the largest; None for what cannot be said: under 3 seeds, without a spread, or
    above `most_seeds`. `spread` is None where nothing is measured and nothing is assumed of the metric.
    """
    if not plan.seeds:
        return None
    comparisons = compared(plan, primary_values(plan, folder), plan.seeds)
    tests = list({each.identity: each for each in comparisons}.values())
    if not tests:
        return None
    spread, family = _spread(plan, tests), len(tests)
    return {
        "metric": plan.study.config.primary,
        "power": POWER,
        "level": LEVEL,
        "family": family,
        "most_seeds": MOST_SEEDS,
        "spread": None if spread is None else asdict(spread),
        "smallest_differences": [_smallest(seeds, spread, family) for seeds in _seed_counts(plan)],
        "wanted": [{**each, **_needed(each["difference"], spread, family)} for each in wanted(plan)],
    }


def wanted(plan: Plan) -> list[dict[str, Any]]:
    """Differences that the study names, above 0, each with its `source`: claims, the margin, and `until`."""
    config = plan.study.config
    named = [(f"claim {claim.id}", claim.published_difference) for claim in primary_claims(plan)]
    named += [("margin", size) for metric, size in config.margin.items() if metric == config.primary]
    named += [("seeds.until", config.seeds.until if isinstance(config.seeds, SeedBlocks) else None)]
    return [{"source": source, "difference": abs(difference)} for source, difference in named if difference]


def _spread(plan: Plan, tests: Sequence[Comparison]) -> Spread | None:
    """Measured where any test has as many pairs as a verdict needs, else assumed, without credit for the pairing."""
    effects = [each.effect for each in tests if each.effect.n >= FEWEST_PAIRS]
    if effects:
        deviations = [effect.standard_error * math.sqrt(effect.n) for effect in effects]
        fewest = min(effect.n for effect in effects)
        return Spread("measured", statistics.median(deviations), max(deviations), fewest, None)
    if plan.study.config.primary not in ASSUMED:
        return None
    seed_spread = ASSUMED[plan.study.config.primary]
    deviations = [_unpaired(seed_spread, each) for each in tests]
    return Spread("assumed", statistics.median(deviations), max(deviations), None, seed_spread)


def _unpaired(seed_spread: float, comparison: Comparison) -> float:
    """Of a weighted sum of variants that share nothing; an average over other factors has less of it than a pair."""
    squares = sum(float(weight) ** 2 for weight in comparison.weights.values())
    return unpaired_spread(seed_spread) * math.sqrt(squares / 2)


def _seed_counts(plan: Plan) -> list[int]:
    seeds = plan.study.config.seeds
    most = seeds.at_most if isinstance(seeds, SeedBlocks) else 0
    return [len(plan.seeds)] if most <= len(plan.seeds) else [len(plan.seeds), most]


def _smallest(seeds: int, spread: Spread | None, family: int) -> dict[str, Any]:
    median, largest = _both(spread, lambda each: _finite(smallest_difference(seeds, each, family, POWER)))
    return {"seeds": seeds, "difference": median, "difference_at_largest_spread": largest}


def _needed(difference: float, spread: Spread | None, family: int) -> dict[str, Any]:
    median, largest = _both(spread, lambda each: seeds_needed(difference, each, family, POWER))
    return {"seeds": median, "seeds_at_largest_spread": largest}


def _both(spread: Spread | None, of: Callable[[float], N]) -> tuple[N, N] | tuple[None, None]:
    """`of` the median spread and of the largest."""
    return (None, None) if spread is None else (of(spread.median), of(spread.largest))


def _finite(difference: float) -> float | None:
    return difference if math.isfinite(difference) else None
