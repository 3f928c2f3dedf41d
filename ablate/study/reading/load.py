"""From a study file to a study: read, checked against every table, its factors and claims resolved."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.errors import StudyError
from ablate.measure import METRICS, metrics_of
from ablate.schema import MATCH, UNMATCHED, KeyPath, SectionError, SeedBlocks, StudyFile, validated
from ablate.schema.mistakes import mistakes_in, unknown
from ablate.study.reading.claims import Claim, resolve_claims
from ablate.study.reading.document import Document, read_document
from ablate.study.reading.effects import check_budget, check_effects
from ablate.study.reading.factors import Base, build_factors, resolve_levels
from ablate.study.reading.levels import Factor, Level, combinations, nearest
from ablate.study.reading.metrics import check_fraction, check_measured
from ablate.study.reading.probe import forget
from ablate.study.reading.sections import mistakes_of
from ablate.study.reading.tunable import check_search, check_seeds, check_tuned

MOST_LOOKED_AT = 2000  # combinations of a search; of those further from the baseline none is likely to add a use


@dataclass(frozen=True)
class Study:
    """A study that is right in itself. `baseline_levels`: factor column -> level name, of every factor.

    `points` are the combinations, factor column -> level name, that its variants are, where a search chose them.
    """

    config: StudyFile
    source: Path
    overrides: tuple[str, ...]
    factors: tuple[Factor, ...]
    baseline_levels: dict[str, str]
    claims: tuple[Claim, ...]
    document: Document = field(repr=False, compare=False)
    points: tuple[Mapping[str, str], ...] | None = None

    def error(self, path: KeyPath, sentence: str) -> StudyError:
        """The error about what the study file, or a --set, has at `path`, which it names with its line."""
        return self.document.error(path, sentence)


def load_study(path: Path | str, overrides: Sequence[str] = ()) -> Study:
    """Read the study file at `path`, with each `key.path=value` of `overrides` set on top.

    Raises `StudyError` for whatever is wrong, in one line: the file and line (or the override), the key path, the
    offending value and the nearest right one.
    """
    source = Path(path)
    forget()
    document = read_document(source, overrides)
    config = _validated(document)
    for mistake in mistakes_of(config, {}, source.parent):
        raise document.error(mistake.path, mistake.sentence)
    if config.design != "count":
        _check_trainable(document, config)
    _check_metrics(document, config)
    base = Base(document, config, source.parent)
    factors = build_factors(base)
    baseline = _baseline(document, config, factors)
    variants = _looked_at(config, factors, baseline)
    check_effects(base, variants)
    check_budget(base, factors)
    check_tuned(base, factors, variants)
    check_search(base, factors, variants, baseline)
    check_seeds(base, variants)
    _check_blocks(document, config, factors)
    claims = resolve_claims(document, config, factors)
    return Study(config, source, tuple(overrides), factors, baseline, claims, document)


def question_of(path: Path) -> str:
    """What the study file at `path` asks, without a look at its networks and data; raises `StudyError`."""
    return _validated(read_document(path, ())).question


def _validated(document: Document) -> StudyFile:
    for path, number in _not_finite(document.data, ()):
        raise document.error(path, f"expected a finite number, not {number}")
    try:
        return validated(StudyFile, document.data)
    except SectionError as error:
        mistakes = mistakes_in(error, document.data)
    # A misspelt key is often why another one is missing, so it is the one to name.
    mistake = min(mistakes, key=lambda found: found.sentence.endswith("is missing"))
    raise document.error(mistake.path, mistake.sentence)


def _not_finite(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, float]]:
    """Infinities and NaN, which no JSON holds, wherever they are: what a builder takes need not forbid them itself."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, each in inner:
        yield from _not_finite(each, (*path, part))


def _check_trainable(document: Document, config: StudyFile) -> None:
    for key, value in (("data", config.data), ("train", config.train), ("seeds", config.seed_list)):
        if not value:
            raise document.error((key,), f"the key {key!r} is missing")


def _check_metrics(document: Document, config: StudyFile) -> None:
    for index, name in enumerate(config.measure):
        if name not in METRICS:
            raise document.error(("measure", index), unknown("metric", name, METRICS))
    if config.design != "count":
        _check_primary(document, config)


def _check_primary(document: Document, config: StudyFile) -> None:
    paired = metrics_of("per_trial", list(METRICS))
    if config.primary not in paired:
        raise document.error(("primary",), unknown("metric of a trial", config.primary, paired))
    check_measured(document, config, config.primary, ("primary",))
    for name, value in config.margin.items():
        check_measured(document, config, name, ("margin", name))
        check_fraction(document, name, value, ("margin", name))


def _check_blocks(document: Document, config: StudyFile, factors: Sequence[Factor]) -> None:
    """Raise for blocks of seeds where no interval can become narrow enough."""
    if not isinstance(config.seeds, SeedBlocks):
        return
    if config.design == "count":
        raise document.error(("seeds",), "design: count trains nothing, so no seeds can be added; leave seeds out")
    check_fraction(document, config.primary, config.seeds.until, ("seeds", "until"))
    is_searched = config.search is not None and bool(config.search.fields)
    if not is_searched and not any(len(factor.levels) > 1 and not factor.is_condition for factor in factors):
        sentence = "no variants are compared here, so there is no interval to become narrow; give a count of seeds"
        raise document.error(("seeds", "until"), sentence)


def _looked_at(config: StudyFile, factors: Sequence[Factor], baseline: Mapping[str, str]) -> list[tuple[Level, ...]]:
    """What is checked for levels and fields without effect: every variant, or of a search what it may try."""
    if config.design == "search":
        return list(nearest(factors, baseline, MOST_LOOKED_AT))
    return list(combinations(config, factors, baseline))


def _baseline(document: Document, config: StudyFile, factors: Sequence[Factor]) -> dict[str, str]:
    levels = resolve_levels(document, factors, config.baseline, ("baseline",))
    if config.design == "count":  # nothing is compared with it
        return {factor.column: factor.levels[0].name for factor in factors} | levels
    for factor in factors:
        if factor.path_or_name == MATCH:
            levels.setdefault(MATCH, _own_matching(factor))
        if factor.column not in levels:
            names = ", ".join(level.name for level in factor.levels)
            sentence = f"names no level of factor {factor.path_or_name!r} (choices: {names})"
            raise document.error(("baseline",), sentence)
    return levels


def _own_matching(matchings: Factor) -> str:
    """The level of `match` that the baseline is listed under: as stated where that is one."""
    names = [level.name for level in matchings.levels]
    return UNMATCHED if UNMATCHED in names else names[0]
