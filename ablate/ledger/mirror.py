"""The variants of a study as an Optuna study of their own, beside the queue: for who looks at it with Optuna's tools.

Nothing reads it back. It is made anew whenever a run has added results.
"""

import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, create_trial

from ablate.ledger.place import Place
from ablate.ledger.storage import Patience, alone, close, opened

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Mirrored:
    """A variant: its levels by column, its value of every objective, and whatever else is worth a look."""

    levels: Mapping[str, str]
    values: Sequence[float]
    notes: Mapping[str, str | float]


def mirror(place: Place, study: str, objectives: Mapping[str, Direction], variants: Sequence[Mirrored]) -> None:
    """Have the ledger at `place` hold `variants` as the Optuna study `NAME: variants`.

    Raises `LedgerError` for a ledger that cannot be used.
    """
    patience = Patience(place, threading.Event(), lambda cause: None)
    with patience.first(lambda: alone(place, study, patience.pause)):
        patience.first_answer(lambda: _made_anew(place, f"{study}: variants", objectives, variants))


def _made_anew(place: Place, name: str, objectives: Mapping[str, Direction], variants: Sequence[Mirrored]) -> None:
    storage = opened(place)
    try:
        if name in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=name, storage=storage)
        made = optuna.create_study(study_name=name, storage=storage, directions=list(objectives.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            made.set_metric_names(list(objectives))
        made.add_trials([_trial(each, variants) for each in variants])
    finally:
        close(storage)


def _trial(own: Mirrored, variants: Sequence[Mirrored]) -> FrozenTrial:
    known = {column: tuple(dict.fromkeys(each.levels[column] for each in variants)) for column in own.levels}
    return create_trial(
        params=dict(own.levels),
        distributions={column: CategoricalDistribution(levels) for column, levels in known.items()},
        values=list(own.values),
        user_attrs=dict(own.notes),
    )
