"""Files of a results folder: JSON that is read with care and written in one step. Free of torch.

A file is written beside its place, synced and renamed, and then its folder is synced: a reader sees the old content or
the new, never a part, and what a crash finds written stays written.
"""

import errno
import hashlib
import json
import math
import os
import re
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from ablate.errors import ResultsError

MOST_BITS = 64
DEEPEST = 50
# A write takes seconds; what is older than this was left by a machine that can no longer be asked.
ABANDONED_SECONDS = 24 * 3600

PARTIAL = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)-\d+\.partial")
FULL = (errno.ENOSPC, errno.EDQUOT)
UNSYNCABLE = (errno.EINVAL, errno.ENOTSUP)


def canonical(value: Any) -> bytes:
    """JSON with one spelling: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(value: Any) -> str:
    """sha256, hexadecimal, of canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def readable_json(value: Any) -> bytes:
    """`value` as it stands in a file; a number that is not finite is a bug and raises `ValueError`."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_json(content: bytes | str) -> Any:
    """The JSON in `content`: UTF-8, finite numbers, whole ones of at most 64 bits, 50 levels deep at most.

    Raises `ValueError` for anything else, whose message says what it is.
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    try:
        value = json.loads(text, parse_constant=_not_finite, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError(f"nested deeper than {DEEPEST} levels") from None
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()  # half of a pair of surrogates is no character
    _check_depth(value)
    return value


def read_json(path: Path) -> Any:
    """What `path` holds; a file that is absent gives None, one that is not JSON raises `ResultsError`."""
    try:
        return parse_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ResultsError(f"{path}: cannot be read ({why}); restore it or delete it to have it made anew") from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON; a number that is not finite is a bug and raises `ValueError`."""
    write_bytes(path, readable_json(value))


def write_bytes(path: Path, content: bytes) -> None:
    """Have `path` hold `content`, in one step that survives a crash at any moment; `ResultsError` if it cannot be.

    Where it does already nothing is written, so that a folder that cannot be written to can be looked at.
    """
    try:
        if not _holds(path, content):
            _make_folder(path.parent)
            _replace(path, content)
    except OSError as error:
        raise ResultsError(_unwritable(path, error)) from error


def move(path: Path, target: Path) -> None:
    """Rename `path` to `target`, which does not exist, for good; raises `ResultsError`."""
    try:
        _make_folder(target.parent)
        path.rename(target)
        for folder in dict.fromkeys((target.parent, path.parent)):
            _sync(folder)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be moved to {target} ({error.strerror}); move or delete it") from error


def clear_partials(folder: Path) -> None:
    """Remove what writers that are no more left half-written below `folder`; what cannot be removed stays."""
    for partial in folder.rglob(".*.partial"):
        with suppress(OSError):
            if not _is_being_written(partial):
                partial.unlink()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _replace(path: Path, content: bytes) -> None:
    owner = f"{_this_host()}-{os.getpid()}-{threading.get_ident()}"
    partial = path.with_name(f".{path.name}.{owner}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have the names in `folder` on the disk; some network file systems cannot be asked to."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSYNCABLE:
            raise
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> str:
    """The sentence about a file that cannot be written."""
    reason, advice = error.strerror, "name another folder with --results"
    blocking = next((above for above in path.parents if above.exists() and not above.is_dir()), None)
    if blocking is not None:
        reason = f"{blocking} is a file where a folder should be"
    if error.errno in FULL:
        advice = f"free some space there, or {advice}"
    return f"{path}: cannot be written ({reason}); {advice}"


def _this_host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_being_written(partial: Path) -> bool:
    if time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
        return False
    owner = PARTIAL.fullmatch(partial.name)
    return owner is None or owner["host"] != _this_host() or _lives(int(owner["process"]))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"the number {text} is not finite")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(f"{text[:20]}")


def _whole(text: str) -> int:
    number = int(text) if len(text) <= MOST_BITS else None
    if number is None or number.bit_length() > MOST_BITS:
        raise ValueError(f"the whole number {text[:20]}... has more than {MOST_BITS} bits")
    return number


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise ValueError(f"nested deeper than {DEEPEST} levels")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
