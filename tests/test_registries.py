"""Every table: what it names exists and does what its entry promises."""

import inspect
import re
from dataclasses import fields as dataclass_fields
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from ablate import pages, report
from ablate.data import DATASETS
from ablate.executors import EXECUTORS
from ablate.lookup import load_dotted
from ablate.measure import ALWAYS, DIRECTIONS, METRICS, cost_metrics, metrics_of
from ablate.measure.evaluation import Evaluation
from ablate.measure.modes import MODES
from ablate.models import FIELDS, PRESETS
from ablate.models.activations import ACTIVATIONS
from ablate.models.builders import SIMPLE
from ablate.models.counts import Counts, count
from ablate.models.downsample import DOWNSAMPLES, Site
from ablate.models.external import AUXILIARY_WEIGHTS, ELSEWHERE, check_name
from ablate.models.quantities import QUANTITIES
from ablate.models.reading import CONDITIONS
from ablate.models.resolve import PACKAGES, WITH_AUX_HEADS
from ablate.models.spec import CHOICES, YOUNGER_FIELDS, ModelSpec
from ablate.records import TRIAL_METRICS
from ablate.report.badges import BADGES, NO_FAULTS
from ablate.report.numbers import quantity
from ablate.schema import (
    ARGUMENT_TYPES,
    FIELD_PATHS,
    OBJECTIVES,
    SECTIONS,
    DataConfig,
    Mode,
    ModelConfig,
    SearchConfig,
    TrainConfig,
    searched_values,
    value_of,
)
from ablate.schema.choices import Activation, AuxHeads
from ablate.schema.columns import RESERVED_COLUMNS, RESERVED_PREFIXES
from ablate.study.reading.sections import COMMON_DATA_FIELDS
from ablate.train.optimizers import OPTIMIZERS
from ablate.train.recipes import RECIPES
from ablate.train.schedules import DECAYS, SCHEDULES


def choices_of(section: Any, field: str) -> set[str]:
    """The names that the study file allows for `field`."""
    schema = section.model_json_schema()["properties"][field]
    options = schema.get("anyOf", [schema])
    return {name for option in options for name in option.get("enum", [])}


@pytest.mark.parametrize("name", PRESETS)
class TestPresets:
    def test_it_is_named_by_its_own_spec_and_described(self, name: str) -> None:
        assert PRESETS[name].defaults.preset == name
        assert PRESETS[name].summary

    def test_the_parameters_that_its_summary_states_are_its_own(self, name: str) -> None:
        assert f"{count(PRESETS[name].defaults).params:,} parameters" in PRESETS[name].summary


@pytest.mark.parametrize("name", DOWNSAMPLES)
@pytest.mark.parametrize("side", [1, 7, 8])
def test_every_operator_halves_upwards_and_keeps_channels(name: str, side: int) -> None:
    entry = DOWNSAMPLES[name]
    images = torch.zeros(2, 4, side, side)
    out = entry.operator(Site(channels=4, kernel=3, activation="relu")).eval()(images)
    expected = side if entry.carrier == "last_depthwise" else -(-side // 2)
    assert out.shape == (2, 4, expected, expected)


def test_the_tables_of_networks_are_what_a_study_may_name() -> None:
    assert set(DOWNSAMPLES) == set(CHOICES["downsample"]) == choices_of(ModelConfig, "downsample")
    assert set(ACTIVATIONS) == set(CHOICES["activation"]) == choices_of(ModelConfig, "activation")
    for field, names in CHOICES.items():
        assert set(names) == choices_of(ModelConfig, field), field
    assert set(get_args(AuxHeads)) == choices_of(ModelConfig, "aux_heads")
    assert {*FIELDS, "preset", "aux_heads"} == set(ModelConfig.model_fields)


def test_conditions_are_about_fields() -> None:
    assert set(CONDITIONS) <= set(FIELDS)


def test_younger_fields_are_left_out_at_the_value_that_networks_had_before() -> None:
    defaults = {field.name: field.default for field in dataclass_fields(ModelSpec)}
    assert {name: defaults[name] for name in YOUNGER_FIELDS} == YOUNGER_FIELDS


def test_networks_with_auxiliary_heads_have_a_weight_for_them() -> None:
    assert set(AUXILIARY_WEIGHTS) == set(WITH_AUX_HEADS)
    assert all(0 < weight < 1 for weight in AUXILIARY_WEIGHTS.values())


def test_packages_are_named_with_a_network_of_theirs_that_exists() -> None:
    for name, meaning in PACKAGES.items():
        package = name.partition("/")[0]
        listed = meaning.partition(": ")[2].removesuffix(", ...").split(", ")
        assert listed
        for network in listed:
            check_name(f"{package}/{network}")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_named_instead_of_a_missing_network_exists(name: str) -> None:
    named = re.findall(r"(?:torchvision|timm)/\w+", ELSEWHERE[name])
    for preset in named:
        check_name(preset)
    assert named or set(ELSEWHERE[name].split()) & set(PRESETS)


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_is_counted_by_a_function_of_a_subject_and_a_path(name: str) -> None:
    assert list(inspect.signature(load_dotted(QUANTITIES[name].function)).parameters) == ["subject", "path"]
    assert QUANTITIES[name].meaning


def test_every_kind_of_argument_can_be_checked() -> None:
    assert {*SIMPLE.values(), "any"} == set(ARGUMENT_TYPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_sets_fields_that_exist_and_says_where_it_stands(name: str) -> None:
    recipe = RECIPES[name]
    assert set(recipe.sets) <= set(FIELD_PATHS)
    assert recipe.summary
    assert recipe.source
    assert recipe.departures


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_a_module_that_keeps_shape(name: Activation) -> None:
    assert ACTIVATIONS[name]()(torch.zeros(2, 3)).shape == (2, 3)


def test_the_tables_of_training_are_what_a_study_may_name() -> None:
    assert set(OPTIMIZERS) == choices_of(TrainConfig, "optimizer")
    assert {*SCHEDULES, *DECAYS} == choices_of(TrainConfig, "schedule")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_a_step_that_lowers_a_bowl(name: str) -> None:
    weight = nn.Parameter(torch.ones(3))
    recipe = TrainConfig(steps=1, lr=0.1, weight_decay=0.0)
    optimizer = OPTIMIZERS[name]([{"params": [weight], "weight_decay": 0.0}], recipe)
    weight.square().sum().backward()
    optimizer.step()
    assert bool((weight.abs() < 1).all())


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_stays_within_its_peak(name: str) -> None:
    factors = [SCHEDULES[name](progress / 100) for progress in range(101)]
    assert max(factors) == pytest.approx(1.0)
    assert min(factors) >= 0


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_resolves(name: str) -> None:
    entry = DATASETS[name]
    assert set(inspect.signature(load_dotted(entry.load)).parameters) >= {"name"} or callable(load_dotted(entry.load))
    assert len(inspect.signature(load_dotted(entry.load)).parameters) == 2
    assert entry.fetch is None or len(inspect.signature(load_dotted(entry.fetch)).parameters) == 1
    assert set(entry.fields).isdisjoint(COMMON_DATA_FIELDS)
    assert set(entry.fields) | set(COMMON_DATA_FIELDS) <= set(DataConfig.model_fields)


def test_every_field_of_the_data_belongs_to_some_set() -> None:
    taken = {field for entry in DATASETS.values() for field in entry.fields}
    assert taken | set(COMMON_DATA_FIELDS) == set(DataConfig.model_fields)


class TestMetrics:
    EVALUATION = Evaluation(np.array([0.5, 1.5]), np.array([True, False]))

    @pytest.mark.parametrize("name", metrics_of("per_trial", list(METRICS)))
    def test_a_metric_of_a_trial_yields_its_columns(self, name: str) -> None:
        measured = dict(load_dotted(f"{METRICS[name].module}:measure")(self.EVALUATION))
        assert tuple(measured) == METRICS[name].columns
        assert set(measured) <= set(TRIAL_METRICS)

    @pytest.mark.parametrize("name", metrics_of("exact", list(METRICS)))
    def test_an_exact_metric_yields_its_columns(self, name: str) -> None:
        measured = dict(load_dotted(f"{METRICS[name].module}:measure")(Counts(params=3, macs=5)))
        assert measured == {METRICS[name].columns[0]: {"params": 3, "macs": 5}[name]}

    @pytest.mark.parametrize("name", cost_metrics(list(METRICS)))
    def test_a_cost_can_be_sampled_and_condensed(self, name: str) -> None:
        takes = {"series": ["setting"], "sample": ["subject", "taken"], "measure": ["taken", "samples"]}
        for function, parameters in takes.items():
            found = load_dotted(f"{METRICS[name].sampler}:{function}")
            assert list(inspect.signature(found).parameters) == parameters

    def test_every_mode_that_a_study_may_name_can_be_run(self) -> None:
        assert set(MODES) == set(get_args(Mode))

    def test_every_column_has_a_direction_and_cannot_name_a_factor(self) -> None:
        columns = {column for metric in METRICS.values() for column in metric.columns}
        assert set(DIRECTIONS) == columns | set(ALWAYS)
        assert {column for column in columns if not column.startswith(RESERVED_PREFIXES)} <= RESERVED_COLUMNS
        assert set(TRIAL_METRICS) <= RESERVED_COLUMNS

    def test_every_kind_is_there_and_every_unit_is_stated(self) -> None:
        assert {metric.kind for metric in METRICS.values()} == {"per_trial", "per_variant", "exact"}
        assert all(metric.unit for metric in METRICS.values())


class TestObjectives:
    def test_they_are_those_that_a_study_may_name(self) -> None:
        schema = SearchConfig.model_json_schema()["properties"]["objectives"]["items"]
        assert schema["enum"] == list(OBJECTIVES)

    @pytest.mark.parametrize("name", OBJECTIVES)
    def test_each_is_a_metric_with_its_direction_and_a_column_of_its_own(self, name: str) -> None:
        objective = OBJECTIVES[name]
        assert objective.direction == METRICS[name].direction
        assert objective.column == value_of(name)
        assert objective.column in RESERVED_COLUMNS
        kinds = {"scored": "per_trial", "counted": "exact", "timed": "per_variant"}
        assert kinds[objective.source] == METRICS[name].kind
        if objective.source == "counted":
            assert objective.header == quantity(name).header

    def test_a_record_holds_the_values_of_those_that_are_not_counted(self) -> None:
        metrics = {**dict.fromkeys(TRIAL_METRICS, 1.0), "accuracy": 0.7, "test_loss": None}
        assert searched_values(metrics, None) == {"accuracy": 0.7, "test_loss": None}
        timed = {"latency_ms": 3.0, "baseline_latency_ms": 2.0}
        assert searched_values(metrics, timed) == {"accuracy": 0.7, "test_loss": None, "latency_ratio": 1.5}


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_gives_workers(name: str) -> None:
    executor = load_dotted(EXECUTORS[name])
    assert list(inspect.signature(executor).parameters) == ["address"]
    assert list(inspect.signature(executor.worker).parameters)[1:] == ["execution"]
    assert list(inspect.signature(executor.slots).parameters)[1:] == ["execution"]


class TestReport:
    def test_every_section_and_format_is_named_and_takes_what_it_is_given(self) -> None:
        assert all(len(inspect.signature(section).parameters) == 2 for section in report.SECTIONS.values())
        assert all(render([]) == render(()) for render in report.FORMATS.values())

    def test_every_badge_has_a_meaning(self) -> None:
        assert all(BADGES.values())
        assert set(NO_FAULTS) < set(BADGES)


def test_sections_of_a_study_are_those_of_its_fields() -> None:
    assert set(SECTIONS) == {"model", "data", "train"}
    assert len(set(FIELD_PATHS)) == len(FIELD_PATHS)


@pytest.mark.parametrize("kind", pages.LISTINGS)
def test_every_listing_has_rows_with_a_meaning(kind: str) -> None:
    rows = pages.LISTINGS[kind]()
    assert all(name and meaning for name, meaning in rows)
    assert rows or kind == "studies"
