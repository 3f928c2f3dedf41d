"""From a study to its plan: every variant resolved and counted, every trial keyed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ablate.data import DATASETS
from ablate.environment import has_bf16_cpu
from ablate.lookup import load_dotted
from ablate.records import digest, stored_plan
from ablate.schema import DataConfig, SeedBlocks
from ablate.study.planning.budget import budgeted
from ablate.study.planning.devices import Whereabouts, settle_devices
from ablate.study.planning.match import match
from ablate.study.planning.plan import Plan, Planned, study_json
from ablate.study.planning.rehearsed import check_rehearsals
from ablate.study.planning.searched import searched
from ablate.study.planning.stated import finished_trials, statements_of, with_statement
from ablate.study.planning.surveys import survey_variants
from ablate.study.planning.tuned import settled, tuned_before
from ablate.study.planning.variants import Variant, baseline_of, variants_of
from ablate.study.reading.load import Study
from ablate.study.reading.probe import release


def plan_study(study: Study, folder: Path, device: str, whereabouts: Whereabouts = "here") -> Plan:
    """Resolve, count and key every trial of `study`.

    What an earlier run in `folder` settled (precision, counts, blocks of seeds) is read back, so that a finished study
    needs no torch, and `device`, as `settle_devices` takes it, is not looked at. Raises `StudyError`, `ModelError` or
    `DataError` for a variant that cannot be.
    """
    while True:
        stored = stored_plan(folder)
        plan = _planned(study, folder, stored or {"variants": []}, device, whereabouts)
        # Counting takes seconds, in which another run may have tuned, found or added what is read back.
        if stored_plan(folder) == stored:
            return plan


def _planned(study: Study, folder: Path, stored: Mapping[str, Any], device: str, whereabouts: Whereabouts) -> Plan:
    """The plan of `study` after `stored`, an earlier one of it."""
    study, found = searched(study, stored.get("searched"))
    precision = stored.get("precision") or _precision(settle_devices(device, whereabouts)[0])
    stated = [_with_precision(variant, precision) for variant in variants_of(study)]
    variants, matched = match(study, stated, stored.get("matched"))
    surveys = survey_variants(study, variants, stored["variants"])
    release()
    macs = {variant.name: int(survey["macs"]) for variant, survey in zip(variants, surveys, strict=True)}
    variants = budgeted(study, variants, macs)
    trained_on = dict.fromkeys(each.data for each in variants if each.train is not None and each.data is not None)
    digests = {data: DATASETS[data.name].digest(data) for data in trained_on}
    variants = settled(study, variants, digests, tuned_before(stored["variants"]))
    check_rehearsals(study, variants, study.config.search is not None and found is None)
    planned = tuple(
        Planned(variant, survey, _digest_of(variant, digests), {}).with_seeds(_seeds(study, stored))
        for variant, survey in zip(variants, surveys, strict=True)
    )
    plan = Plan(study, baseline_of(study), precision, planned, _labelled(digests), (), matched, found)
    stated_now = with_statement(
        statements_of(stored), study_json(study), lambda: finished_trials(folder, plan.trials.keys())
    )
    return replace(plan, stated=stated_now)


def counted(plan: Plan, variant: Variant) -> dict[str, int]:
    """Parameters and multiply-adds of a variant of the study of `plan`; raises `StudyError` where it cannot be."""
    (survey,) = survey_variants(plan.study, [variant], [])
    return {name: int(survey[name]) for name in ("params", "macs")}


def prepared(plan: Plan, variant: Variant, counts: Mapping[str, int]) -> Variant:
    """A variant of the study of `plan` as it trains, with the precision and the length that are settled.

    Raises `StudyError` for a schedule that does not stretch.
    """
    variant = _with_precision(variant, plan.precision)
    baseline = next(planned for planned in plan.variants if planned.variant.name == plan.baseline)
    macs = {baseline.variant.name: baseline.macs, variant.name: counts["macs"]}
    return budgeted(plan.study, [baseline.variant, variant], macs)[1]


def _precision(device: str) -> Literal["fp32", "bf16"]:
    """What `precision: auto` means on `device`, decided once a study: bf16 where the hardware multiplies it itself."""
    supported = has_bf16_cpu() if device == "cpu" else load_dotted("torch.cuda:is_bf16_supported")()
    return "bf16" if supported else "fp32"


def _with_precision(variant: Variant, precision: str) -> Variant:
    if variant.train is None or variant.train.precision != "auto":
        return variant
    return replace(variant, train=variant.train.model_copy(update={"precision": precision}))


def _digest_of(variant: Variant, digests: Mapping[DataConfig, str]) -> str | None:
    return None if variant.train is None or variant.data is None else digests[variant.data]


def _labelled(digests: Mapping[DataConfig, str]) -> dict[str, str]:
    """The digests by the names of their sets; of several sets of one name each has its settings' digest beside it."""
    names = [data.name for data in digests]
    settings = {data: digest(data.model_dump(mode="json", exclude={"root"}))[:8] for data in digests}
    labels = {data: data.name if names.count(data.name) == 1 else f"{data.name} {settings[data]}" for data in digests}
    return {labels[data]: found for data, found in digests.items()}


def _seeds(study: Study, stored: Mapping[str, Any]) -> Sequence[int]:
    """The seeds to begin with: of blocks the first, and whatever was planned before, since that is never taken back."""
    first = study.config.seed_list
    if not isinstance(study.config.seeds, SeedBlocks):
        return first
    planned = sorted({int(seed) for variant in stored["variants"] for seed in variant["keys"]})
    counted = planned == list(range(len(planned)))
    return range(max(len(first), len(planned))) if counted else first
