"""The records of a results folder, as the ledger asks for them."""

from pathlib import Path

from ablate.errors import ResultsError
from ablate.records import load_record, record_as_json


class RecordShelf:
    """What is told and carried of the records in `folder`; one that cannot be read is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def value(self, key: str) -> float | None:
        """The accuracy of `key`, 0 for a diverged trial that has none; None without a record."""
        try:
            record = load_record(self._folder, key)
        except ResultsError:
            return None
        return None if record is None else record.metrics["accuracy"] or 0.0

    def text(self, key: str) -> str:
        """The record of `key` as JSON."""
        record = load_record(self._folder, key)
        assert record is not None, key
        return record_as_json(record).decode()
