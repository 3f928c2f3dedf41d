"""What can go wrong and be mended by the person at the keyboard.

    AblateError
    ├── StudyError      the study file or a --set
    ├── UnknownName     a name that no table holds (see lookup.py)
    ├── ModelError      fields that describe no network
    │   └── SourceChanged   a builder that is not the one that was planned
    ├── DataError       a data set that is absent or unreadable
    ├── ResultsError    a results folder that cannot be used as asked
    ├── LedgerError     a ledger that does not answer, or holds something else
    ├── ExecutorError   an executor that is not there, or was lost
    └── DeviceError     a device that this machine does not have

Each carries one sentence: the offending value, where it stands, and the right choice. The command line prints that
sentence and exits with 2; nothing else is ever shown of a user's mistake.
"""

from ablate.visible import visible


class AblateError(Exception):
    """Base of every error whose message is written for the user: one line, and nothing that it quotes is acted on."""

    def __str__(self) -> str:
        return visible(super().__str__()).replace("\n", "\\n")


class StudyError(AblateError):
    """The study file, or a value given with --set, is wrong."""


class UnknownName(AblateError):
    """A name that its table does not hold."""


class ModelError(AblateError):
    """Model fields that no network can be built from."""


class SourceChanged(ModelError):
    """A builder whose source is not the one that the study was planned with: no network of it is what it stands for."""


class DataError(AblateError):
    """A data set that is absent, unreadable or unfit for the study."""


class ResultsError(AblateError):
    """A results folder that cannot be read, or not be used for this study."""


class LedgerError(AblateError):
    """A ledger that cannot be reached, or that other studies or other machines have filled."""


class ExecutorError(AblateError):
    """An executor that is not installed, does not answer, or has no place where trials can run."""


class DeviceError(AblateError):
    """A device that this machine does not have."""
