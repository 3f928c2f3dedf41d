"""Where data lie on disk, and what they are there."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ablate.schema import DataConfig


def data_folder(config: DataConfig) -> Path:
    """`data.root`, else the environment variable ABLATE_DATA, else `ablate` in the user's cache folder."""
    if config.root is not None:
        return config.root.expanduser()
    if stated := os.environ.get("ABLATE_DATA"):
        return Path(stated).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "ablate"


def files_digest(root: Path, files: Iterable[str]) -> str:
    """sha256 over the names, relative to `root` with forward slashes, and the bytes of the files, in sorted order."""
    whole = hashlib.sha256()
    for name in sorted(files):
        with (root / name).open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{len(name.encode())}:{name}:{content}\n".encode())
    return whole.hexdigest()
