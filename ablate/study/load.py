"""From a study file to a study: read, checked against every table, its factors and claims resolved."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablate.measure import METRICS, metrics_of
from ablate.schema import DifferenceClaim, KeyPath, SectionError, StudyFile, validated
from ablate.study.document import Document, read_document
from ablate.study.factors import build_factors, resolve_levels
from ablate.study.levels import Factor, mistakes_of
from ablate.study.mistakes import mistakes_in, unknown


@dataclass(frozen=True)
class Claim:
    """A claim of the study file with its levels resolved: factor column -> level name on either side."""

    stated: DifferenceClaim
    better: dict[str, str]
    than: dict[str, str]


@dataclass(frozen=True)
class Study:
    """A study that is right in itself. `baseline_levels`: factor column -> level name, of every factor."""

    config: StudyFile
    source: Path
    overrides: tuple[str, ...]
    factors: tuple[Factor, ...]
    baseline_levels: dict[str, str]
    claims: tuple[Claim, ...]


def load_study(path: Path | str, overrides: Sequence[str] = ()) -> Study:
    """Read the study file at `path`, with each `key.path=value` of `overrides` set on top.

    Raises `StudyError` for whatever is wrong, in one line: the file and line (or the override), the key path, the
    offending value and the nearest right one.
    """
    source = Path(path)
    document = read_document(source, overrides)
    config = _validated(document)
    for mistake in mistakes_of(config, {}):
        raise document.error(mistake.path, mistake.sentence)
    _check_metrics(document, config)
    factors = build_factors(document, config)
    baseline = _baseline(document, config, factors)
    return Study(config, source, tuple(overrides), factors, baseline, _claims(document, config, factors))


def _validated(document: Document) -> StudyFile:
    try:
        return validated(StudyFile, document.data)
    except SectionError as error:
        mistakes = mistakes_in(error, document.data)
    # A misspelt key is often why another one is missing, so it is the one to name.
    mistake = min(mistakes, key=lambda found: found.sentence.endswith("is missing"))
    raise document.error(mistake.path, mistake.sentence)


def _check_metrics(document: Document, config: StudyFile) -> None:
    for index, name in enumerate(config.measure):
        if name not in METRICS:
            raise document.error(("measure", index), unknown("metric", name, METRICS))
    paired = metrics_of("per_trial", list(METRICS))
    if config.primary not in paired:
        raise document.error(("primary",), unknown("metric of a trial", config.primary, paired))
    _check_measured(document, config, config.primary, ("primary",))
    for name, value in config.margin.items():
        _check_measured(document, config, name, ("margin", name))
        _check_fraction(document, name, value, ("margin", name))


def _check_measured(document: Document, config: StudyFile, name: str, path: KeyPath) -> None:
    if name not in METRICS:
        raise document.error(path, unknown("metric", name, config.measure))
    if name not in config.measure:
        raise document.error(path, f"{name!r} is not measured; add it to measure ({', '.join(config.measure)})")


def _baseline(document: Document, config: StudyFile, factors: Sequence[Factor]) -> dict[str, str]:
    levels = resolve_levels(document, factors, config.baseline, ("baseline",))
    for factor in factors:
        if factor.column not in levels:
            names = ", ".join(level.name for level in factor.levels)
            sentence = f"names no level of factor {factor.path_or_name!r} (choices: {names})"
            raise document.error(("baseline",), sentence)
    return levels


def _claims(document: Document, config: StudyFile, factors: Sequence[Factor]) -> tuple[Claim, ...]:
    times = Counter(claim.id for claim in config.claims)
    return tuple(_claim(document, config, factors, index, times[claim.id]) for index, claim in enumerate(config.claims))


def _claim(document: Document, config: StudyFile, factors: Sequence[Factor], index: int, times: int) -> Claim:
    path: KeyPath = ("claims", index)
    stated = config.claims[index]
    if times > 1:
        raise document.error((*path, "id"), f"{times} claims are called {stated.id!r}; each needs its own id")
    if stated.metric is not None:
        _check_measured(document, config, stated.metric, (*path, "metric"))
    better = resolve_levels(document, factors, stated.better, (*path, "better"))
    than = resolve_levels(document, factors, stated.than, (*path, "than"))
    if better == than:
        raise document.error((*path, "than"), "names the same levels as better; a claim compares two")
    for factor in factors:
        if factor.is_condition and better.get(factor.column) != than.get(factor.column):
            sentence = (
                f"differs from better in {factor.path_or_name!r}, a condition; variants are compared on equal data"
            )
            raise document.error((*path, "than"), sentence)
    _check_fraction(
        document, stated.metric or config.primary, stated.published_difference, (*path, "published_difference")
    )
    return Claim(stated, better, than)


def _check_fraction(document: Document, metric: str, value: float | None, path: KeyPath) -> None:
    if metric == "accuracy" and value is not None and abs(value) >= 1:
        raise document.error(path, f"accuracies are fractions, so {value:g} cannot be their difference; 1 % is 0.01")
