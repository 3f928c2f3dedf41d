"""What can go wrong and be mended by the person at the keyboard.

    AblateError
    ├── StudyError      the study file or a --set
    ├── UnknownName     a name that no table holds (see lookup.py)
    ├── ModelError      fields that describe no network
    ├── DataError       a data set that is absent or unreadable
    ├── ResultsError    a results folder that cannot be used as asked
    └── DeviceError     a device that this machine does not have

Each carries one sentence: the offending value, where it stands, and the right choice. The command line prints that
sentence and exits with 2; nothing else is ever shown of a user's mistake.
"""


class AblateError(Exception):
    """Base of every error whose message is written for the user."""


class StudyError(AblateError):
    """The study file, or a value given with --set, is wrong."""


class UnknownName(AblateError):
    """A name that its table does not hold."""


class ModelError(AblateError):
    """Model fields that no network can be built from."""


class DataError(AblateError):
    """A data set that is absent, unreadable or unfit for the study."""


class ResultsError(AblateError):
    """A results folder that cannot be read, or not be used for this study."""


class DeviceError(AblateError):
    """A device that this machine does not have."""
