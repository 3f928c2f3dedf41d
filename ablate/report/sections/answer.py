"""The question, the answer in a sentence, and the conditions it was found under."""

from collections.abc import Mapping
from typing import Any

from ablate.records import Results
from ablate.report.contrasting import baseline_contrasts, crosses_factors, varied_fields
from ablate.report.derive import Tables
from ablate.report.document import Block, Bullets, Column, Heading, Notice, Paragraph, Table
from ablate.report.sections.claimed import claimed
from ablate.report.sections.finding import finding_lines
from ablate.report.sections.progress import missing_sentence, progress_sentence
from ablate.report.sections.stated import changes
from ablate.schema import UNMATCHED

CONDITIONS = "The conditions that the answer holds for"
SHORT_DIGEST = 12
MOST_LEVELS = 24
PAIRED = "Intervals are 95 %, n counts seed pairs."
AVERAGED = (
    "Intervals are 95 %, n counts seeds that have every combination. An average need not hold at each combination; "
    "those have an interval and no verdict."
)


def answer(results: Results, tables: Tables) -> list[Block]:
    study = results.plan["study"]
    progress, missing = progress_sentence(results), missing_sentence(results)
    return [
        Heading(study["name"], level=1),
        *([Notice(progress)] if progress else []),
        *([Notice(missing)] if missing else []),
        *changes(results),
        *_rebased(results, tables),
        *([Paragraph(study["question"], "question")] if study["question"] else []),
        *_answer(results, tables),
        conditions(results, tables),
    ]


def _answer(results: Results, tables: Tables) -> list[Block]:
    """What was found, and what its numbers are."""
    first, *further = finding_lines(results, tables)
    if tables.contrasts.empty:
        return [Paragraph(first, "answer")]
    legend = AVERAGED if crosses_factors(results.plan) else PAIRED
    found: list[Block] = [Paragraph(f"{first} {legend}", "answer"), *([Bullets(tuple(further))] if further else [])]
    return [*found, *claimed(results, tables)]


def conditions(results: Results, tables: Tables) -> Table:
    """What the answer holds for: data, recipe, seeds, machine."""
    variants = results.plan["variants"]
    rows = {
        "baseline": tables.baseline,
        "varied": "; ".join(_factor(name, levels) for name, levels in results.plan["study"]["factors"].items()),
        **_budgets(results.plan),
        "model": _listed(_base_model(results.plan)),
        "data": _listed(_with_short_digest(_common([variant["data"] for variant in variants]))),
        "training": _listed(_common([{**variant["train"], "steps": variant["steps"]} for variant in variants])),
        "seeds": _seeds(variants),
        "machine": "; ".join(machines(results)) or "none yet",
    }
    return Table((Column("condition", "left"), Column("value", "left")), tuple(rows.items()), CONDITIONS, kind="facts")


def _budgets(plan: dict[str, Any]) -> dict[str, str]:
    """What variants have as much of as the baseline, where that was settled."""
    stated = plan["study"]
    rows: dict[str, str] = {}
    if "matched" in plan:
        (multiple,) = {found["channel_multiple"] for found in plan["matched"]["variants"].values()}
        listed = stated["match"] if isinstance(stated["match"], list) else [stated["match"]]
        rows["matched"] = f"{', '.join(map(_matching, listed))}, by the width, channels in multiples of {multiple}"
    if "tune" in stated:
        spans = [f"{path} from {span['low']:g} to {span['high']:g}" for path, span in stated["tune"]["fields"].items()]
        rows["tuned"] = f"{', '.join(spans)}; {stated['tune']['trials']} trials a variant"
    if "budget" in stated:
        rows["training budget"] = f"equal {stated['budget']['on']}"
    return rows


def _matching(stated: Mapping[str, Any]) -> str:
    return UNMATCHED if stated["on"] == UNMATCHED else f"{stated['on']} within {stated['tolerance']:.1%}"


def _rebased(results: Results, tables: Tables) -> list[Block]:
    """A notice where the comparison is with another variant, or other levels, than the study's own baseline."""
    used = list(dict.fromkeys(tables.contrasts["baseline"]))
    if used == list(dict.fromkeys(contrast.baseline for contrast in baseline_contrasts(results.plan))):
        return []
    return [Notice(f"Compared with {' and '.join(used)}; the study's own baseline is {results.plan['baseline']}.")]


def _factor(name: str, levels: Any) -> str:
    """A factor with its levels as the study file has them, and with what a named level sets."""
    if isinstance(levels, list):
        return f"{name}: {_levels_listed([str(level) for level in levels])}"
    named = [
        f"{level} ({', '.join(f'{path} {value}' for path, value in sets.items())})" for level, sets in levels.items()
    ]
    return f"{name}: {_levels_listed(named)}"


def _levels_listed(levels: list[str]) -> str:
    """The levels of a factor with commas, of very many the first."""
    left = len(levels) - MOST_LEVELS
    return ", ".join(levels) if left <= 1 else f"{', '.join(levels[:MOST_LEVELS])} and {left} more"


def machines(results: Results) -> list[str]:
    """The machines that trained, each once, described by what their environment says of them."""
    used = [name for name in dict.fromkeys(results.trials["environment"]) if name != ""]
    return list(dict.fromkeys(_machine(results, name) for name in used))


def _machine(results: Results, environment: str) -> str:
    if environment not in results.environments:
        return f"unknown (environment {environment})"
    return _listed(_plain_values(results.environments[environment]["machine"]))


def _seeds(variants: list[dict[str, Any]]) -> str:
    seeds = sorted({int(seed) for variant in variants for seed in variant["keys"]})
    shifted = [each["variant"] for each in variants if "seed_offset" in each["train"]]
    but = f"; {', '.join(shifted)} trained with others in their place" if shifted else ""
    return f"{len(seeds)} a variant, the same for all: {', '.join(map(str, seeds))}{but}"


def _base_model(plan: dict[str, Any]) -> dict[str, Any]:
    """What the study states of the network, without what a factor varies."""
    varied = {field for factor in plan["factors"] for field in varied_fields(plan, factor["path"])}
    stated = _plain_values(plan["study"]["model"])
    return {key: value for key, value in stated.items() if f"model.{key}" not in varied}


def _common(settings: list[dict[str, Any]]) -> dict[str, Any]:
    """What all variants have alike: a field that differs is a factor, not a condition."""
    first = _plain_values(settings[0])
    return {key: value for key, value in first.items() if all(key in own and own[key] == value for own in settings)}


def _with_short_digest(data: dict[str, Any]) -> dict[str, Any]:
    """The environment has all of its digits."""
    return {**data, "digest": data["digest"][:SHORT_DIGEST]} if "digest" in data else data


def _plain_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if isinstance(value, str | int | float | list)}


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in settings.items())


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_count else str(value)
