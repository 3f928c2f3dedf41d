"""The tables that follow from a results folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis import conclude, summarise
from ablate.analysis.claims import TestedClaim, claim_weights
from ablate.analysis.conclusions import CLAIM_COLUMNS, CONTRAST_COLUMNS
from ablate.analysis.factorial import Contrast
from ablate.analysis.images import CorrectBits
from ablate.analysis.verdicts import MISSING_SEEDS, join_badges
from ablate.errors import ResultsError
from ablate.lookup import suggestion
from ablate.measure import METRICS
from ablate.records import ENDED, TRIAL_METRICS, Results, levels_of
from ablate.report.badges import STEPS, TUNED_AT_EDGE, merge_badges, trial_badges
from ablate.report.budgets import budgets, tuned_at_edge
from ablate.report.contrasting import baseline_contrasts, cells_in, cost_baselines
from ablate.report.costing import EXACT, cost_badges, costs_of, costs_table, exact_costs, measured_columns
from ablate.report.counting import count_tables
from ablate.schema import CountClaim, DifferenceClaim, claim_from_json

# Shown beside the primary metric, without a verdict.
DESCRIBED = ("accuracy", "test_loss")


# The tables that become files: trials.csv, and so on.
FILES = ("trials", "variants", "contrasts", "costs", "claims", "curves")


@dataclass(frozen=True)
class Tables:
    """What follows from a results folder, set against the variant `baseline`.

    `planned` is as from `planned_trials`; `tested` is what `contrasts` has on the primary metric. The rest are FILES.

    `variants`, `contrasts`, `costs` and `claims` end in `badges`: names joined by `;`, empty when nothing weakens the
    row. `contrasts` holds the primary metric with verdicts, then other per-trial metrics and the exact ones without.
    """

    baseline: str
    planned: pd.DataFrame
    tested: tuple[Contrast, ...]
    trials: pd.DataFrame
    variants: pd.DataFrame
    contrasts: pd.DataFrame
    costs: pd.DataFrame
    claims: pd.DataFrame
    curves: pd.DataFrame


def tables(results: Results, baseline: str | None = None) -> Tables:
    """Everything that can be derived from `results`; `baseline` names another variant than the study's own.

    Raises `UnknownName` for an unknown variant and `ResultsError` where a baseline has no use, a metric is unknown or
    the primary one is not one that trials have.
    """
    _check_metrics(results)
    if results.plan["study"]["design"] == "count":
        return Tables(results.plan["baseline"], pd.DataFrame(), (), **count_tables(results, baseline))
    primary = results.plan["study"]["primary"]
    if primary not in TRIAL_METRICS:
        raise ResultsError(f"primary metric {primary!r} has no value a trial; choices: {', '.join(TRIAL_METRICS)}")
    planned = planned_trials(results)
    tested = baseline_contrasts(results.plan, baseline)
    contrasts, claims = _conclusions(results, planned, tested, primary)
    return Tables(
        baseline=baseline or results.plan["baseline"],
        planned=planned,
        tested=tuple(tested),
        trials=results.trials,
        variants=_variants(results, planned, primary, baseline),
        contrasts=contrasts,
        costs=costs_table(costs_of(results), cost_baselines(results.plan, baseline)),
        claims=claims,
        curves=results.curves,
    )


def _check_metrics(results: Results) -> None:
    for name in results.plan["study"]["measure"]:
        if name not in METRICS:
            raise ResultsError(f"{results.folder / 'plan.json'}: unknown metric {name!r}; {suggestion(name, METRICS)}")


def planned_trials(results: Results) -> pd.DataFrame:
    """One row a planned trial: `variant`, `seed`, factor columns, metrics, `state`, `environment`, STEPS.

    A trial that has not finished has a row without values, so that what is missing is seen to be missing.
    """
    planned = pd.DataFrame(
        [
            {"variant": variant["variant"], "seed": int(seed), STEPS: variant["steps"]}
            | levels_of(results.plan, variant)
            for variant in results.plan["variants"]
            for seed in sorted(variant["keys"], key=int)
        ]
    )
    measured = results.trials.set_index(["variant", "seed"])[[*TRIAL_METRICS, "state", "environment"]]
    found = measured.reindex(pd.MultiIndex.from_frame(planned[["variant", "seed"]]))
    return planned.assign(**{column: found[column].to_numpy() for column in found.columns})


def correct_bits(results: Results) -> CorrectBits:
    """Of every finished trial, variant and seed, one bit a test image."""
    known = results.trials[results.trials["key"].isin(results.correct)]
    trials = zip(known["variant"], known["seed"], known["key"], strict=True)
    return {(variant, seed): results.correct[key] for variant, seed, key in trials}


def study_claims(results: Results) -> list[TestedClaim]:
    """The claims about what training gives, their levels by name; a level that no variant has raises `ResultsError`.

    Of a search it is the front that decides which levels have variants: a claim on another one is not tested.
    """
    stored = [claim_from_json(claim) for claim in results.plan["study"]["claims"]]
    claims = [claim for claim in stored if not isinstance(claim, CountClaim)]
    if results.plan["study"]["design"] == "search":
        return claims
    for claim in claims:
        for path, level in _named_levels(claim):
            names = {str(variant["levels"][path]) for variant in results.plan["variants"]}
            if str(level) not in names:
                raise ResultsError(
                    f"{results.folder / 'plan.json'}: claim {claim.id!r} names the level {level!r} of {path}; "
                    f"{suggestion(str(level), names)}"
                )
    return claims


def factor_columns(results: Results) -> dict[str, str]:
    """Factor path -> the column that holds its levels."""
    return {factor["path"]: factor["column"] for factor in results.plan["factors"]}


def _named_levels(claim: TestedClaim) -> list[tuple[str, Any]]:
    if isinstance(claim, DifferenceClaim):
        return [*claim.better.items(), *claim.than.items()]
    named = claim.interaction
    return [pair for side in (named.better, named.than, named.more_at, named.than_at) for pair in side.items()]


def _conclusions(
    results: Results, planned: pd.DataFrame, tested: Sequence[Contrast], primary: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    claims = study_claims(results)
    paired = [claim for claim in claims if (claim.metric or primary) in TRIAL_METRICS]
    margins = results.plan["study"]["margin"]
    concluded = conclude(
        planned,
        tested,
        [primary],
        {primary: margins[primary]} if primary in margins else None,
        claims=paired,
        factor_columns=factor_columns(results),
        cells=cells_in(results.plan),
        correct=correct_bits(results),
    )
    described = [metric for metric in DESCRIBED if metric != primary and planned[metric].notna().any()]
    parts = [
        _with_trial_badges(concluded.contrasts, tested, results, planned),
        *(
            _with_trial_badges(_described(results, planned, tested, metric), tested, results, planned)
            for metric in described
        ),
        *(_exact(results.plan, tested, metric) for metric in EXACT),
    ]
    contrasts = _stack([part for part in parts if len(part)])
    return contrasts, _claims(results, planned, claims, concluded.claims)


def _described(results: Results, planned: pd.DataFrame, tested: Sequence[Contrast], metric: str) -> pd.DataFrame:
    rows = conclude(planned, tested, [metric], correct=correct_bits(results)).contrasts
    badges = [MISSING_SEEDS if MISSING_SEEDS in cell.split(";") else "" for cell in rows["badges"]]
    verdicts = pd.Series([None] * len(rows), dtype=object, index=rows.index)
    return rows.assign(p_value=np.nan, p_sign_flip=np.nan, p_adjusted=np.nan, verdict=verdicts, badges=badges)


def _exact(plan: dict[str, Any], tested: Sequence[Contrast], metric: str) -> pd.DataFrame:
    value = {variant["variant"]: variant[metric] for variant in plan["variants"]}
    rows = [
        {
            "variant": each.variant,
            "baseline": each.baseline,
            "metric": metric,
            "difference": float(sum(weight * value[variant] for variant, weight in each.weights.items())),
        }
        for each in tested
    ]
    return pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS)).assign(badges="")


def _stack(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    rows = [row for part in parts for row in part.to_dict("records")]
    frame = pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))
    numbers = dict.fromkeys(CONTRAST_COLUMNS[4:-2], "float64")
    verdicts = [row["verdict"] if isinstance(row["verdict"], str) else None for row in rows]
    return frame.astype({"n": "Int64", **numbers}).assign(verdict=pd.Series(verdicts, dtype=object, index=frame.index))


def _with_trial_badges(
    rows: pd.DataFrame, tested: Sequence[Contrast], results: Results, planned: pd.DataFrame
) -> pd.DataFrame:
    badges = [
        merge_badges(cell, _badges(results, planned, list(each.weights)))
        for each, cell in zip(tested, rows["badges"], strict=True)
    ]
    return rows.assign(badges=badges)


def _claims(
    results: Results, planned: pd.DataFrame, claims: Sequence[TestedClaim], judged: pd.DataFrame
) -> pd.DataFrame:
    """The judged claims, and those about a metric that has no value a seed, in the study's order."""
    verdicts = {row["id"]: row for row in judged.to_dict("records")}
    rows = [verdicts[claim.id] if claim.id in verdicts else _untested(claim) for claim in claims]
    frame = pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))
    cells = cells_in(results.plan)
    arms = [list(claim_weights(cells, claim, factor_columns(results))) for claim in claims]
    badges = [
        merge_badges(row["badges"], _badges(results, planned, variants))
        for row, variants in zip(rows, arms, strict=True)
    ]
    numbers = dict.fromkeys(("published", "measured", "ci_low", "ci_high"), "float64")
    return frame.astype(numbers).assign(badges=badges)


def _untested(claim: TestedClaim) -> dict[str, Any]:
    known = {"id": claim.id, "source": claim.source, "metric": claim.metric, "published": claim.published_difference}
    return {**known, "measured": np.nan, "ci_low": np.nan, "ci_high": np.nan, "verdict": "not tested", "badges": ""}


def _variants(results: Results, planned: pd.DataFrame, primary: str, baseline: str | None) -> pd.DataFrame:
    plan = results.plan
    own = pd.DataFrame([{"variant": variant["variant"]} | levels_of(plan, variant) for variant in plan["variants"]])
    accuracy = summarise(planned).drop(columns="variant")
    given = budgets(plan, cost_baselines(plan, baseline))
    parts = [own, accuracy, exact_costs(plan), given, measured_columns(results)]
    if primary != "accuracy":
        parts.append(summarise(planned, [primary]).drop(columns=["variant", "n"]))
    of_costs = cost_badges(costs_of(results))
    badges = [merge_badges(_variant_badges(results, planned, name), of_costs[name]) for name in own["variant"]]
    return pd.concat(parts, axis="columns").assign(badges=badges)


def _variant_badges(results: Results, planned: pd.DataFrame, variant: str) -> str:
    trials = planned[planned["variant"] == variant]
    unfinished = ~trials["state"].isin(ENDED).all()
    at_edge = variant in tuned_at_edge(results.plan)
    own = join_badges(name for name, applies in ((MISSING_SEEDS, unfinished), (TUNED_AT_EDGE, at_edge)) if applies)
    return merge_badges(own, trial_badges(trials, results.environments))


def _badges(results: Results, planned: pd.DataFrame, variants: Sequence[str]) -> str:
    return trial_badges(planned[planned["variant"].isin(variants)], results.environments)
