"""plan.json and the smaller files: each is what it should be, or one sentence says what it is instead."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_results import SAMPLE_PLANS, Kind

from ablate.errors import ResultsError
from ablate.records import (
    load_results,
    stored_costs,
    stored_environments,
    stored_executions,
    stored_failure,
    stored_plan,
    write_json,
)

READERS: dict[str, Callable[[Path], Any]] = {
    "plan.json": stored_plan,
    "environment.json": stored_environments,
    "execution.json": stored_executions,
    "costs.json": stored_costs,
    f"failures/{'b' * 64}.json": lambda folder: stored_failure(folder, "b" * 64),
}
RESTORE = "restore it or delete it to have it made anew$"
EXECUTION = {"device": "cpu", "workers": 2, "threads": 1}
SET = {
    "environment": "e1",
    "metrics": ["latency"],
    "conditions": {},
    "observed": {},
    "variants": {
        "a": {
            "model": {},
            "columns": {"latency_ms_p50": 1.0},
            "rounds": {"latency_ms_p50": [1.0, None]},
            "samples": {"latency_ms_p50": 20},
            "spread": {"latency_ms_p50": 0.1},
            "problems": {"energy": "no counter"},
            "uncounted": {"aten::add": 3},
        }
    },
}


def changed(stored: Any, path: str, value: Any) -> Any:
    """`stored` with `value` at the dotted `path`; DELETED takes the key away."""
    whole = copy.deepcopy(stored)
    *above, last = path.split("/")
    inner = whole
    for part in above:
        inner = inner[int(part) if isinstance(inner, list) else part]
    if value is DELETED:
        del inner[last]
    else:
        inner[last] = value
    return whole


DELETED = object()


@pytest.mark.parametrize("name", READERS)
class TestEvery:
    def test_an_absent_file_is_nothing(self, tmp_path: Path, name: str) -> None:
        assert not READERS[name](tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "\x00", '{"a": NaN}', "[" * 100_000])
    def test_what_is_no_json_is_named(self, tmp_path: Path, name: str, content: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        with pytest.raises(ResultsError, match=rf"{name}: cannot be read \(.*\); {RESTORE}"):
            READERS[name](tmp_path)

    @pytest.mark.parametrize("content", ["[]", "3", '"text"', "false", "[{}]", '{"sets": 3, "e1": 3}'])
    def test_json_of_another_shape_is_named(self, tmp_path: Path, name: str, content: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        with pytest.raises(ResultsError, match=rf"{name}: holds no .*; {RESTORE}"):
            READERS[name](tmp_path)


class TestPlan:
    def test_it_is_read_as_it_stands(self, folder: Path, plan: dict[str, Any]) -> None:
        assert stored_plan(folder) == plan

    def test_what_another_version_adds_is_kept(self, folder: Path, plan: dict[str, Any]) -> None:
        later = {**plan, "since": 3, "variants": [{**variant, "distilled": True} for variant in plan["variants"]]}
        write_json(folder / "plan.json", later)
        assert stored_plan(folder) == later

    def test_a_variant_may_be_called_anything(self, folder: Path, plan: dict[str, Any]) -> None:
        name = "../../<b>\x1b[31m, \N{SNOWMAN}"
        plan["variants"][0]["variant"] = plan["baseline"] = name
        write_json(folder / "plan.json", plan)
        assert load_results(folder).trials["variant"].tolist() == [name, name, "b"]

    @pytest.mark.parametrize(
        ("path", "value", "expected"),
        [
            ("study", DELETED, "study: the key 'study' is missing"),
            ("variants", [], "variants: expected at least 1 in the list, not []"),
            ("variants", {}, "variants: expected a list, not {}"),
            ("variants/1/steps", -1, "variants[1].steps: expected a number of at least 0, not -1"),
            ("variants/1/macs", 10**19, "variants[1].macs: expected a number of at most 1e+18"),
            ("variants/0/keys", [], "variants[0].keys: expected a mapping of keys to values, not []"),
            ("variants/0/keys/9", "../../x", "variants[0].keys.9: expected 64 hexadecimal digits, not '../../x'"),
            ("variants/0/keys/9", 3, "variants[0].keys.9: expected text, not 3"),
            ("variants/0/keys/ten", "a" * 64, "variants[0].keys.ten: expected a seed, a whole number from 0 on"),
            ("variants/0/keys/-1", "a" * 64, "variants[0].keys.-1: expected a seed"),
            ("variants/0/keys/01", "a" * 64, "variants[0].keys.01: expected a seed"),
            ("variants/0/keys/²", "a" * 64, "variants[0].keys.²: expected a seed"),
            (f"variants/0/keys/{2**63}", "a" * 64, f"variants[0].keys.{2**63}: the seed {2**63} is beyond {2**63 - 1}"),
            ("variants/0/levels/relu", 3, "variants[0].levels.relu: expected text, not 3"),
            ("variants/0/levels/relu", DELETED, "variant 'a' has not one level of every factor"),
            ("variants/0/variant", "b", "names 'b' twice"),
            ("variants/0/data", {}, "variant 'a' has no data or no seeds, though the study trains"),
            ("variants/0/keys", {}, "variant 'a' has no data or no seeds, though the study trains"),
            ("baseline", "c", "unknown baseline 'c'; choices: a, b"),
            ("factors/0/column", "seed", "factors[0].column: 'seed' is a column of the tables already"),
            ("factors/0/column", "relu", "names 'relu' twice"),
            ("factors/0/path", "model.width", "`factors` and `study.factors` name different factors"),
            ("study/design", "factorial", "study.design: unknown value 'factorial'; choices: count, grid, one_at_a_"),
            ("study/margin", {"accuracy": -0.1}, "study.margin.accuracy: expected a number above 0, not -0.1"),
            ("study/measure", "accuracy", "study.measure: expected a list, not 'accuracy'"),
            ("study/question", None, "study.question: expected text, not nothing"),
            ("study/seeds", DELETED, "study.seeds: the key 'seeds' is missing"),
            ("study/seeds", 0, "study.seeds: expected a number of at least 1 or a list, not 0"),
            ("study/budget", {}, "study.budget.on: the key 'on' is missing"),
            ("study/budget", None, "study.budget: expected a value, not nothing; leave the key out"),
            ("variants/0/train/batch_size", None, "variants[0].train.batch_size: expected a value, not nothing; leave"),
            ("study/claims", [{}], "study.claims[0].id: the key 'id' is missing"),
            ("stated", [{}], "stated[0].digest: the key 'digest' is missing"),
            ("overrides", [3], "overrides[0]: expected text, not 3"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_place(
        self, folder: Path, plan: dict[str, Any], path: str, value: Any, expected: str
    ) -> None:
        (folder / "plan.json").write_text(json.dumps(changed(plan, path, value)))
        with pytest.raises(ResultsError) as caught:
            stored_plan(folder)
        found = str(caught.value)
        assert found.startswith(f"{folder / 'plan.json'}: holds no plan that can be used: {expected}")
        assert found.endswith("; restore it or delete it to have it made anew")
        assert "\n" not in found

    @pytest.mark.parametrize(
        ("claim", "expected"),
        [
            ({"better": {"relu": "pre"}, "than": {"model.width": 1}}, "claim c: unknown factor 'model.width'; choices"),
            (
                {
                    "interaction": {
                        "better": {"relu": "pre"},
                        "than": {"relu": "pre"},
                        "more_at": {"x": 1},
                        "than_at": {"model.downsample": "a"},
                    }
                },
                "claim c: unknown factor 'x'; choices: model.downsample, relu",
            ),
            ({"count": {"system": "z", "quantity": "params", "published": 1}}, "claim c: unknown variant 'z'; choices"),
            (
                {
                    "count": {"system": "a", "quantity": "params", "published": 1},
                    "readings": [{"system": "a", "over": "z", "quantity": "params"}],
                },
                "claim c: 'params' of 'a' was not counted",
            ),
        ],
    )
    def test_claims_are_about_what_is_planned(
        self, folder: Path, plan: dict[str, Any], claim: dict[str, Any], expected: str
    ) -> None:
        plan["study"]["claims"] = [{"id": "c", "source": "s", "statement": "t", **claim}]
        write_json(folder / "plan.json", plan)
        with pytest.raises(ResultsError, match=f"holds no plan that can be used: {expected}"):
            stored_plan(folder)


WIDTH = {"width": 0.3, "channel_multiple": 4}
FIRST = "downsample=strided,match=none"  # variant of the matched sample


@pytest.mark.parametrize(
    ("kind", "path", "value", "expected"),
    [
        ("search", "study/search", DELETED, "`searched` holds what a search has found, but there is no `study.search`"),
        ("search", "study/search", None, "study.search: expected a value, not nothing; leave the key out"),
        ("search", "study/search/sampler", DELETED, "study.search: the key 'sampler' is missing"),
        ("search", "study/search/sampler", "tp", "study.search.sampler: unknown value 'tp'; did you mean 'tpe'?"),
        ("search", "study/search/trails", 3, "study.search.trails: unknown key 'trails'; did you mean 'trials'?"),
        (
            "search",
            "study/search/objectives",
            ["energy"],
            "study.search.objectives[0]: unknown value 'energy'; choices",
        ),
        ("search", "study/search/constraints", ["x < 3"], "study.search.constraints: 'x < 3' is no constraint"),
        (
            *("search", "study/search/fields/model.width/lo", 1),
            "study.search.fields.model.width.lo: unknown key 'lo'; did you mean 'lo",
        ),
        ("search", "searched", None, "searched: expected a value, not nothing; leave the key out"),
        (
            *("search", "searched/trials/0/values/accuracy", DELETED),
            "trial 0 of `searched` is complete, but has no number for accuracy",
        ),
        (
            *("search", "searched/trials/2/values/latency_ratio", None),
            "trial 2 of `searched` is complete, but has no number for latency",
        ),
        ("search", "searched/trials/1/values/macs", 1e300, "searched.trials[1].values.macs: expected a number of at m"),
        (
            "search",
            "searched/trials/1/levels/width",
            DELETED,
            "trial 1 of `searched` has not one level of every factor",
        ),
        (
            "search",
            "searched/trials/2/state",
            "pruned",
            "searched: no trial that came to an end has the levels {'downsam",
        ),
        (
            "search",
            "searched/front/0/width",
            "9",
            "searched: no trial that came to an end has the levels {'downsam",
        ),
        ("matched", "study/match", DELETED, "`matched` holds widths, but `study.match` asks for none"),
        (
            "matched",
            "study/match",
            [{"on": "none", "tolerance": 0.1}],
            "`matched` holds widths, but `study.match` asks",
        ),
        ("matched", "study/match", "macs", "study.match: expected a mapping of keys to values, not 'macs'"),
        ("matched", "study/match/1/tolerance", DELETED, "study.match[1]: the key 'tolerance' is missing"),
        ("matched", "matched/variants", {}, "`matched` has not one width of every variant"),
        ("matched", "matched/variants/other", WIDTH, "matched: the variants have different channel multiples: 2, 4"),
        ("matched", f"matched/variants/{FIRST}", DELETED, "`matched` has not one width of every variant"),
        ("matched", "variants/0/levels/match", "latency", f"variant '{FIRST}': unknown matching 'latency'; choices: "),
        ("matched", "study/tune", DELETED, f"variant '{FIRST}' has tuned 'train.lr', which is not in `study.tune`"),
        ("matched", "study/tune/trials", DELETED, "study.tune: the key 'trials' is missing"),
        (
            "matched",
            "study/tune/fields/train.lr",
            {"low": 1},
            "study.tune.fields.train.lr.high: the key 'high' is miss",
        ),
        ("matched", "variants/1/tuned/score", 1e300, "variants[1].tuned.score: expected a number of at most 1e+39"),
        ("matched", "study/seeds/start", 0, "study.seeds.start: expected a number of at least 3, not 0"),
    ],
)
def test_what_is_asked_for_and_what_is_settled_agree(
    tmp_path: Path, kind: Kind, path: str, value: Any, expected: str
) -> None:
    plan = json.loads(json.dumps(SAMPLE_PLANS[kind](str)))
    write_json(tmp_path / "plan.json", plan)
    assert stored_plan(tmp_path) == plan
    write_json(tmp_path / "plan.json", changed(plan, path, value))
    with pytest.raises(ResultsError) as caught:
        stored_plan(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'plan.json'}: holds no plan that can be used: {expected}")


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        ("environment.json", {"e1": {}}, "holds no environments that can be used: e1.machine: the key 'machine' is mi"),
        ("environment.json", {"e1": {"machine": 3}}, "e1.machine: expected a mapping of keys to values, not 3"),
        ("environment.json", {"e\n1": 3}, "'e\\n1': expected a mapping of keys to values, not 3"),
        ("execution.json", {"m": {"device": "cpu"}}, "m.workers: the key 'workers' is missing"),
        ("execution.json", {"m": {**EXECUTION, "workers": 0}}, "m.workers: expected a number of at least 1, not 0"),
        ("execution.json", {"m": {**EXECUTION, "gpus": 1}}, "m.gpus: unknown key 'gpus'; choices: device, threads, "),
        (f"failures/{'b' * 64}.json", {"attempts": []}, "attempts: expected at least 1 in the list, not []"),
        (f"failures/{'b' * 64}.json", {"attempts": [{"cause": 3}]}, "attempts[0].cause: expected text, not 3"),
        ("costs.json", {}, "sets: the key 'sets' is missing"),
        ("costs.json", {"sets": [3]}, "sets[0]: expected a mapping of keys to values, not 3"),
        (
            "costs.json",
            {"sets": [changed(SET, "variants/a/columns", [])]},
            "sets[0].variants.a.columns: expected a",
        ),
        (
            "costs.json",
            {"sets": [changed(SET, "variants/a/columns/latency_ms_p50", "1")]},
            "sets[0].variants.a.columns.latency_ms_p50: expected a number, not '1'",
        ),
        (
            "costs.json",
            {"sets": [changed(SET, "variants/a/columns/variant", 1.0)]},
            "sets[0].variants.a.columns.variant: 'variant' is no cost that this version measures",
        ),
        (
            "costs.json",
            {"sets": [changed(SET, "variants/b", changed(SET["variants"]["a"], "rounds/latency_ms_p50", [1.0]))]},  # type: ignore[index]
            "sets[0]: the variants have different numbers of rounds of 'latency_ms_p50'",
        ),
    ],
)
def test_what_is_wrong_with_a_smaller_file_is_named(tmp_path: Path, name: str, stored: Any, expected: str) -> None:
    write_json(tmp_path / name, stored)
    with pytest.raises(ResultsError) as caught:
        READERS[name](tmp_path)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / name}: holds no ")


def test_sound_files_are_read_as_they_stand(tmp_path: Path) -> None:
    files = {
        "environment.json": {"e1": {"machine": {"cpu": "Xeon"}, "commit": None}},
        "execution.json": {"m": EXECUTION},
        "costs.json": {"sets": [SET, {"of an older format": True}]},
        f"failures/{'b' * 64}.json": {"key": "b" * 64, "attempts": [{"cause": "boom", "log": "logs/b.log"}]},
    }
    for name, stored in files.items():
        write_json(tmp_path / name, stored)
        assert READERS[name](tmp_path) == stored
