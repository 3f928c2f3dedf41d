"""What was published, beside what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.analysis.claims import TestedClaim
from ablate.records import TRIAL_METRICS, Results
from ablate.report.derive import Tables, study_claims
from ablate.report.document import Block, Bullets, Column, Heading, Paragraph, Table
from ablate.report.numbers import show_difference, show_interval
from ablate.schema import InteractionClaim

COLUMNS = (
    Column("claim", "left"),
    Column("metric", "left"),
    Column("published"),
    Column("measured"),
    Column("95 % interval"),
    Column("verdict", "left"),
    Column("badges", "left"),
)

INTERACTION = (
    "An interaction claim says that a difference depends on another choice: its number is the first difference minus "
    "the second, each better minus than, averaged over the remaining factors and paired by seed like any other. It "
    "does not say which side leads at either choice."
)


def claims_section(results: Results, tables: Tables) -> list[Block]:
    claims = study_claims(results)
    if not claims:
        return []
    rows = tuple(_row(row) for row in tables.claims.to_dict("records"))
    statements = tuple(f"{claim.id}: {claim.statement} ({claim.source}){_measured_as(claim)}" for claim in claims)
    return [
        Heading("Claims"),
        Bullets(statements),
        Table(COLUMNS, rows),
        Paragraph(_conditions_that_differ(results)),
        *_interactions(claims),
        *_untestable(results),
    ]


def _measured_as(claim: TestedClaim) -> str:
    if not isinstance(claim, InteractionClaim):
        return ""
    named = claim.interaction
    lead = f"the lead of {_levels(named.better)} over {_levels(named.than)}"
    return f"; measured as {lead} at {_levels(named.more_at)}, minus the same at {_levels(named.than_at)}"


def _levels(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {level}" for path, level in named.items())


def _interactions(claims: Sequence[TestedClaim]) -> list[Block]:
    return [Paragraph(INTERACTION)] if any(isinstance(claim, InteractionClaim) for claim in claims) else []


def _row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    metric = row["metric"]
    return (
        row["id"],
        metric,
        show_difference(metric, row["published"]),
        show_difference(metric, row["measured"]),
        show_interval(metric, row["ci_low"], row["ci_high"]),
        row["verdict"],
        row["badges"].replace(";", ", "),
    )


def _conditions_that_differ(results: Results) -> str:
    variants = results.plan["variants"]
    data = ", ".join(dict.fromkeys(variant["data"]["name"] for variant in variants))
    steps = "/".join(f"{steps:,}" for steps in sorted({variant["steps"] for variant in variants}))
    return (
        "Both numbers are better minus than, for accuracy in percentage points. The published ones hold for their "
        f"source's network, data and recipe; the measured ones for the networks of this study on {data}, {steps} "
        "steps. A verdict says whether the statement holds here, not whether the source is right."
    )


def _untestable(results: Results) -> list[Block]:
    unpaired = [claim for claim in study_claims(results) if claim.metric and claim.metric not in TRIAL_METRICS]
    if not unpaired:
        return []
    names = ", ".join(f"{claim.id} ({claim.metric})" for claim in unpaired)
    return [Paragraph(f"Not tested, since the metric has no value a seed: {names}.")]
