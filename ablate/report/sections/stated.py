"""What was fixed before the first trial, and what was changed after it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Any

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Heading, Notice, Paragraph
from ablate.report.numbers import quantity, show

FIELDS = ("question", "primary", "margin", "claims")
SHORT = 12  # digits of a digest


def stated_section(results: Results, tables: Tables) -> list[Block]:
    """Says nothing of a folder whose plan keeps no such list, as older ones do not."""
    entries = _entries(results)
    if not entries:
        return []
    return [Heading("Stated in advance"), _fixed(entries), *changes(results)]


def changes(results: Results) -> list[Notice]:
    """One notice for every change that was made once trials had finished, those of tuning and search among them."""
    return [
        Notice(f"Changed after {_finished(later)} had finished: {'; '.join(_changes(earlier, later))}.")
        for earlier, later in pairwise(_entries(results))
        if not _is_in_advance(later)
    ]


def _entries(results: Results) -> list[dict[str, Any]]:
    return list(results.plan["stated"]) if "stated" in results.plan else []


def _fixed(entries: Sequence[Mapping[str, Any]]) -> Block:
    """What was stated last before any trial finished, or since when what was stated is on record."""
    in_advance = list(takewhile(_is_in_advance, entries))
    if not in_advance:
        since = f"when {_finished(entries[0])} had finished; what was stated before that is not known"
        return Notice(f"Question, primary metric, margin and claims are on record only from {since}.")
    entry = in_advance[-1]
    return Paragraph(
        f"Before the first trial these were fixed: the question; the primary metric, {_words(entry['primary'])}; "
        f"{_margin(entry['margin'])}; {_claims(entry['claims'])}. Digest {entry['digest'][:SHORT]}."
    )


def _is_in_advance(entry: Mapping[str, Any]) -> bool:
    return not entry["trials_finished"] and not _rehearsals(entry)


def _rehearsals(entry: Mapping[str, Any]) -> int:
    """Trials of tuning and search that had finished; older versions did not count them."""
    return int(entry["rehearsals_finished"]) if "rehearsals_finished" in entry else 0


def _changes(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """What of two entries differs, in words; the digest alone where it says more than the fields do."""
    changed = [name for name in FIELDS if earlier[name] != later[name]]
    return [_change(name, earlier[name], later[name]) for name in changed] or ["what the digest covers"]


def _change(name: str, earlier: Any, later: Any) -> str:
    match name:
        case "margin":
            return f"the margin, from {_margin(earlier)} to {_margin(later)}"
        case "claims":
            return f"the claims ({_claim_changes(earlier, later)})"
        case "primary":
            return f"the primary metric, from {_words(earlier)} to {_words(later)}"
        case _:
            return f"the question, which was: {earlier or 'none'}"


def _claim_changes(earlier: Sequence[Mapping[str, Any]], later: Sequence[Mapping[str, Any]]) -> str:
    old, new = ({claim["id"]: claim for claim in claims} for claims in (earlier, later))
    kinds = {
        "added": [name for name in new if name not in old],
        "taken away": [name for name in old if name not in new],
        "reworded": [name for name in new if name in old and new[name] != old[name]],
    }
    changed = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    return "; ".join(changed) or "their order"


def _margin(margin: Mapping[str, float]) -> str:
    if not margin:
        return "no margin"
    said = (f"{show(name, value)} {quantity(name).difference_unit} of {_words(name)}" for name, value in margin.items())
    return f"a margin of {' and '.join(said)}"


def _claims(claims: Sequence[Mapping[str, Any]]) -> str:
    return f"the claims {', '.join(claim['id'] for claim in claims)}" if claims else "no claim"


def _finished(entry: Mapping[str, Any]) -> str:
    """`7 trials`, `40 trials of tuning or search`, `7 trials and 40 of tuning or search`."""
    trials, rehearsals = entry["trials_finished"], _rehearsals(entry)
    if not rehearsals:
        return _trials(trials)
    return (
        f"{_trials(trials)} and {rehearsals:,} of tuning or search"
        if trials
        else f"{_trials(rehearsals)} of tuning or search"
    )


def _trials(count: int) -> str:
    return f"{count:,} trial{'' if count == 1 else 's'}"


def _words(name: str) -> str:
    return name.replace("_", " ")
