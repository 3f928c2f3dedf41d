"""Whether the fields under `tune:` and `search:` can be looked for."""

from collections.abc import Mapping, Sequence

from ablate.schema import AS_STATED, SEARCHABLE, TUNABLE, WHOLE, KeyPath, Range
from ablate.schema.mistakes import unknown
from ablate.study.effects import fields_read_by
from ablate.study.factors import Base
from ablate.study.levels import Factor, Level, mistakes_of


def check_tuned(base: Base, factors: Sequence[Factor], variants: Sequence[tuple[Level, ...]]) -> None:
    """Raise `StudyError` for a field that a study cannot tune, or to no effect."""
    tune, document = base.config.tune, base.document
    if tune is None:
        return
    if base.config.design == "count":
        raise document.error(("tune",), "design: count trains nothing that could be tuned; leave it out")
    _check_fields(base, ("tune", "fields"), tune.fields, TUNABLE, factors, variants)


def check_search(base: Base, factors: Sequence[Factor], variants: Sequence[tuple[Level, ...]]) -> None:
    """Raise `StudyError` for a search without what it needs, for one that is not asked for, and for its fields."""
    search, document = base.config.search, base.document
    if base.config.design != "search":
        if search is not None:
            sentence = f"is for design: search; here it is {base.config.design!r}"
            raise document.error(("search",), sentence)
        return
    if search is None:
        raise document.error(("search",), "the key 'search' is missing; it says what is looked for, and how long")
    for key, stated in (("tune", base.config.tune), ("match", base.config.matchings != (AS_STATED,) or None)):
        if stated is not None:
            raise document.error((key,), "does not go with design: search; bound what it may cost with constraints")
    if not search.fields and not factors:
        raise document.error(("search", "fields"), "nothing is looked for: there are no fields and no factors")
    _check_fields(base, ("search", "fields"), search.fields, SEARCHABLE, factors, variants)


def _check_fields(
    base: Base,
    place: KeyPath,
    fields: Mapping[str, Range],
    known: Sequence[str],
    factors: Sequence[Factor],
    variants: Sequence[tuple[Level, ...]],
) -> None:
    read = set().union(*(fields_read_by(base, levels) for levels in variants))
    for field, spanned in fields.items():
        if field not in known:
            raise base.document.error((*place, field), unknown(f"field to {place[0]}", field, known))
        for factor in factors:
            if any(field in level.sets for level in factor.levels):
                sentence = f"factor {factor.path_or_name!r} sets {field}; a field has one place"
                raise base.document.error((*place, field), sentence)
        for name in ("low", "high"):
            for mistake in mistakes_of(base.config, {field: end_of(field, getattr(spanned, name))}, base.folder):
                raise base.document.error((*place, field, name), mistake.sentence)
        if field not in read:
            raise base.document.error((*place, field), f"no variant of this study has a use for {field}; leave it out")


def end_of(field: str, value: float) -> float | int:
    """`value` as the field takes it: a whole number where it is one, for a field without fractions."""
    return int(value) if field in WHOLE and value == int(value) else value
