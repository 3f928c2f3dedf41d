"""How a run comes to its ledger: joined by name and terms, or made anew where the file cannot be used."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ablate.errors import LedgerError
from ablate.ledger.agreement import Agreement, refuse_other_base, refuse_other_host
from ablate.ledger.place import Place, file_place
from ablate.ledger.presence import Presence, is_alive
from ablate.ledger.storage import Damaged, Patience, close, moved_aside, opened
from ablate.ledger.trials import Trials, other_studies, running_trials

Rebuilt = Callable[[str, Path], None]


def joined(
    place: Place, study: str, agreement: Agreement | None, patience: Patience, presence: Presence, on_rebuilt: Rebuilt
) -> Trials:
    """The trials of `study`; a file that Optuna cannot use is replaced, unless another run uses it.

    Call it while the lock is held. Raises `LedgerError` for a ledger that cannot be used or joined.
    """
    try:
        return patience.first_answer(lambda: _trials(place, study, agreement))
    except Damaged as error:
        if place.kind == "server" or presence.others():
            raise unusable(place, error) from error
        on_rebuilt(error.cause, moved_aside(place.file))
        return _trials(place, study, agreement)


def name_of(study: str, agreement: Agreement | None) -> str:
    """Under which the ledger holds `study`."""
    return study if agreement is None else agreement.name(study)


def unusable(place: Place, error: Damaged) -> LedgerError:
    """What to say of a ledger that is damaged."""
    remedy = "delete it and run the study again" if place.kind == "file" else "see to it, or name another database"
    return LedgerError(f"{place.shown}: cannot be used ({error.cause}); {remedy}, finished trials are kept")


def running_keys(folder: Path) -> dict[str, str]:
    """Key -> what it is called, of the trials that living runs of `folder` work on, by the ledger in it.

    Raises `LedgerError`. An older version than this has not said what a trial is called: its key stands for that.
    """
    place = file_place(folder)
    if not place.file.exists():
        return {}
    patience = Patience(place, threading.Event(), lambda cause: None)
    try:
        claims = patience.first_answer(lambda: _claims(place))
    except Damaged as error:
        raise unusable(place, error) from error
    alive = {key: claim for key, claim in claims if is_alive(place.runs, claim["run"])}
    return {key: claim.get("trial", key) for key, claim in alive.items()}


def _claims(place: Place) -> list[tuple[str, dict[str, str]]]:
    storage = opened(place)
    attributes = [trial.user_attrs for trial in running_trials(storage)]
    close(storage)
    return [(each["key"], each["claim"]) for each in attributes if "claim" in each and "run" in each["claim"]]


def _trials(place: Place, study: str, agreement: Agreement | None) -> Trials:
    storage = opened(place)
    with ExitStack() as failing:
        failing.callback(close, storage)
        name = name_of(study, agreement)
        if agreement is not None:
            for stored in other_studies(storage, f"{study}@", name).values():
                refuse_other_base(place.shown, study, agreement, stored)
        trials = Trials(storage, name)
        trials.count()  # so that a damaged file shows now
        if agreement is not None:
            _agree(place, trials, agreement)
        failing.pop_all()
    return trials


def _agree(place: Place, trials: Trials, agreement: Agreement) -> None:
    """Join those who agreed before; the first one sets the terms."""
    stored = trials.study.user_attrs
    if "host" in stored:
        refuse_other_host(place.shown, agreement, stored)
    else:
        stored = agreement.as_attributes()
        trials.study.set_user_attr("base", stored["base"])
    digests = {**stored["host"]["data_digest"], **agreement.host["data_digest"]}
    trials.study.set_user_attr("host", {**stored["host"], "data_digest": digests})
