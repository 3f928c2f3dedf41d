"""How the verdicts on printed numbers come about, in plain words."""

from ablate.analysis.counting import counts_of
from ablate.models.quantities import QUANTITIES
from ablate.records import Results
from ablate.report.counting import count_claims
from ablate.report.derive import Tables
from ablate.report.document import Block, Bullets, Column, Heading, Paragraph, Table

VERDICTS = (
    "A printed number may have several meanings: it may be about one network or another, at one input size or another, "
    "or it may repeat what a further source prints. Every meaning that a claim states is counted, or cited.",
    "It matches when all of them agree with the printed number within its tolerance, differs when none does, and is "
    "ambiguous when some do. A meaning that has no number has no say.",
    "Tolerances come from the digits that are printed, half of the last one unless the claim's reason says otherwise; "
    "numbers that are printed to the last digit have none. Per cents are deviations of what is counted from what is "
    "printed.",
    "Nothing was trained. A verdict is about the printed number alone, not about the network.",
)


def counting_method(results: Results, tables: Tables) -> list[Block]:
    counts = [each for claim in count_claims(results.plan) for each in counts_of(claim)]
    asked = {each.quantity.partition(":")[0] for each in counts if each.quantity is not None}
    rows = tuple((name, entry.meaning) for name, entry in QUANTITIES.items() if name in asked)
    named: list[Block] = [
        Paragraph("What was counted:"),
        Table((Column("quantity", "left"), Column("meaning", "left")), rows, "What each quantity means", kind="facts"),
    ]
    return [Heading("Method"), Bullets(VERDICTS), *(named if rows else [])]
