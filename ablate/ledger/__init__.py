"""The queue of trials, kept by Optuna; nothing else imports it.

Processes and machines that run one study meet here, and nowhere else: a trial is claimed by adding it, running, with
its key; it is finished by telling its value. Results live in records/; all that the ledger alone knows is who works on
what, so one that is lost is made anew.

    place.py       where the ledger lies: in a file of the results folder, or on a PostgreSQL server
    storage.py     Optuna's storage there: opened, locked, waited for, made anew
    presence.py    which runs are alive
    agreement.py   what all hosts of a shared ledger must have in common
    trials.py      the trials in it: read, begun, told, ended
    joining.py     how a run comes to all this
    queue.py       claim, complete, fail: what the engine calls
    mirror.py      the variants as a study of their own, to look at
"""

from ablate.ledger.agreement import Agreement
from ablate.ledger.joining import running_keys
from ablate.ledger.mirror import Mirrored, mirror
from ablate.ledger.place import Place, file_place, server_place
from ablate.ledger.queue import Claim, Ledger, Shelf, View
from ablate.ledger.storage import Stopped, server_version

__all__ = [
    "Agreement",
    "Claim",
    "Ledger",
    "Mirrored",
    "Place",
    "Shelf",
    "Stopped",
    "View",
    "file_place",
    "mirror",
    "running_keys",
    "server_place",
    "server_version",
]
