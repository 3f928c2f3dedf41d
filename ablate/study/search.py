"""What to try next, by Optuna's samplers; beside the ledger the only Optuna importer."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from ablate.schema import Range

STARTUP_TRIALS = 5  # drawn at random before the sampler learns from what was tried
DIGITS = 4  # that a value is rounded to, so that it can be typed

Ended = Literal["complete", "diverged", "pruned", "failed"]
STATES: Mapping[Ended, TrialState] = {
    "complete": TrialState.COMPLETE,
    "diverged": TrialState.FAIL,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True)
class Tried:
    """A trial that was started: its values, how it ended, its score (None without one) after so many epochs."""

    values: Mapping[str, float]
    state: Ended
    score: float | None
    validation_losses: tuple[float, ...]


def suggested(
    fields: Mapping[str, Range], tried: Sequence[Tried], direction: Literal["maximize", "minimize"], seed: int
) -> dict[str, float]:
    """Values for the trial that follows on `tried`, by the tree-structured Parzen estimator of Bergstra et al. 2011.

    They depend on the arguments alone: whoever asks again, in another process, is told the same.
    """
    spaces: dict[str, BaseDistribution] = {
        name: FloatDistribution(each.low, each.high, log=each.log) for name, each in fields.items()
    }
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
            study = optuna.create_study(sampler=sampler, direction=direction)
            study.add_trials([_frozen(each, spaces) for each in tried])
            found = study.ask(spaces).params
    finally:
        optuna.logging.set_verbosity(before)
    return {name: _rounded(found[name], fields[name]) for name in fields}


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
    return min(max(float(f"{value:.{DIGITS}g}"), spanned.low), spanned.high)
