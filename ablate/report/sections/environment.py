"""Where and with what the trials ran."""

from collections.abc import Iterator
from typing import Any

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, Heading, Table


def environment(results: Results, tables: Tables) -> list[Block]:
    if not results.environments:
        return []
    facts = {name: dict(_flat(stored)) for name, stored in results.environments.items()}
    keys = list(dict.fromkeys(key for known in facts.values() for key in known))
    columns = (Column("", "left"), *(Column(name, "left") for name in facts))
    rows = tuple((key, *(known.get(key, "") for known in facts.values())) for key in keys)
    return [Heading("Environment"), Table(columns, rows)]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, "" if value is None else str(value)
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{path}.{key}" if path else str(key))
