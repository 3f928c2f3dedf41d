"""Whether B is A over again: trials with one key, and trials with one outcome bit by bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.comparison.matching import Pair
from ablate.records import ENDED, PackedBits, Results

# What a trial takes in time is another every time it is run.
OUTCOME = ("accuracy", "test_loss")
PLACE = ("variant", "seed", "epoch")

Outcome = tuple[str, NDArray[np.float64], PackedBits | None]
"""State, numbers, and which test images were told right."""


@dataclass(frozen=True)
class Repetition:
    """Of the seeds that both folders planned for a variant.

    `unfinished`: one side has no outcome yet. `same_key`: both finished under one key, so that the same numbers are to
    be expected. `bit_equal`: of these, those whose state, accuracy, test loss, curve and answers to the test images are
    the same bit by bit.
    """

    seeds: int
    unfinished: int
    same_key: int
    bit_equal: int

    @property
    def is_identical(self) -> bool:
        return 0 < self.seeds == self.bit_equal


def repetition(pair: Pair, a: Results, b: Results) -> Repetition:
    keys_a, keys_b = pair.a["keys"], pair.b["keys"]
    shared = [seed for seed in keys_a if seed in keys_b]
    outcomes_a, outcomes_b = outcomes(a, pair.name), outcomes(b, pair.name_b)
    finished = [seed for seed in shared if int(seed) in outcomes_a and int(seed) in outcomes_b]
    same = [int(seed) for seed in finished if keys_a[seed] == keys_b[seed]]
    equal = [seed for seed in same if _equal(outcomes_a[seed], outcomes_b[seed])]
    return Repetition(len(shared), len(shared) - len(finished), len(same), len(equal))


def outcomes(results: Results, variant: str) -> dict[int, Outcome]:
    """Seed -> outcome of every trial of `variant` that ended."""
    trials = results.trials[(results.trials["variant"] == variant) & results.trials["state"].isin(ENDED)]
    curves = dict(list(results.curves[results.curves["variant"] == variant].groupby("seed")))
    found = {}
    for row in trials.to_dict("records"):
        of_curve = [] if row["seed"] not in curves else [curves[row["seed"]].drop(columns=list(PLACE))]
        curve = [points.dropna(axis="columns", how="all").to_numpy(dtype=np.float64).ravel() for points in of_curve]
        numbers = np.concatenate([[row[name] for name in OUTCOME], *curve])
        found[int(row["seed"])] = row["state"], numbers, results.correct.get(row["key"])
    return found


def _equal(one: Outcome, other: Outcome) -> bool:
    (state, numbers, answers), (other_state, other_numbers, other_answers) = one, other
    return (state, answers) == (other_state, other_answers) and np.array_equal(numbers, other_numbers, equal_nan=True)
