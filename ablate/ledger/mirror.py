"""What a study has found as an Optuna study of its own, beside the queue: for who looks at it with Optuna's tools.

Nothing reads it back. It is made anew whenever a run has added results.
"""

import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState, create_trial

from ablate.ledger.joining import unusable
from ablate.ledger.place import Place
from ablate.ledger.storage import Damaged, Patience, alone, close, opened

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Mirrored:
    """A variant, or a combination that a search tried: its levels by column, its value of every objective (None where
    it has none), and whatever else is worth a look."""

    levels: Mapping[str, str]
    values: Sequence[float] | None
    notes: Mapping[str, str | float]


def mirror(
    place: Place, study: str, what: str, objectives: Mapping[str, Direction], trials: Sequence[Mirrored]
) -> None:
    """Have the ledger at `place` hold `trials` as the Optuna study `NAME: WHAT`.

    Raises `LedgerError` for a ledger that cannot be used.
    """
    patience = Patience(place, threading.Event(), lambda cause: None)
    with patience.first(lambda: alone(place, study, patience.pause)):
        try:
            patience.first_answer(lambda: _made_anew(place, f"{study}: {what}", objectives, trials))
        except Damaged as error:
            raise unusable(place, error) from error


def _made_anew(place: Place, name: str, objectives: Mapping[str, Direction], trials: Sequence[Mirrored]) -> None:
    storage = opened(place)
    try:
        if name in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=name, storage=storage)
        made = optuna.create_study(study_name=name, storage=storage, directions=list(objectives.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            made.set_metric_names(list(objectives))
        made.add_trials([_trial(each, trials) for each in trials])
    finally:
        close(storage)


def _trial(own: Mirrored, trials: Sequence[Mirrored]) -> FrozenTrial:
    spaces = {column: _space([each.levels[column] for each in trials]) for column in own.levels}
    return create_trial(
        state=TrialState.FAIL if own.values is None else TrialState.COMPLETE,
        params={column: _number(level, spaces[column]) for column, level in own.levels.items()},
        distributions=spaces,
        values=None if own.values is None else list(own.values),
        user_attrs=dict(own.notes),
    )


def _space(levels: Sequence[str]) -> BaseDistribution:
    """A range where all levels are numbers, else a choice of words."""
    try:
        numbers = [float(level) for level in levels]
    except ValueError:
        return CategoricalDistribution(tuple(dict.fromkeys(levels)))
    return FloatDistribution(min(numbers), max(numbers))


def _number(level: str, space: BaseDistribution) -> str | float:
    return float(level) if isinstance(space, FloatDistribution) else level
