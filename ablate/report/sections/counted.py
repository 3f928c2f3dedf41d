"""The question of a study that only counts, and the answer in a sentence."""

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Heading, Paragraph
from ablate.report.sections.costs import unmeasured


def counted(results: Results, tables: Tables) -> list[Block]:
    study = results.plan["study"]
    return [
        Heading(study["name"], level=1),
        *unmeasured(results),
        *([Paragraph(study["question"], "question")] if study["question"] else []),
        Paragraph(answer_sentence(results, tables), "answer"),
    ]


def answer_sentence(results: Results, tables: Tables) -> str:
    """How many systems were counted, and how many printed numbers met which verdict."""
    systems = len(results.plan["variants"])
    times = tables.claims["verdict"].value_counts()
    if times.empty:
        return f"{systems} systems were counted; no printed number was stated to compare them with."
    told = {
        "matches": "match what is counted here",
        "differs": "differ",
        "ambiguous": "are ambiguous, since they agree with one meaning and not with another",
        "not tested": "have nothing to be compared with",
    }
    parts = [f"{times[verdict]} {words}" for verdict, words in told.items() if verdict in times]
    return f"{systems} systems were counted. Of {times.sum()} printed numbers {', '.join(parts)}."
