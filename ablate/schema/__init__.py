"""Files as types. The study file: every key that exists, what it holds, its default and its unit.

Strict: an unknown key, text where a number stands or a yes/no where a whole number stands is a mistake. A whole number
is fine where a number is asked for. Names of presets, data sets and metrics are plain text here, since their tables
belong to other packages; `ablate.study.reading.load` checks them.

section     what all parts have in common
choices     the names that fields of a network choose among
network     model:
training    data: and train:
claims      claims:
matching    match: and budget:
tuning      tune: and search:
objectives  what a search goes by
study       the whole file
mistakes    what is wrong, in words

What results folders hold is checked by types of the same kind:

record    a record
plan      plan.json
planned   its factors and variants
settled   what it holds of matching, tuning and search
stored    the smaller files
columns   which columns of the tables are taken
"""

from ablate.schema.claims import (
    Count,
    CountClaim,
    DifferenceClaim,
    Interaction,
    InteractionClaim,
    PublishedClaim,
    PublishedUnder,
    Reading,
    claim_from_json,
)
from ablate.schema.matching import AS_STATED, MATCH, UNMATCHED, BudgetConfig, MatchConfig
from ablate.schema.network import BuilderConfig, ModelConfig
from ablate.schema.objectives import OBJECTIVES, Objective, searched_values, value_of
from ablate.schema.section import ARGUMENT_TYPES, KeyPath, Section, SectionError, argument_section, keys_at, validated
from ablate.schema.study import (
    FIELD_PATHS,
    SECTIONS,
    CostConfig,
    Mode,
    SeedBlocks,
    StudyFile,
    fields_under,
    json_schema,
)
from ablate.schema.training import DataConfig, TrainConfig
from ablate.schema.tuning import (
    FIRST_REHEARSAL_SEED,
    SEARCHABLE,
    TUNABLE,
    WHOLE,
    Constraint,
    Range,
    SearchConfig,
    TuneConfig,
    constraint_of,
)

__all__ = [
    "ARGUMENT_TYPES",
    "AS_STATED",
    "FIELD_PATHS",
    "FIRST_REHEARSAL_SEED",
    "MATCH",
    "OBJECTIVES",
    "SEARCHABLE",
    "SECTIONS",
    "TUNABLE",
    "UNMATCHED",
    "WHOLE",
    "BudgetConfig",
    "BuilderConfig",
    "Constraint",
    "CostConfig",
    "Count",
    "CountClaim",
    "DataConfig",
    "DifferenceClaim",
    "Interaction",
    "InteractionClaim",
    "KeyPath",
    "MatchConfig",
    "Mode",
    "ModelConfig",
    "Objective",
    "PublishedClaim",
    "PublishedUnder",
    "Range",
    "Reading",
    "SearchConfig",
    "Section",
    "SectionError",
    "SeedBlocks",
    "StudyFile",
    "TrainConfig",
    "TuneConfig",
    "argument_section",
    "claim_from_json",
    "constraint_of",
    "fields_under",
    "json_schema",
    "keys_at",
    "searched_values",
    "validated",
    "value_of",
]
