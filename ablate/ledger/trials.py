"""The trials of one study in Optuna's storage: read, begun, told, ended. Call it while the ledger's lock is held."""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from ablate.ledger.storage import close


class Trials:
    """The study called `name` in `storage`, made if need be."""

    def __init__(self, storage: RDBStorage, name: str) -> None:
        self._storage = storage
        self._cached = optuna.storages.get_storage(storage)  # finished trials are read once
        self.study = optuna.create_study(
            study_name=name,
            storage=self._cached,
            sampler=optuna.samplers.RandomSampler(),  # nothing is sampled, and this one has nothing to set up
            direction=StudyDirection.MAXIMIZE,
            load_if_exists=True,
        )
        self._study_id = self._cached.get_study_id_from_name(name)

    def close(self) -> None:
        """Let go of the storage."""
        close(self._storage)

    def count(self) -> int:
        """How many there are, of every kind: the number of the next."""
        return len(self.study.get_trials(deepcopy=False))

    def of(self, *states: TrialState) -> list[FrozenTrial]:
        """Those in one of `states`, or all, in order; without what somebody else may have put into a file."""
        trials = self.study.get_trials(deepcopy=False, states=states or None)
        return [trial for trial in trials if "key" in trial.user_attrs]

    def begin(self, key: str, claim: Mapping[str, str]) -> int:
        """Add a running trial with its claim; no moment leaves it without an owner. Returns its number."""
        template = create_trial(state=TrialState.RUNNING, user_attrs={"key": key, "claim": dict(claim)})
        return self._cached.get_trial_number_from_id(self._cached.create_new_trial(self._study_id, template))

    def tell(self, number: int, value: float, record: str | None) -> bool:
        """Complete a trial, which carries `record` unless None; False where it does not run any more."""
        try:
            if record is not None:
                self._cached.set_trial_user_attr(self._id(number), "record", record)
            return self._cached.set_trial_state_values(self._id(number), TrialState.COMPLETE, [value])
        except (UpdateFinishedTrialError, KeyError):
            return False

    def add(self, key: str, value: float, record: str | None) -> None:
        """Add a trial that is complete."""
        attributes = {"key": key} if record is None else {"key": key, "record": record}
        self.study.add_trial(create_trial(value=value, user_attrs=attributes))

    def end(self, number: int, cause: str | None = None) -> None:
        """Fail a trial, for `cause` unless None; one that has ended stays as it is."""
        with suppress(UpdateFinishedTrialError, KeyError):
            if cause is not None:
                self._cached.set_trial_user_attr(self._id(number), "cause", cause)
            self._cached.set_trial_state_values(self._id(number), TrialState.FAIL)

    def sign_of_life(self, number: int) -> None:
        """Have the ledger hear of a running trial."""
        self._storage.record_heartbeat(self._id(number))

    def end_silent(self) -> None:
        """Fail the running trials of which the ledger has not heard for too long."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)

    def _id(self, number: int) -> int:
        return self._cached.get_trial_id_from_study_id_trial_number(self._study_id, number)


def other_studies(storage: RDBStorage, beginning: str, name: str) -> dict[str, dict[str, Any]]:
    """Name -> attributes of the studies in `storage` whose name begins so, but for the one called `name`."""
    names = optuna.get_all_study_names(storage)
    chosen = [other for other in names if other.startswith(beginning) and other != name]
    return {other: optuna.load_study(study_name=other, storage=storage).user_attrs for other in chosen}


def running_trials(storage: RDBStorage) -> list[FrozenTrial]:
    """The running trials of every study in `storage`."""
    names = optuna.get_all_study_names(storage)
    studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
    return [trial for study in studies for trial in study.get_trials(states=(TrialState.RUNNING,))]


def is_told(trials: Sequence[FrozenTrial], key: str) -> FrozenTrial | None:
    """The trial that tells `key` complete, if there is one among `trials`."""
    return next((t for t in trials if t.state == TrialState.COMPLETE and t.user_attrs["key"] == key), None)


def failures(trials: Sequence[FrozenTrial], since: int) -> Mapping[str, tuple[str, ...]]:
    """Key -> the causes of its failed attempts among the trials numbered `since` and later; none of other keys."""
    causes: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for trial in trials:
        if trial.state == TrialState.FAIL and trial.number >= since and "cause" in trial.user_attrs:
            causes[trial.user_attrs["key"]] += (trial.user_attrs["cause"],)
    return causes
