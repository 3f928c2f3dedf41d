"""Variants below the ceilings: by hand from made-up ceilings and times, and the documents that come of it."""

import json
import platform
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ablate import environment
from ablate.bench import placement as placing
from ablate.bench import run as benching
from ablate.bench.placement import Latencies, rows_of
from ablate.errors import DeviceError, ModelError, UnknownName
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.lookup import load_dotted
from ablate.measure.roofline import Roof
from ablate.models import resolve
from ablate.models.traffic import work_of_spec
from ablate.study import profile as profiling
from ablate.study.machine import roof_of
from ablate.study.profile import profile, profile_of

CEILINGS = {
    "device": "cpu",
    "threads": 2,
    "products": {
        "float32": {"gflops": 100.0, "spread": 0.01, "rounds": 5, "operator": "mm", "size": 1024},
        "bfloat16": {"gflops": 300.0, "spread": 0.01, "rounds": 5, "operator": "mm", "size": 1024},
    },
    "copy": {"gb_per_second": 10.0, "spread": 0.02, "rounds": 5, "operator": "copy_", "size": 1000},
    "passes_compute_in": "float32",
}
ROOF = Roof(100.0, 10.0)
MEASURED = {name: {"latency_ms_p50": 2.0, "latency_ms_p50_b64": 8.0} for name in ("strided", "maxpool")}

bench = partial(benching.bench, depth="placement")

Reply = Callable[[dict[str, Any]], dict[str, Any]]


class InThisProcess:
    """A worker that answers as `REPLIES` say, and runs everything else here."""

    replies: dict[str, Reply]
    asked: list[tuple[str, Execution]]

    def __init__(self, execution: Execution) -> None:
        self.execution = execution

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        self.asked.append((call.function, self.execution))
        if call.function in self.replies:
            return self.replies[call.function](call.task)
        result: dict[str, Any] = load_dotted(call.function)(call.task, on_progress)
        return result

    def close(self) -> None:
        pass


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> type[InThisProcess]:
    """Workers in this process, on a machine whose ceilings are CEILINGS."""
    made = type("Made", (InThisProcess,), {"replies": {"ablate.measure.ceilings:run": lambda task: CEILINGS}})
    made.asked = []
    monkeypatch.setattr("ablate.study.machine.LocalWorker", made)
    monkeypatch.setattr("ablate.study.running.cost_rounds.LocalWorker", made)
    monkeypatch.setattr(environment, "cores", lambda: 2)
    monkeypatch.setattr("ablate.study.machine.alone", lambda device, pause: nullcontext())
    return made


@pytest.fixture
def latencies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has latencies measured as MEASURED; gives the variants and batch sizes that were asked for."""
    asked: list[str] = []

    class Taken:
        columns = MEASURED
        problems: tuple[dict[str, str], ...] = ()

    def take(what: Any, execution: Execution, log: Path, observer: Any) -> Taken:
        asked.extend(f"{name} {batch}" for name in what.task["variants"] for batch in what.task["batch_sizes"])
        return Taken()

    monkeypatch.setattr(placing, "take_rounds", take)
    return asked


def test_a_row_by_hand() -> None:
    """0.2 GFLOP on 50 MB, 4 flop/byte: memory allows 40 GFLOP/s; 20 ms are 10 GFLOP/s, a quarter."""
    work = {"spd": {"64": {"macs": 100_000_000, "bytes_moved": 50_000_000}}}
    assert rows_of(work, Latencies("costs.json", {("spd", 64): 20.0}), ROOF) == [
        {
            "variant": "spd",
            "batch": 64,
            "latency_ms_p50": 20.0,
            "macs": 100_000_000,
            "flops": 200_000_000,
            "bytes_moved": 50_000_000,
            "intensity": 4.0,
            "attained_gflops": pytest.approx(10.0),
            "attained_share": pytest.approx(0.25),
            "ceiling": "memory",
        }
    ]


def test_what_could_not_be_timed_is_a_row_without_a_share() -> None:
    work = {"spd": {"1": {"macs": 100, "bytes_moved": 10}}}
    row = rows_of(work, Latencies("measured now", {("spd", 1): None}), ROOF)[0]
    assert (row["latency_ms_p50"], row["attained_share"], row["ceiling"]) == (None, None, "compute")


def test_the_roof_is_that_of_the_arithmetic_that_passes_compute_in() -> None:
    assert roof_of(CEILINGS) == ROOF
    products = {**CEILINGS["products"], "tfloat32": {"gflops": 400.0}}  # type: ignore[dict-item]
    assert roof_of({**CEILINGS, "products": products, "passes_compute_in": "tfloat32"}) == Roof(400.0, 10.0)


@pytest.mark.usefixtures("latencies")
def test_every_variant_has_a_row_at_every_batch_size(
    toy_study: Path, worker: type[InThisProcess], tmp_path: Path
) -> None:
    document = bench(toy_study, ("cost.threads=3",), tmp_path / "results", "cpu", print)
    assert json.loads((tmp_path / "results" / "bench" / "toy.json").read_text()) == document
    assert (document["study"], document["device"], document["latency"]) == ("toy", "cpu", "measured now")
    assert document["ceilings"] == CEILINGS
    assert document["environment"]["machine"]["system"] == platform.system()
    assert [(row["variant"], row["batch"], row["latency_ms_p50"]) for row in document["rows"]] == [
        *(("strided", 1, 2.0), ("strided", 64, 8.0), ("maxpool", 1, 2.0), ("maxpool", 64, 8.0)),
    ]
    for row in document["rows"]:
        spec = resolve("mini_xception", {"width": 0.125, "middle_depth": 0, "downsample": row["variant"]})
        work = work_of_spec(spec, row["batch"]).total
        assert (row["macs"], row["bytes_moved"]) == (work.macs, work.bytes_moved)
        allowed = min(100.0, 10.0 * row["flops"] / row["bytes_moved"])
        attained = row["flops"] / row["latency_ms_p50"] / 1e6
        assert row["attained_share"] == pytest.approx(attained / allowed)
        assert row["ceiling"] == ("compute" if row["flops"] > 10 * row["bytes_moved"] else "memory")
    assert {execution.threads for _, execution in worker.asked} == {3}


def stored(folder: Path, **changes: Any) -> None:
    """A set of costs of toy.yaml from this machine, but for `changes` of its conditions."""
    described = environment.describe("cpu", folder, folder)
    conditions = {
        "protocol": 2,
        "device": "cpu",
        "threads": 2,
        "batch_sizes": [1, 64],
        "modes": ["eager"],
        "dtype": "float32",
        "layout": "channels_last",
        **changes,
    }
    models = {
        name: resolve("mini_xception", {"width": 0.125, "middle_depth": 0, "downsample": name}).as_json()
        for name in MEASURED
    }
    empty: dict[str, Any] = {"rounds": {}, "samples": {}, "spread": {}, "problems": {}, "uncounted": {}}
    columns = {"latency_ms_p50": 3.0, "latency_ms_p50_b64": 9.0}
    variants = {name: {"model": model, "columns": columns, **empty} for name, model in models.items()}
    measured = {"environment": "e", "metrics": ["latency"], "conditions": conditions, "observed": {}}
    folder.mkdir(parents=True)
    (folder / "costs.json").write_text(json.dumps({"sets": [{**measured, "variants": variants}]}))
    (folder / "environment.json").write_text(json.dumps({"e": described}))


@pytest.mark.usefixtures("worker")
class TestLatency:
    def test_it_is_taken_from_the_costs_that_this_machine_measured(self, toy_study: Path, latencies: list[str]) -> None:
        stored(toy_study.parent / "results" / "toy")
        document = bench(toy_study, (), toy_study.parent / "results", "cpu", print)
        assert document["latency"] == "costs.json"
        assert [row["latency_ms_p50"] for row in document["rows"]] == [3.0, 9.0, 3.0, 9.0]
        assert latencies == []

    @pytest.mark.parametrize("other", [{"threads": 1}, {"device": "cuda:0"}, {"dtype": "bfloat16"}])
    def test_not_from_costs_under_other_conditions(
        self, toy_study: Path, latencies: list[str], other: dict[str, Any]
    ) -> None:
        stored(toy_study.parent / "results" / "toy", **other)
        document = bench(toy_study, (), toy_study.parent / "results", "cpu", print)
        assert document["latency"] == "measured now"
        assert latencies == ["strided 1", "strided 64", "maxpool 1", "maxpool 64"]

    def test_not_from_another_machine(
        self, toy_study: Path, latencies: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored(toy_study.parent / "results" / "toy")
        monkeypatch.setattr(environment, "cores", lambda: 64)
        bench(toy_study, (), toy_study.parent / "results", "cpu", print)
        assert latencies

    def test_nor_where_a_batch_size_is_missing(self, toy_study: Path, latencies: list[str]) -> None:
        stored(toy_study.parent / "results" / "toy")
        bench(toy_study, ["cost.batch_sizes=[1, 2]"], toy_study.parent / "results", "cpu", print)
        assert latencies == ["strided 1", "strided 2", "maxpool 1", "maxpool 2"]


@pytest.mark.usefixtures("worker")
def test_without_a_study_the_machine_alone_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = {"cpu": "AMD EPYC (TM) 9", "cores": 2, "gpu": None}
    monkeypatch.setattr(environment, "describe", lambda device, study, results: {"machine": machine})
    document = bench(None, (), tmp_path, "cpu", print)
    assert (document["study"], document["latency"], document["rows"]) == (None, None, [])
    assert document["ceilings"] == CEILINGS
    assert json.loads((tmp_path / "bench" / "amd_epyc_tm_9_2_cores.json").read_text()) == document


def test_a_machine_with_an_accelerator_is_called_after_it() -> None:
    machine = {"cpu": "x", "cores": 2, "gpu": "NVIDIA H100 80GB, 570.1\nNVIDIA H100 80GB, 570.1"}
    assert placing._machine_name(machine) == "nvidia_h100_80gb"


def failing(cause: str) -> Reply:
    def reply(task: dict[str, Any]) -> dict[str, Any]:
        raise CallFailed(cause)

    return reply


@pytest.mark.parametrize(
    ("cause", "error", "expected"),
    [
        ("ModelError: model.input_size: too small", ModelError, r"^model\.input_size: too small$"),
        (
            "the worker was killed by signal 9",
            DeviceError,
            r"^--device cpu: could not be measured \(the worker was kil",
        ),
    ],
)
def test_what_fails_in_the_worker_is_one_sentence(
    toy_study: Path, worker: type[InThisProcess], cause: str, error: type[Exception], expected: str
) -> None:
    worker.replies["ablate.models.traffic:run"] = failing(cause)
    with pytest.raises(error, match=expected):
        bench(toy_study, (), toy_study.parent, "cpu", print)


@pytest.mark.usefixtures("worker")
def test_a_variant_that_cannot_be_timed_is_told(toy_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Taken:
        columns: Any = {**MEASURED, "maxpool": {"latency_ms_p50": 2.0}}  # noqa: RUF012
        problems = ({"variant": "maxpool", "column": "latency_ms_p50_b64", "cause": "out of memory"},)

    monkeypatch.setattr(placing, "take_rounds", lambda *_: Taken())
    told: list[str] = []
    document = bench(toy_study, (), toy_study.parent, "cpu", told.append)
    assert told[-1] == "maxpool: latency_ms_p50_b64 could not be measured: out of memory"
    assert [row["attained_share"] is None for row in document["rows"]] == [False, False, False, True]


PROFILED = {
    "passes": 7,
    "hooked_ms": 10.5,
    "unhooked_ms": 10.0,
    "layers": [
        {"name": "conv", "type": "Conv2d", "output_shape": [8, 4, 4], "macs": 300_000_000, "bytes_moved": 1_000_000}
        | {"milliseconds": 7.5},
        {"name": "act", "type": "ReLU", "output_shape": [8, 4, 4], "macs": 0, "bytes_moved": 10_000_000}
        | {"milliseconds": 2.0},
    ],
    "outside": {"macs": 0, "bytes_moved": 3_000_000, "milliseconds": 0.5},
}


def test_a_profile_places_every_row_and_the_whole() -> None:
    """The convolution's 0.6 GFLOP take 6 ms at the peak, the ReLU's 10 MB 1 ms, the 3 MB of additions 0.3 ms."""
    placed = profile_of(PROFILED, ROOF)
    rows = [*placed["layers"], placed["outside"]]
    assert [row["time_share"] for row in rows] == [0.75, 0.2, 0.05]
    assert [row["attained_share"] for row in rows] == pytest.approx([0.8, 0.5, 0.6])
    assert [row["ceiling"] for row in rows] == ["compute", "memory", "memory"]
    assert placed["total"] | {"attained_share": None, "attained_gflops": None, "intensity": None} == {
        "macs": 300_000_000,
        "flops": 600_000_000,
        "bytes_moved": 14_000_000,
        "milliseconds": 10.0,
        "time_share": 1.0,
        "ceiling": "compute",
        "attained_share": None,
        "attained_gflops": None,
        "intensity": None,
    }
    assert placed["total"]["attained_share"] == pytest.approx(0.6)
    assert placed["total"]["intensity"] == pytest.approx(600 / 14)


def test_a_profile_is_of_the_network_that_show_means(worker: type[InThisProcess]) -> None:
    tasks: list[dict[str, Any]] = []

    def reply(task: dict[str, Any]) -> dict[str, Any]:
        tasks.append(task)
        return PROFILED

    worker.replies[profiling.PROFILE] = reply
    taken = profile("mini_xception", ["model.width=0.5"], 4, "cpu", print)
    assert tasks == [{"model": resolve("mini_xception", {"width": 0.5}).as_json(), "batch": 4, "device": "cpu"}]
    assert (taken["batch"], taken["device"], taken["ceilings"]) == (4, "cpu", CEILINGS)
    assert taken["total"]["milliseconds"] == 10.0


@pytest.mark.usefixtures("worker")
def test_mistakes_are_found_before_anything_is_measured() -> None:
    with pytest.raises(UnknownName, match="unknown network 'xcepton'; did you mean 'xception'"):
        profile("xcepton", (), 1, "cpu", print)
    with pytest.raises(DeviceError, match="--device tpu: no such device here; choices: auto, cpu"):
        profile("xception", (), 1, "tpu", print)
