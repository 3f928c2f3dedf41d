"""What to try next, by Optuna's samplers; beside the ledger the only Optuna importer."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from ablate.schema import Range
from ablate.study.running.tried import Direction, Ended, Tried

STARTUP_TRIALS = 5  # drawn at random before the sampler learns from what was tried
DIGITS = 4  # that a value is rounded to, so that it can be typed
NARROW = 0.1  # of a range's larger end: what is no wider has values that begin alike

STATES: Mapping[Ended, TrialState] = {
    "complete": TrialState.COMPLETE,
    "diverged": TrialState.FAIL,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def suggested(fields: Mapping[str, Range], tried: Sequence[Tried], direction: Direction, seed: int) -> dict[str, float]:
    """Values for the trial that follows on `tried`, by the tree-structured Parzen estimator of Bergstra et al. 2011.

    They depend on the arguments alone: whoever asks again, in another process, is told the same.
    """
    spaces: dict[str, BaseDistribution] = {
        name: FloatDistribution(each.low, each.high, log=each.log) for name, each in fields.items()
    }
    with _quietly():
        sampler = TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        study = optuna.create_study(sampler=sampler, direction=direction)
        study.add_trials([_frozen(each, spaces) for each in tried])
        found = study.ask(spaces).params
    return {name: _rounded(found[name], fields[name]) for name in fields}


Sampler = Literal["tpe", "nsga2", "random"]
Value = str | float | int

POPULATION = 10  # of a generation of NSGA-II: a search of forty trials has four


class Explorer:
    """Proposes combinations one after another and is told of each what it was worth.

    What is proposed depends on the arguments and on the order of asking and telling alone.
    """

    def __init__(
        self,
        choices: Mapping[str, Sequence[str]],
        ranges: Mapping[str, Range],
        whole: Sequence[str],
        directions: Sequence[Direction],
        sampler: Sampler,
        seed: int,
    ) -> None:
        """`choices`: one of several; `ranges`: between two numbers, `whole` those without fractions."""
        spaces: dict[str, BaseDistribution] = {name: CategoricalDistribution(tuple(of)) for name, of in choices.items()}
        for name, each in ranges.items():
            if name in whole:
                spaces[name] = IntDistribution(int(each.low), int(each.high), log=each.log)
            else:
                spaces[name] = FloatDistribution(each.low, each.high, log=each.log)
        self._spaces, self._ranges = spaces, ranges
        with _quietly():
            self._study = optuna.create_study(sampler=_sampler(sampler, seed), directions=list(directions))
        self._asked: list[optuna.Trial] = []

    def ask(self) -> dict[str, Value]:
        """The next combination; they are numbered from 0."""
        with _quietly():
            trial = self._study.ask(self._spaces)
        self._asked.append(trial)
        return {
            name: _rounded(value, self._ranges[name]) if isinstance(value, float) else value
            for name, value in trial.params.items()
        }

    def tell(self, number: int, values: Sequence[float], excess: Sequence[float]) -> None:
        """What combination `number` was worth; `excess` is what it is over each bound, 0 or less within.

        Combinations beyond a bound are ranked by how far, so that any values do for them.
        """
        trial = self._asked[number]
        with _quietly():
            for place, each in enumerate(excess):
                trial.set_constraint(f"bound {place}", each)
            self._study.tell(trial, list(values))

    def give_up(self, number: int) -> None:
        """Combination `number` has no worth: it diverged or failed."""
        with _quietly():
            self._study.tell(self._asked[number], state=TrialState.FAIL)


def _sampler(name: Sampler, seed: int) -> BaseSampler:
    match name:
        case "tpe":
            return TPESampler(seed=seed)
        case "nsga2":
            return NSGAIISampler(seed=seed, population_size=POPULATION)
        case "random":
            return RandomSampler(seed=seed)


@contextmanager
def _quietly() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _frozen(tried: Tried, spaces: Mapping[str, BaseDistribution]) -> FrozenTrial:
    reached = {len(tried.validation_losses): tried.score} if tried.score is not None else {}
    return create_trial(
        state=STATES[tried.state],
        params=dict(tried.values),
        distributions=dict(spaces),
        value=tried.score if tried.state == "complete" else None,
        intermediate_values=reached if tried.state == "pruned" else {},
    )


def _rounded(value: float, spanned: Range) -> float:
    """`value` with few digits, and in its range: in a narrow one, such as 0.999 to 0.9999, few of its width."""
    width, largest = spanned.high - spanned.low, max(abs(spanned.low), abs(spanned.high))
    if width > NARROW * largest:
        short = float(f"{value:.{DIGITS}g}")
    else:
        short = round(value, DIGITS - 1 - math.floor(math.log10(width)))
    return min(max(short, spanned.low), spanned.high)
