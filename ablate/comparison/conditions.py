"""Under which conditions A and B differ; what they have alike is left out."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ablate.comparison.matching import CODE, Pair, Planned
from ablate.cost_sets import CostGroup
from ablate.environment import VOLATILE
from ablate.records import Results, digest, stored_executions
from ablate.report.numbers import ABSENT

CONDITION_COLUMNS = ("part", "condition", "a", "b")
STUDY = ("design", "primary", "margin")
# The data have rows of their own, pair by pair, and where energy is read from decides nothing about a trial.
NOT_OF_TRIALS = (*VOLATILE, "data", "energy")
HASH = re.compile(r"[0-9a-f]{40,64}")
SHOWN_OF_HASH = 12

Facts = Mapping[str, Sequence[Any]]
"""Name of a condition -> the values that it had."""

Row = dict[str, str]


def conditions_table(a: Results, b: Results, pairs: Sequence[Pair]) -> pd.DataFrame:
    """One row a condition that A and B have differently, with the columns CONDITION_COLUMNS; values are text.

    `part` is study, model (the code that builds networks), data, training, environment and execution (of the trials),
    or costs (machine and conditions of what was measured, where both sides have that).
    """
    rows = [
        *_differing("study", _study(a), _study(b, {pair.name_b: pair.name for pair in pairs})),
        *_of_pairs("model", pairs, _code),
        *_of_pairs("data", pairs, lambda variant: variant["data"]),
        *_of_pairs("training", pairs, lambda variant: {**variant["train"], "steps": variant["steps"]}),
        *_differing("environment", _environments(a), _environments(b)),
        *_differing("execution", _execution(a), _execution(b)),
        *_of_costs(a.cost_group, b.cost_group),
    ]
    return pd.DataFrame(rows, columns=list(CONDITION_COLUMNS))


def _study(results: Results, names: Mapping[str, str] | None = None) -> Facts:
    """`names`: what A calls the variants."""
    plan = results.plan
    known = {plan["baseline"]: plan["baseline"], **(names or {})}
    return {
        **{name: [plan["study"][name]] for name in STUDY},
        "baseline": [known[plan["baseline"]]],
        "seeds": sorted({int(seed) for variant in plan["variants"] for seed in variant["keys"]}),
        "training version": [plan["training_version"]],
    }


def _code(variant: Planned) -> dict[str, Any]:
    return {name: variant["model"][name] for name in CODE if name in variant["model"]}


def _of_pairs(part: str, pairs: Sequence[Pair], facts: Callable[[Planned], Mapping[str, Any]]) -> Iterator[Row]:
    """One row a field and pair of values; the variants are named where it is not all of them."""
    for field in dict.fromkeys(name for pair in pairs for variant in (pair.a, pair.b) for name in facts(variant)):
        found: dict[tuple[str, str], list[str]] = {}
        for pair in pairs:
            found.setdefault((_stated(facts(pair.a), field), _stated(facts(pair.b), field)), []).append(pair.name)
        for (in_a, in_b), names in found.items():
            condition = field if len(names) == len(pairs) else f"{field} ({', '.join(names)})"
            yield from _row(part, condition, in_a, in_b)


def _environments(results: Results) -> Facts:
    """Of one that environment.json does not hold, its id alone."""
    known = results.environments
    return _gathered(
        {name: value for name, value in known[identity].items() if name not in NOT_OF_TRIALS}
        if identity in known
        else {"unknown environment": identity}
        for identity in _used(results)
    )


def _used(results: Results) -> list[str]:
    return [name for name in dict.fromkeys(results.trials["environment"]) if name != ""]


def _execution(results: Results) -> Facts:
    """Of the machines that trained; execution.json knows them by the digest of what moves numbers."""
    stored = stored_executions(results.folder)
    known = [results.environments[identity] for identity in _used(results) if identity in results.environments]
    machines = dict.fromkeys(digest(environment["machine"])[:12] for environment in known)
    return _gathered(stored[machine] for machine in machines if machine in stored)


def _of_costs(group_a: CostGroup | None, group_b: CostGroup | None) -> Iterator[Row]:
    if group_a is None or group_b is None:
        return
    facts_a, facts_b = (_gathered([{**group.conditions, **group.machine}]) for group in (group_a, group_b))
    yield from _differing("costs", facts_a, facts_b)


def _gathered(described: Iterable[Mapping[str, Any]]) -> Facts:
    """Dotted name -> the values of all that is described, each once."""
    flat = [facts for each in described for facts in pd.json_normalize(dict(each)).to_dict("records")]
    names = dict.fromkeys(str(name) for facts in flat for name in facts)
    return {name: [facts[name] for facts in flat if name in facts] for name in names}


def _differing(part: str, facts_a: Facts, facts_b: Facts) -> Iterator[Row]:
    for name in dict.fromkeys([*facts_a, *facts_b]):
        texts = [
            ", ".join(dict.fromkeys(map(_text, facts[name]))) if name in facts else ABSENT
            for facts in (facts_a, facts_b)
        ]
        yield from _row(part, name, *texts)


def _row(part: str, condition: str, in_a: str, in_b: str) -> Iterator[Row]:
    if in_a != in_b:
        yield {"part": part, "condition": condition.replace("_", " "), "a": in_a, "b": in_b}


def _stated(facts: Mapping[str, Any], field: str) -> str:
    return _text(facts[field]) if field in facts else ABSENT


def _text(value: Any) -> str:
    if value is None or value == {}:
        return ABSENT
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return text[:SHOWN_OF_HASH] if HASH.fullmatch(text) else text
