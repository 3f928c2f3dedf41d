"""The results folder: what is written into it, how, and how it is read back as tables. Free of torch.

plan.json, costs.json, environment.json, records/ and failures/ are the truth; everything else is derived from them.
Nothing in it is trusted: what is read is checked in full, and what is wrong with it is said in one sentence.

places  where things lie
record  the record of one finished trial
stored  the plan and the smaller files
tables  all of it as tables

How files are written and JSON is read stands in ablate/files.py, what each may hold in ablate/schema/.
"""

from typing import TYPE_CHECKING

from ablate.files import canonical, clear_partials, digest, read_json, write_bytes, write_json
from ablate.lookup import on_first_use
from ablate.records.places import checkpoint_path, failure_path, finished_keys, log_path, record_path, set_aside
from ablate.records.record import (
    PackedBits,
    Record,
    load_record,
    pack_bits,
    record_as_json,
    record_from_json,
    save_record,
    unpack_bits,
)
from ablate.records.stored import (
    last_cause,
    load_plan,
    stored_costs,
    stored_environments,
    stored_executions,
    stored_failure,
    stored_failures,
    stored_plan,
)
from ablate.schema.record import ENDED, TRIAL_METRICS, RecordState, Scored, State

if TYPE_CHECKING:
    from ablate.records.tables import CURVE_COLUMNS, Results, levels_of, load_results, shared_places

__all__ = [
    "CURVE_COLUMNS",
    "ENDED",
    "TRIAL_METRICS",
    "PackedBits",
    "Record",
    "RecordState",
    "Results",
    "Scored",
    "State",
    "canonical",
    "checkpoint_path",
    "clear_partials",
    "digest",
    "failure_path",
    "finished_keys",
    "last_cause",
    "levels_of",
    "load_plan",
    "load_record",
    "load_results",
    "log_path",
    "pack_bits",
    "read_json",
    "record_as_json",
    "record_from_json",
    "record_path",
    "save_record",
    "set_aside",
    "shared_places",
    "stored_costs",
    "stored_environments",
    "stored_executions",
    "stored_failure",
    "stored_failures",
    "stored_plan",
    "unpack_bits",
    "write_bytes",
    "write_json",
]

# pandas takes a while to import, and those who write records have no tables.
__getattr__ = on_first_use(
    __name__,
    {
        name: f"ablate.records.tables:{name}"
        for name in ("CURVE_COLUMNS", "Results", "levels_of", "load_results", "shared_places")
    },
)
