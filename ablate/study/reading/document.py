"""A study file as plain data in which every value knows where it was written: a line of the file, or a --set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.errors import StudyError
from ablate.lookup import suggestion
from ablate.schema import SECTIONS, KeyPath
from ablate.schema.mistakes import dotted
from ablate.study.reading.yaml_nodes import MAX_DEPTH, parse_yaml


@dataclass(frozen=True)
class Document:
    """`data` is the root mapping; `origins` names the place of key paths (`study.yaml:3`, `--set seeds=3`)."""

    data: dict[str, Any]
    origins: dict[KeyPath, str]

    def error(self, path: KeyPath, sentence: str) -> StudyError:
        """The error about the value at `path`, placed by the innermost part of the path that was written somewhere."""
        known = next(path[:length] for length in range(len(path), -1, -1) if path[:length] in self.origins)
        where = ": ".join([self.origins[known], *filter(None, [dotted(path)])])
        return StudyError(f"{where}: {sentence}")


def read_document(source: Path, overrides: Sequence[str]) -> Document:
    """The file at `source` with each `path=value` of `overrides` set; raises `StudyError` where that cannot be read."""
    data, lines = parse_yaml(_text_of(source), lambda line: f"{source}:{line}")
    if data is None:
        raise StudyError(f"{source}:1: the file is empty; a study has at least name, model, data, train and seeds")
    if not isinstance(data, dict):
        raise StudyError(f"{source}:1: expected a mapping of keys to values, such as `name: my_study`")
    origins = {(): f"{source}:1", **{path: f"{source}:{line}" for path, line in lines.items()}}
    return with_overrides(Document(data, origins), overrides)


def with_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """`document` with each `path=value` of `overrides` set, one after another; raises `StudyError`."""
    for override in overrides:
        document = _with_override(document, override)
    return document


def _text_of(source: Path) -> str:
    try:
        raw = source.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{source}: no such file{_neighbour(source)}") from None
    except IsADirectoryError:
        raise StudyError(f"{source}: a folder, not a study file{_neighbour(source / 'study.yaml')}") from None
    except (OSError, ValueError) as error:
        raise StudyError(f"{str(source)!r}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise StudyError(f"{source}:{line}: not text in UTF-8: byte {raw[error.start]:#04x}") from None


def _neighbour(source: Path) -> str:
    studies = sorted(path.name for path in source.parent.glob("*.y*ml")) if source.parent.is_dir() else []
    return f"; {suggestion(source.name, studies)}" if studies else ""


def _with_override(document: Document, override: str) -> Document:
    label = f"--set {' '.join(override.split())}"
    target, equals, text = override.partition("=")
    parts = target.strip().split(".")
    if not equals or not all(parts) or len(parts) > MAX_DEPTH:
        raise StudyError(f"{label}: expected path=value, such as model.width=0.5")
    value, _lines = parse_yaml(text, lambda _line: label)
    path = _resolve(document.data, parts, label)
    new = _first_new(document.data, path)
    untouched = {place: origin for place, origin in document.origins.items() if place[: len(new)] != new}
    return Document(_replaced(document.data, path, value), {**untouched, new: label})


def _resolve(data: Any, parts: Sequence[str], label: str, below: KeyPath = ()) -> KeyPath:
    """The key path that dotted `parts` mean in `data`; a key may have dots in it (`model.width` under `factors`)."""
    if not parts:
        return below
    if isinstance(data, list) and re.fullmatch("[0-9]{1,9}", parts[0]):
        index = int(parts[0])
        if index >= len(data):
            raise StudyError(f"{label}: {dotted(below)} has no entry {index}; it has {len(data)}, counted from 0")
        return _resolve(data[index], parts[1:], label, (*below, index))
    length = _key_length(data if isinstance(data, dict) else {}, parts, below)
    key = ".".join(parts[:length])
    inner = data[key] if isinstance(data, dict) and key in data else None
    return _resolve(inner, parts[length:], label, (*below, key))


def _key_length(data: dict[str, Any], parts: Sequence[str], below: KeyPath) -> int:
    """How many of `parts` make the next key: the longest that exists, else a whole field path, else one."""
    existing = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in data), 0)
    if existing:
        return existing
    return min(2, len(parts)) if below and parts[0] in SECTIONS else 1


def _first_new(data: Any, path: KeyPath) -> KeyPath:
    """The part of `path` down to the first value in `data` that has to give way, or is not there yet."""
    for depth, key in enumerate(path):
        if not isinstance(data, list if isinstance(key, int) else dict):
            return path[:depth]
        data = data.get(key) if isinstance(data, dict) else data[int(key)]
    return path


def _replaced(data: Any, path: KeyPath, value: Any) -> Any:
    """`data` with `value` at `path`; what stands in the way of a deeper path gives way to a mapping."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(key, int):
        return [*data[:key], _replaced(data[key], rest, value), *data[key + 1 :]]
    kept = data if isinstance(data, dict) else {}
    return {**kept, str(key): _replaced(kept.get(str(key)), rest, value)}
