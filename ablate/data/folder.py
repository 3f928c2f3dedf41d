"""Where data lie on disk, and what they are there."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ablate.errors import DataError
from ablate.schema import DataConfig


def data_folder(config: DataConfig) -> Path:
    """`data.root`, else the environment variable ABLATE_DATA, else the cache folder.

    Raises `DataError` where `~` stands for a folder that nobody has.
    """
    stated = config.root or os.environ.get("ABLATE_DATA")
    return _expanded(Path(stated)) if stated else cache_folder()


def cache_folder() -> Path:
    """`ablate` in the user's cache folder; raises `DataError` as `data_folder`."""
    return _expanded(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "ablate")


def _expanded(folder: Path) -> Path:
    try:
        return folder.expanduser()
    except RuntimeError as error:
        raise DataError(
            f"data folder {folder} has no meaning here ({error}); give data.root or ABLATE_DATA in full"
        ) from error


def files_digest(root: Path, files: Iterable[str]) -> str:
    """sha256 over the names, relative to `root` with forward slashes, and the bytes of the files, in sorted order.

    Raises `DataError` for a file that cannot be read.
    """
    whole = hashlib.sha256()
    for name in sorted(files):
        raw = os.fsencode(name)
        whole.update(b"%d:%b:%b\n" % (len(raw), raw, _content_digest(root / name).encode()))
    return whole.hexdigest()


def unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read ({error.strerror}); see to it that this user may read it")


def _content_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
