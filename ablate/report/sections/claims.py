"""What was published, beside what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablate.analysis.claims import TestedClaim, claim_weights
from ablate.records import TRIAL_METRICS, Results
from ablate.report.contrasting import cells_in
from ablate.report.derive import Tables, factor_columns, study_claims
from ablate.report.document import Block, Bullets, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import show_difference, show_interval
from ablate.schema import InteractionClaim
from ablate.train.check import DECIDED

COLUMNS = (
    Column("claim", "left"),
    Column("metric", "left"),
    Column("published"),
    Column("measured"),
    Column("95 % interval"),
    Column("verdict", "left", "verdict"),
    Column("badges", "left"),
)
CAPTION = "What was published beside what was measured here"
CONDITION_COLUMNS = (
    Column("condition", "left"),
    Column("published under", "left"),
    Column("measured here under", "left"),
    Column("claims", "left"),
)
CONDITIONS_CAPTION = "Conditions that differ: what the published numbers hold for, and what ours do"

RECIPE_FIELDS = (
    *("recipe", "optimizer", "lr", "momentum", "schedule", "decay_factor", "decay_epochs", "decay_images"),
    *("milestones", "patience_epochs", "warmup_epochs", "batch_size", "weight_decay", "label_smoothing", "augment"),
    *("rotation_degrees", "average_decay"),
)

INTERACTION = (
    "An interaction claim says that a difference depends on another choice: its number is the first difference minus "
    "the second, each better minus than, averaged over factors that it does not name, and paired by seed like any "
    "other. It "
    "does not say which side leads at either choice."
)


def claims_section(results: Results, tables: Tables) -> list[Block]:
    claims = study_claims(results)
    if not claims:
        return []
    rows = tuple(_row(row) for row in tables.claims.to_dict("records"))
    statements = tuple(
        f"{claim.id}: {claim.statement} ({claim.source}){_measured_as(results, claim)}" for claim in claims
    )
    return [
        Heading("Claims"),
        Bullets(statements),
        Table(COLUMNS, rows, CAPTION, name="claims").without_empty_columns(),
        Paragraph(_conditions_that_differ(results)),
        *_published_conditions(results, claims),
        *_interactions(claims),
        *_untestable(results),
    ]


def _measured_as(results: Results, claim: TestedClaim) -> str:
    if not isinstance(claim, InteractionClaim):
        return ""
    named = claim.interaction
    lead = f"the lead of {_levels(named.better)} over {_levels(named.than)}"
    told = f"; measured as {lead} at {_levels(named.more_at)}, minus the same at {_levels(named.than_at)}"
    left = claim_weights(cells_in(results.plan), claim, factor_columns(results))
    if len(left) != 2:
        return told
    more, less = sorted(left, key=lambda name: -left[name])
    return f"{told}; both leads are over the same trials, so that this is {more} minus {less}"


def _levels(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {level}" for path, level in named.items())


def _interactions(claims: Sequence[TestedClaim]) -> list[Block]:
    return [Paragraph(INTERACTION)] if any(isinstance(claim, InteractionClaim) for claim in claims) else []


def _row(row: Mapping[Any, Any]) -> tuple[str | Cell, ...]:
    metric = row["metric"]
    return (
        row["id"],
        metric,
        Cell(show_difference(metric, row["published"]), row["published"]),
        Cell(show_difference(metric, row["measured"]), row["measured"]),
        Cell(show_interval(metric, row["ci_low"], row["ci_high"]), row["ci_low"]),
        row["verdict"],
        row["badges"].replace(";", ", "),
    )


def _conditions_that_differ(results: Results) -> str:
    variants = results.plan["variants"]
    data = ", ".join(dict.fromkeys(variant["data"]["name"] for variant in variants))
    steps = "/".join(f"{steps:,}" for steps in sorted({variant["steps"] for variant in variants}))
    return (
        "Both numbers are differences: what the claim calls better minus what it is compared with, for accuracy in "
        "percentage points. The published ones hold for their source's network, data and recipe; the measured ones "
        f"for the networks of this study on {data}, {steps} steps. A verdict says whether the statement holds here, "
        "not whether the source is right."
    )


def _published_conditions(results: Results, claims: Sequence[TestedClaim]) -> list[Block]:
    """One row a condition and wording, with the claims that share it; nothing where no claim states any."""
    stated: dict[tuple[str, str], list[str]] = {}
    for claim in claims:
        under = {} if claim.published_under is None else claim.published_under.model_dump(exclude_none=True)
        for name, words in under.items():
            stated.setdefault((name, words), []).append(claim.id)
    if not stated:
        return []
    ours = own_conditions(results.plan)
    ordered = sorted(stated.items(), key=lambda entry: list(ours).index(entry[0][0]))
    rows = tuple((name.replace("_", " "), words, ours[name], ", ".join(ids)) for (name, words), ids in ordered)
    return [Table(CONDITION_COLUMNS, rows, CONDITIONS_CAPTION, kind="facts")]


def own_conditions(plan: Mapping[str, Any]) -> dict[str, str]:
    """This study's side of what `published_under` names, over all its variants."""
    variants = plan["variants"]
    return {
        "data": _each(_data(variant["data"]) for variant in variants),
        "input_size": _each(str(variant["model"]["input_size"]) for variant in variants if _sized(variant)),
        "recipe": _each(_recipe(variant["train"]) for variant in variants),
        "budget": f"{_each(_budget(variant) for variant in variants)}, {_seeds(variants)}",
    }


def _sized(variant: Mapping[str, Any]) -> bool:
    return "input_size" in variant["model"]


def _data(data: Mapping[str, Any]) -> str:
    return f"{data['name']}, {data['train_images']:,} training and {data['test_images']:,} test images"


def _recipe(train: Mapping[str, Any]) -> str:
    stated = {name: train[name] for name in RECIPE_FIELDS if name in train and train[name] is not None}
    named = {name: value for name, value in stated.items() if name not in DECIDED or _is_read(name, train)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in named.items())


def _is_read(field: str, train: Mapping[str, Any]) -> bool:
    decider, values = DECIDED[field]
    return train[decider] in values


def _budget(variant: Mapping[str, Any]) -> str:
    train, steps = variant["train"], f"{variant['steps']:,} steps"
    stated = "epochs" in train and train["epochs"] is not None
    return f"{train['epochs']} epochs, {steps}" if stated else steps


def _seeds(variants: Sequence[Mapping[str, Any]]) -> str:
    counts = sorted({len(variant["keys"]) for variant in variants})
    return f"{' or '.join(map(str, counts))} runs a variant"


def _each(sentences: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(sentences))


def _untestable(results: Results) -> list[Block]:
    unpaired = [claim for claim in study_claims(results) if claim.metric and claim.metric not in TRIAL_METRICS]
    if not unpaired:
        return []
    names = ", ".join(f"{claim.id} ({claim.metric})" for claim in unpaired)
    return [Paragraph(f"Not tested, since the metric has no value a seed: {names}.")]
