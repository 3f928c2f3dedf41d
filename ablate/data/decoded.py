"""Pictures that memory has no room for, decoded once into a file of pixels from which training reads what it needs."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ablate.data.folder import cache_folder
from ablate.errors import DataError, ResultsError
from ablate.locks import held

MEMORY_SHARE = 1 / 8
"""Of the machine's memory, that the pixels of one split may take in each worker."""
THREADS = 8  # decoding lets other threads of Python run

Decode = Callable[[Path], NDArray[np.uint8]]


def are_many(shape: Sequence[int]) -> bool:
    """Whether pixels of `shape`, a byte each, are to stay on disk."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return bool(np.prod(shape, dtype=np.int64) > MEMORY_SHARE * machine)


def stored(files: Sequence[Path], shape: tuple[int, ...], decode: Decode) -> NDArray[np.uint8]:
    """The pixels of `files` (n, channels, height, width), mapped from a file of the cache that is made if need be.

    The file is named after what the pictures are called, their sizes and when they were changed, and `shape`. Raises
    `DataError` where there is no room for it, and what `decode` raises.
    """
    path = cache_folder() / "decoded" / f"{_fingerprint(files, shape)}.npy"
    try:
        with held(path.with_suffix(".lock")):
            if not path.exists():
                _write(path, files, shape, decode)
    except (OSError, ResultsError) as error:
        size = np.prod(shape, dtype=np.int64) / 2**30
        raise DataError(
            f"{len(files)} pictures take {size:.1f} GiB, which is too much for the memory here, and {path.parent} "
            f"could not hold them either ({error}); set XDG_CACHE_HOME to a folder with room, or a smaller "
            "data.image_size"
        ) from error
    pixels: NDArray[np.uint8] = open_memmap(path, mode="r")
    return pixels


def _write(path: Path, files: Sequence[Path], shape: tuple[int, ...], decode: Decode) -> None:
    partial = path.with_suffix(".partial")
    pixels = open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):  # a file with holes would end the process, not raise, when the disk is full
        with partial.open("r+b") as whole:
            os.posix_fallocate(whole.fileno(), 0, partial.stat().st_size)

    def put(number: int) -> None:
        pixels[number] = decode(files[number])

    try:
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(put, range(len(files)), chunksize=64):
                pass
        pixels.flush()
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _fingerprint(files: Sequence[Path], shape: tuple[int, ...]) -> str:
    whole = hashlib.sha256(repr(shape).encode())
    for path in files:
        facts = path.stat()
        whole.update(os.fsencode(path.resolve()) + b"\0%d %d\0" % (facts.st_size, facts.st_mtime_ns))
    return whole.hexdigest()[:32]
