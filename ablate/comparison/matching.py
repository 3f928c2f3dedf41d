"""Which variant of A stands beside which of B."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ablate.errors import ResultsError
from ablate.records import Results, canonical

# Versions of the code that builds a network (a builder's source, another package): what two commits or two machines may
# have differently without having been asked for another network.
CODE = ("digest", "version")

Planned = Mapping[str, Any]
"""A variant as plan.json holds it."""

Signature = Callable[[Planned], bytes]
Count = Literal["any", "one"]


@dataclass(frozen=True)
class Pair:
    """One network in both folders; `name` is the one that A gives it."""

    a: Planned
    b: Planned

    @property
    def name(self) -> str:
        return str(self.a["variant"])

    @property
    def name_b(self) -> str:
        return str(self.b["variant"])


@dataclass(frozen=True)
class Unmatched:
    side: Literal["A", "B"]
    variant: str
    reason: str


@dataclass(frozen=True)
class Matching:
    """`pairs` in A's order; `unmatched` is what one side alone has, with the reason."""

    pairs: tuple[Pair, ...]
    unmatched: tuple[Unmatched, ...]


def match(a: Results, b: Results) -> Matching:
    """Variants with one name and equal networks; of the rest those with equal network, data and recipe, then those
    whose network stands once on either side. Networks are equal when all their resolved fields are; the version of the
    code that builds them may be another. Raises `ResultsError` when nothing can be matched.
    """
    left, right = _variants(a), _variants(b)
    partners = {name: name for name in left if name in right and network(left[name]) == network(right[name])}
    stages: tuple[tuple[Signature, Count], ...] = ((_all_that_decides, "any"), (_network_alone, "one"))
    for signature, count in stages:
        rest_a = [variant for name, variant in left.items() if name not in partners]
        rest_b = [variant for name, variant in right.items() if name not in partners.values()]
        partners |= dict(_alike(rest_a, rest_b, signature, count))
    if not partners:
        raise ResultsError(_nothing_in_common(a, b, left, right))
    pairs = tuple(Pair(left[name], right[partners[name]]) for name in left if name in partners)
    alone_a = [Unmatched("A", name, _why(name, left, right, "B")) for name in left if name not in partners]
    alone_b = [Unmatched("B", name, _why(name, right, left, "A")) for name in right if name not in partners.values()]
    return Matching(pairs, (*alone_a, *alone_b))


def network(variant: Planned) -> dict[str, Any]:
    """The resolved fields of a variant's network, without the version of the code that builds it."""
    return {field: value for field, value in variant["model"].items() if field not in CODE}


def _variants(results: Results) -> dict[str, Planned]:
    return {variant["variant"]: variant for variant in results.plan["variants"]}


def _all_that_decides(variant: Planned) -> bytes:
    return canonical([network(variant), variant["data"], variant["train"]])


def _network_alone(variant: Planned) -> bytes:
    return canonical(network(variant))


def _alike(
    rest_a: list[Planned], rest_b: list[Planned], signature: Signature, count: Count
) -> Iterator[tuple[str, str]]:
    """Names of variants with equal signatures, in the order of the plans; `one`: a signature that occurs twice on one
    side says nothing."""
    groups_a, groups_b = _grouped(rest_a, signature), _grouped(rest_b, signature)
    for key in groups_a.keys() & groups_b.keys():
        if count == "any" or len(groups_a[key]) == len(groups_b[key]) == 1:
            yield from zip(groups_a[key], groups_b[key], strict=False)


def _grouped(variants: list[Planned], signature: Signature) -> dict[bytes, list[str]]:
    groups: dict[bytes, list[str]] = {}
    for variant in variants:
        groups.setdefault(signature(variant), []).append(variant["variant"])
    return groups


def _why(name: str, own: Mapping[str, Planned], others: Mapping[str, Planned], other_side: str) -> str:
    if name not in others:
        return f"{other_side} has no variant of this name and no equal network that is free to stand beside it"
    return f"{other_side}'s {name!r} is another network: {_first_difference(own[name], others[name])}"


def _first_difference(own: Planned, other: Planned) -> str:
    here, there = network(own), network(other)
    field = next(each for each in {**here, **there} if _stated(here, each) != _stated(there, each))
    return f"model.{field} is {_stated(here, field)} here and {_stated(there, field)} there"


def _stated(fields: Mapping[str, Any], field: str) -> str:
    return repr(fields[field]) if field in fields else "not stated"


def _nothing_in_common(a: Results, b: Results, left: Mapping[str, Planned], right: Mapping[str, Planned]) -> str:
    shared = next((name for name in left if name in right), None)
    but = "" if shared is None else f"; {shared!r} is in both, but {_first_difference(left[shared], right[shared])}"
    return (
        f"{a.folder} and {b.folder} have no variant in common, so there is nothing to compare: "
        f"the first has {', '.join(left)}, the second {', '.join(right)}{but}"
    )
