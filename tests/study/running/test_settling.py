"""What a run settles once and others read back."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ablate import environment
from ablate.errors import ResultsError
from ablate.ledger.agreement import Agreement, difference
from ablate.records import read_json
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running.settling import Environments, agreement_of, settle_execution, write_plan


@pytest.fixture
def plan(toy_study: Path, tmp_path: Path) -> Plan:
    return plan_study(load_study(toy_study), tmp_path / "results" / "toy", "cpu")


class TestExecution:
    @pytest.mark.parametrize(
        ("cores", "devices", "workers", "settled"),
        [
            (16, ("cpu",), None, (4, 4)),  # no more workers than trials, of which there are four
            (3, ("cpu",), None, (3, 1)),
            (16, ("cpu",), 2, (2, 8)),
            (16, ("cuda:0",), None, (1, 16)),
            (16, ("cuda:0", "cuda:1"), None, (2, 8)),
            (1, ("cpu",), 5, (5, 1)),
        ],
    )
    def test_cores_are_shared_out(
        self,
        plan: Plan,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        cores: int,
        devices: tuple[str, ...],
        workers: int | None,
        settled: tuple[int, int],
    ) -> None:
        monkeypatch.setattr(environment, "cores", lambda: cores)
        execution = settle_execution(plan, tmp_path, "m", devices, workers)
        assert (execution.workers, execution.threads) == settled
        assert execution.device == ",".join(devices)

    def test_gpus_get_the_workers_that_one_is_worth(
        self, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(environment, "cores", lambda: 16)
        asked: list[str] = []

        def three(device: str) -> int:
            asked.append(device)
            return 3

        two = settle_execution(plan, tmp_path, "m", ("cuda:0", "cuda:1"), None, three)
        assert (two.workers, two.threads) == (6, 2)
        assert settle_execution(plan, tmp_path, "m", ("cuda:0", "cuda:1"), None, three) == two
        assert asked == ["cuda:0"]
        settle_execution(plan, tmp_path, "other", ("cuda:0",), 2, three)
        settle_execution(plan, tmp_path, "third", ("cpu",), None, three)
        assert asked == ["cuda:0"]

    def test_what_another_run_settles_while_one_is_finding_out_holds_for_both(
        self, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other run would wait for ever if the lock of the folder were held meanwhile."""
        monkeypatch.setattr(environment, "cores", lambda: 16)
        others: list[Any] = []

        def slow(device: str) -> int:
            others.append(settle_execution(plan, tmp_path, "m", ("cuda:0",), None, lambda device: 2))
            return 5

        assert settle_execution(plan, tmp_path, "m", ("cuda:0",), None, slow) == others[0]
        assert others[0].workers == 2

    def test_it_is_read_back_and_only_the_number_of_workers_can_be_asked_for(
        self, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(environment, "cores", lambda: 4)
        first = settle_execution(plan, tmp_path, "m", ("cpu",), None)
        monkeypatch.setattr(environment, "cores", lambda: 2)
        assert settle_execution(plan, tmp_path, "m", ("cpu",), None) == first
        assert settle_execution(plan, tmp_path, "m", ("cpu",), 3) == replace(first, workers=3)

    def test_other_devices_of_the_same_machine_are_settled_apart(self, plan: Plan, tmp_path: Path) -> None:
        one = settle_execution(plan, tmp_path, "m", ("cuda:0",), None)
        two = settle_execution(plan, tmp_path, "m", ("cuda:0", "cuda:1"), None)
        assert (one.workers, two.workers) == (1, 2)
        assert settle_execution(plan, tmp_path, "m", ("cuda:0",), None) == one


class TestEnvironments:
    OWN: ClassVar[dict[str, Any]] = {"machine": {"cpu": "fast"}, "commit": "c", "load_at_start": 0.5, "data": {}}

    def test_an_environment_is_noted_once_whatever_the_load(self, tmp_path: Path) -> None:
        first = Environments(tmp_path, self.OWN).note()
        assert Environments(tmp_path, {**self.OWN, "load_at_start": 9.0}).note() == first
        assert read_json(tmp_path / "environment.json") == {first: self.OWN}

    def test_another_machine_is_noted_with_what_they_share(self, tmp_path: Path) -> None:
        noting = Environments(tmp_path, self.OWN)
        own, other = noting.note(), noting.note({"machine": {"cpu": "slow"}})
        stored = read_json(tmp_path / "environment.json")
        assert own != other
        assert stored[other] == {**self.OWN, "machine": {"cpu": "slow"}}

    def test_many_at_once_are_all_noted(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as threads:
            machines = [{"machine": {"cpu": str(number)}} for number in range(24)]
            ids = list(threads.map(Environments(tmp_path, self.OWN).note, machines))
        assert len(set(ids)) == 24
        assert set(read_json(tmp_path / "environment.json")) == set(ids)


class TestPlan:
    def test_one_that_another_run_has_changed_meanwhile_is_not_overwritten(
        self, toy_study: Path, tmp_path: Path, plan: Plan
    ) -> None:
        folder = tmp_path / "results" / "toy"
        write_plan(plan_study(load_study(toy_study, ("seeds=4",)), folder, "cpu"), folder)
        with pytest.raises(ResultsError, match="it has seed 2, this one has not"):
            write_plan(plan, folder)

    def test_data_sets_of_one_name_keep_a_digest_each(self, toy_study: Path, tmp_path: Path) -> None:
        overrides = ("factors={data.object_size: [4, 8]}", "baseline={data.object_size: 4}")
        digests = plan_study(load_study(toy_study, overrides), tmp_path / "r", "cpu").data_digests
        assert len(digests) == len(set(digests.values())) == 2
        assert all(name.startswith("small_objects ") for name in digests)


class TestAgreement:
    def changed(self, toy_study: Path, tmp_path: Path, *overrides: str, torch: str = "2.15.0") -> Agreement:
        return agreement_of(plan_study(load_study(toy_study, overrides), tmp_path / "nowhere", "cpu"), torch)

    def test_levels_seeds_and_metrics_may_differ(self, toy_study: Path, tmp_path: Path) -> None:
        more = ("factors.model.downsample=[strided, maxpool, avgpool]", "seeds=9", "measure=[accuracy, params]")
        assert self.changed(toy_study, tmp_path, *more) == self.changed(toy_study, tmp_path)

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("train.lr=0.5", "train.lr was 0.1 and is 0.5"),
            ("model.width=0.25", "model.width was 0.125 and is 0.25"),
            ("data.train_limit=160", "data.train_limit was 200 and is 160"),
        ],
    )
    def test_the_base_may_not(self, toy_study: Path, tmp_path: Path, override: str, said: str) -> None:
        before, now = self.changed(toy_study, tmp_path), self.changed(toy_study, tmp_path, override)
        assert before.digest != now.digest
        assert difference(before.base, now.base) == said

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("search.trials=9", r"search\.trials was 8 and is 9"),
            ("search.sampler=random", r"search\.sampler was 'tpe' and is 'random'"),
            ("factors.model.downsample=[strided, spd]", r"search\.identity was '\w{64}' and is '\w{64}'"),
        ],
    )
    def test_nor_may_what_is_searched(self, toy_study: Path, tmp_path: Path, override: str, said: str) -> None:
        search = ("design=search", "search={trials: 8}")
        before, now = (self.changed(toy_study, tmp_path, *search, *more) for more in ((), (override,)))
        assert before.digest != now.digest
        assert re.fullmatch(said, difference(before.base, now.base))

    @pytest.mark.parametrize(
        "proposed", [("design=search", "search={trials: 8}"), ("tune={fields: {train.lr: {low: 0.1, high: 1}}}",)]
    )
    def test_hosts_that_search_or_tune_have_one_optuna(
        self, toy_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proposed: tuple[str, ...]
    ) -> None:
        before = self.changed(toy_study, tmp_path, *proposed)
        monkeypatch.setattr("ablate.study.running.settling.metadata.version", lambda name: "6.1.0")
        said = difference(before.host, self.changed(toy_study, tmp_path, *proposed).host)
        assert re.fullmatch(r"optuna\.version was '5\.\d+' and is '6\.1'", said)
        assert "optuna" not in self.changed(toy_study, tmp_path).host

    def test_of_torch_only_the_minor_version_counts(self, toy_study: Path, tmp_path: Path) -> None:
        before = self.changed(toy_study, tmp_path)
        assert difference(before.host, self.changed(toy_study, tmp_path, torch="2.15.3+cu130").host) == ""
        said = difference(before.host, self.changed(toy_study, tmp_path, torch="2.16.0").host)
        assert said == "torch.version was '2.15' and is '2.16'"

    def test_a_data_set_that_only_one_side_uses_is_no_difference(self) -> None:
        assert difference({"data_digest": {"a": "1"}}, {"data_digest": {"a": "1", "b": "2"}}) == ""
        assert (
            difference({"data_digest": {"a": "1"}}, {"data_digest": {"a": "2"}}) == "data_digest.a was '1' and is '2'"
        )


def test_seats_take_the_devices_in_turn(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with two GPUs: trials that need neither are told which one they would train on."""
    for module in ("run", "planning.planner"):
        monkeypatch.setattr(f"ablate.study.{module}.settle_devices", lambda asked, where: ("cuda:0", "cuda:1"))
    monkeypatch.setattr("ablate.environment._gpu", lambda device: "two of them")
    monkeypatch.setattr("ablate.study.planning.planner._precision", lambda device: "fp32")
    monkeypatch.setattr("ablate.study.run.worth_of", lambda plan, device, log, observer: 1)
    engine.script(note_device=True)
    engine.run("seeds=6", workers=None)
    devices = (engine.folder / "devices").read_text().split()
    assert len(devices) == 12
    assert set(devices) == {"cuda:0", "cuda:1"}
    (settled,) = read_json(engine.results / "execution.json").values()
    assert (settled["device"], settled["workers"]) == ("cuda:0,cuda:1", 2)
