"""The record of one finished trial: written once, and checked in full whenever it is read."""

import base64
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ablate.errors import ResultsError
from ablate.files import parse_json, readable_json, write_bytes
from ablate.records.places import record_path
from ablate.schema.mistakes import said_of
from ablate.schema.record import RecordSection, RecordState, Scored

AGAIN = "`ablate run` sets it aside and runs the trial again"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one finished trial measured; `ablate.schema.record` says what each field may be.

    `metrics` holds the per-trial columns (None where a diverged trial has no number), `curve` one row an epoch,
    `correct` one bit a test image (base64, most significant bit first), `environment` an id in environment.json. A
    trial of tuning or search has been `scored` on the images held out for validation, and so have these; `timed` holds
    what a search for low latency goes by.
    """

    key: str
    seed: int
    state: RecordState
    metrics: dict[str, float | None]
    steps: int
    curve: list[dict[str, float | None]]
    correct: str
    test_images: int
    attempts: int = 1
    environment: str = ""
    scored: Scored = "test"
    timed: dict[str, float] | None = None


@dataclass(frozen=True)
class PackedBits:
    """`count` bits, eight a byte, most significant first."""

    packed: bytes
    count: int


def record_as_json(record: Record) -> bytes:
    """`record` as its file holds it."""
    return readable_json(asdict(record))


def record_from_json(text: bytes | str, key: str, where: str) -> Record:
    """The record of the trial `key`; raises `ResultsError`, which names `where`, for whatever is not just that."""
    try:
        stored = parse_json(text)
    except ValueError as error:
        raise ResultsError(f"{where}: is no JSON that can be read ({error})") from error
    mistake = said_of(RecordSection, stored)
    if mistake:
        raise ResultsError(f"{where}: is no record: {mistake}")
    if stored["key"] != key:
        raise ResultsError(f"{where}: holds the record of another trial, {stored['key']}")
    return Record(**stored)


def save_record(folder: Path, record: Record) -> None:
    write_bytes(record_path(folder, record.key), record_as_json(record))


def load_record(folder: Path, key: str) -> Record | None:
    """The record of `key`, None while there is none; a file that is no record of that key raises `ResultsError`."""
    return read_record(folder, key, str(record_path(folder, key)))


def read_record(folder: Path, key: str, where: str) -> Record | None:
    """As `load_record`, with errors that name `where`."""
    try:
        return record_from_json(record_path(folder, key).read_bytes(), key, where)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ResultsError(f"{where}: cannot be read ({error.strerror}); {AGAIN}") from error
    except ResultsError as error:
        raise ResultsError(f"{error}; {AGAIN}") from error


def packed_bits(record: Record) -> PackedBits:
    """What the trial got right."""
    return PackedBits(base64.b64decode(record.correct), record.test_images)


def pack_bits(correct: NDArray[np.bool_]) -> str:
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack_bits(packed: str, count: int) -> NDArray[np.bool_]:
    """Inverse of `pack_bits`: shape (count,)."""
    return np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8), count=count).astype(bool)
