"""Where and with what the trials ran."""

from collections.abc import Iterator
from typing import Any

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, Heading, Table

CAPTION = "Where and with what the trials ran, one column an environment"


def environment(results: Results, tables: Tables) -> list[Block]:
    if not results.environments:
        return []
    facts = {name: dict(_flat(stored)) for name, stored in results.environments.items()}
    keys = dict.fromkeys((key for known in facts.values() for key, value in known.items() if value), "")
    columns = (Column("fact", "left"), *(Column(name, "left") for name in facts))
    uses = ("used for", *(_used_for(results, name) for name in facts))
    complete = [{**keys, **known} for known in facts.values()]
    rows = (uses, *((_words(key), *(known[key] for known in complete)) for key in keys))
    return [Heading("Environment"), Table(columns, rows, CAPTION, kind="facts")]


def _used_for(results: Results, name: str) -> str:
    """`24 trials and costs`; an environment that stands for nothing any more is kept all the same."""
    trials = int(results.trials[results.trials["environment"] == name]["key"].nunique())
    group = results.cost_group
    uses = [f"{trials:,} trial{'' if trials == 1 else 's'}"] if trials else []
    uses += ["costs"] if group is not None and name in group.environments else []
    return " and ".join(uses) or "nothing that is shown"


# What a reader would not take from the name.
NAMES = {"dirty": "uncommitted changes", "clocks.cpu_mhz": "processor clock (MHz)"}
SPOKEN = {None: "", True: "yes", False: "no"}


def _words(path: str) -> str:
    """`torch` for `machine.versions.torch`, `load at start` for `load_at_start`."""
    if path in NAMES:
        return NAMES[path]
    return path.removeprefix("machine.").removeprefix("versions.").replace(".", ", ").replace("_", " ")


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, SPOKEN[value] if value is None or isinstance(value, bool) else str(value)
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{path}.{key}" if path else str(key))
