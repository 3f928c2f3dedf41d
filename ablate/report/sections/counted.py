"""The question of a study that only counts, and the answer in a sentence."""

from ablate.measure import metrics_of
from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Heading, Notice, Paragraph

UNMEASURED = "The costs that the study asks for have not been measured; running it again does that."


def counted(results: Results, tables: Tables) -> list[Block]:
    study = results.plan["study"]
    asked = metrics_of("per_variant", study["measure"])
    return [
        Heading(study["name"], level=1),
        *([Notice(UNMEASURED)] if asked and not results.cost_conditions else []),
        *([Paragraph(study["question"])] if study["question"] else []),
        Paragraph(answer_sentence(results, tables)),
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
