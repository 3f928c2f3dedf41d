"""Whether the fields under `tune:` can be tuned."""

from collections.abc import Sequence

from ablate.schema import TUNABLE, Range, StudyFile
from ablate.schema.mistakes import unknown
from ablate.study.document import Document
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
    read = set().union(*(fields_read_by(base, levels) for levels in variants))
    for field, spanned in tune.fields.items():
        _check_field(document, base.config, field, factors)
        _check_ends(base, field, spanned)
        if field not in read:
            sentence = f"no variant of this study has a use for {field}; leave it out"
            raise document.error(("tune", "fields", field), sentence)


def _check_field(document: Document, config: StudyFile, field: str, factors: Sequence[Factor]) -> None:
    if field not in TUNABLE:
        raise document.error(("tune", "fields", field), unknown("field to tune", field, TUNABLE))
    for factor in factors:
        if any(field in level.sets for level in factor.levels):
            sentence = f"factor {factor.path_or_name!r} sets {field}; what is compared cannot be tuned as well"
            raise document.error(("tune", "fields", field), sentence)


def _check_ends(base: Base, field: str, spanned: Range) -> None:
    for name in ("low", "high"):
        for mistake in mistakes_of(base.config, {field: getattr(spanned, name)}, base.folder):
            raise base.document.error(("tune", "fields", field, name), mistake.sentence)
