"""Where things lie in a results folder. A key is 64 hexadecimal digits, so that no path leaves the folder."""

from itertools import count
from pathlib import Path

from ablate.files import move


def record_path(folder: Path, key: str) -> Path:
    return folder / "records" / f"{key}.json"


def failure_path(folder: Path, key: str) -> Path:
    return folder / "failures" / f"{key}.json"


def log_path(folder: Path, key: str) -> Path:
    return folder / "logs" / f"{key}.log"


def checkpoint_path(folder: Path, key: str) -> Path:
    """Where a trial keeps what it needs to go on after it was killed, until its record is written."""
    return folder / "checkpoints" / f"{key}.pt"


def finished_keys(folder: Path) -> set[str]:
    """Keys that have a record, by file name alone."""
    return {path.stem for path in (folder / "records").glob("*.json") if not path.name.startswith(".")}


def set_aside(folder: Path, key: str) -> Path:
    """Move a damaged record out of the way, to damaged/<key>.json or the first free number behind the key.

    Returns its new place; raises `ResultsError` where it cannot be moved, or is gone.
    """
    names = (f"{key}.json" if number == 1 else f"{key}-{number}.json" for number in count(1))
    target = next(path for path in (folder / "damaged" / name for name in names) if not path.exists())
    move(record_path(folder, key), target)
    return target
