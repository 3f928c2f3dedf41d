"""A small results folder with some of everything that a report tells, in words of the test's choice."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ablate.records import Record, pack_bits, record_as_json, record_path, write_bytes, write_json

Word = Callable[[str], str]
Kind = Literal["crossed", "pairs", "count", "search", "matched"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def sample(folder: Path, kind: Kind, word: Word = str) -> Path:
    """A small results folder with some of everything that a report tells; `word` makes of each free text another.

    `crossed`: two factors, and claims. `pairs`: one factor under two conditions of the data. `count`: no trials.
    `search`: what a search has tried and found. `matched`: as stated and matched, each tuned, with blocks of seeds.
    """
    plan = SAMPLE_PLANS[kind](word)
    draw = np.random.default_rng(0)
    write_json(folder / "plan.json", plan)
    write_json(folder / "environment.json", {word(name): _environment(name, word) for name in ("e1", "e2")})
    write_json(folder / "execution.json", {"m": {"device": "cpu", "workers": 2, "threads": 1}})
    write_json(folder / "costs.json", {"sets": [{"older": 1}, *_cost_sets(plan, word)]})
    write_json(folder / "failures" / "costs.json", {"attempts": [{"cause": word("no clock"), "log": "logs/costs.log"}]})
    keys = [(int(seed), key) for variant in plan["variants"] for seed, key in variant["keys"].items()]
    for number, (seed, key) in enumerate(keys):
        write_bytes(record_path(folder, key), _sample_record(number, seed, key, draw, word))
    if keys:
        (_, failed), (_, damaged) = keys[-1], keys[1]
        record_path(folder, failed).unlink()
        attempts = [{"cause": word("out of memory"), "log": word("logs/x.log")}]
        write_json(folder / "failures" / f"{failed}.json", {"key": failed, "attempts": attempts})
        write_bytes(record_path(folder, damaged), b'{"key": ')
    return folder


def _crossed(word: Word) -> dict[str, Any]:
    levels = {"model.downsample": ["strided", "spd"], "model.width": ["narrow", "wide"]}
    claims = [
        {"better": {"model.downsample": word("spd")}, "than": {"model.downsample": word("strided")}},
        {
            "interaction": {
                "better": {"model.downsample": word("spd")},
                "than": {"model.downsample": word("strided")},
                "more_at": {"model.width": word("narrow")},
                "than_at": {"model.width": word("wide")},
            },
            "metric": "test_loss",
        },
    ]
    return _sample_plan(levels, word, claims=[_claim(number, each, word) for number, each in enumerate(claims)])


def _pairs(word: Word) -> dict[str, Any]:
    levels = {"arm": ["base", "other"], "data.noise": ["little", "much"]}
    long = {word(name): {"model.downsample": word(name), "train.seed_offset": 3} for name in levels["arm"]}
    plan = _sample_plan(levels, word, primary="test_loss")
    plan["study"]["factors"]["arm"] = long
    plan["variants"][1]["train"]["seed_offset"] = 3
    return plan


def _count(word: Word) -> dict[str, Any]:
    levels = {"system": ["big", "small", "tiny"]}
    counts = [{"count": {"system": word(name), "quantity": "params", "published": 1e6}} for name in levels["system"]]
    readings = [{"cited": 5.0, "source": word("a book")}, {"system": word("big"), "quantity": "params"}]
    claims = [{**each, "readings": readings, "note": word("note")} for each in counts]
    named = [{**_claim(number, each, word), "source": word("one source")} for number, each in enumerate(claims)]
    plan = _sample_plan(levels, word, claims=named, design="count", seeds=[])
    for variant in plan["variants"]:
        stages = [["stem", [32, 149, 149]], ["exit", [64, 10, 12]]]
        variant |= {"data": {}, "train": {}, "keys": {}, "stages": stages}
        variant["quantities"] = {"params": variant["params"], "top1": 0.79}
    return plan


def _search(word: Word) -> dict[str, Any]:
    levels = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}
    search = {
        "fields": {"model.width": {"low": 0.1, "high": 0.5, "log": False}},
        "objectives": ["accuracy", "test_loss", "macs", "latency"],
        "trials": 6,
        "sampler": "tpe",
        "constraints": ["params <= 1e6"],
        "front": 2,
    }
    plan = _sample_plan(levels, word, design="search", search=search)
    points = [dict(zip(("downsample", "width"), each["levels"].values(), strict=True)) for each in plan["variants"]]
    seen = {"params": 1_000_000, "macs": 5_000_000, "accuracy": 0.7, "test_loss": 0.9, "latency_ratio": 1.1}
    trials = [
        {"levels": points[1], "state": "complete", "values": seen, "key": "c" * 64, "front": True},
        {"levels": points[1], "state": "complete", "values": {**seen, "accuracy": 0.6}, "key": "d" * 64, "front": True},
        {"levels": points[2], "state": "complete", "values": {**seen, "macs": 4_000_000}, "front": True},
        {"levels": points[3], "state": "complete", "values": {**seen, "test_loss": 1.9}, "front": False},
        {"levels": points[3], "state": "diverged", "values": {**seen, "test_loss": None}, "front": False},
        {"levels": points[0], "state": "infeasible", "values": {}, "why": word("2.5 is too much"), "front": False},
    ]
    return {**plan, "searched": {"digest": "f" * 64, "front": points[1:3], "trials": trials}}


def _matched(word: Word) -> dict[str, Any]:
    blocks = {"start": 3, "at_most": 6, "until": 0.01}
    asked = {
        "match": [{"on": on, "tolerance": 0.02} for on in ("none", "macs")],
        "budget": {"on": "macs"},
        "tune": {"fields": {"train.lr": {"low": 0.02, "high": 2.0, "log": True}}, "trials": 3},
    }
    plan = _sample_plan({"model.downsample": ["strided", "spd"]}, word, seeds=blocks, **asked)
    columns = {"model.downsample": "downsample", "match": "match"}
    cells = [{**each["levels"], "match": on} for on in ("none", "macs") for each in plan["variants"]]
    variants = [_sample_variant(number, cell, columns) for number, cell in enumerate(cells)]
    tuned = {"arm": "a" * 64, "values": {"train.lr": 0.3}, "score": 0.7, "stated_score": 0.6, "edges": []}
    states = ["complete", "pruned", "failed"]
    variants[0]["tuned"] = {**tuned, "states": states}
    variants[1]["tuned"] = {**tuned, "states": states, "stated_score": None, "edges": ["train.lr"]}
    variants[2]["awaits"] = "b" * 64
    widths = {each["variant"]: {"width": 0.25 + 0.1 * at, "channel_multiple": 2} for at, each in enumerate(variants)}
    factors = [{"path": path, "column": column} for path, column in columns.items()]
    settled = {"matched": {"digest": word("d"), "variants": widths}, "variants": variants}
    return {**plan, **settled, "factors": factors, "baseline": variants[0]["variant"]}


SAMPLE_PLANS: dict[Kind, Callable[[Word], dict[str, Any]]] = {
    "crossed": _crossed,
    "pairs": _pairs,
    "count": _count,
    "search": _search,
    "matched": _matched,
}


def _sample_plan(levels: dict[str, list[str]], word: Word, **study: Any) -> dict[str, Any]:
    named = {path: [word(level) for level in own] for path, own in levels.items()}
    columns = {path: path.rpartition(".")[2] for path in levels}
    cells = [dict(zip(named, cell, strict=True)) for cell in itertools.product(*named.values())]
    stated = {"question": word("Does it help?"), "claims": [], "margin": {"accuracy": 0.005}, "primary": "accuracy"}
    variants = [_sample_variant(number, cell, columns) for number, cell in enumerate(cells)]
    resolved = {
        "name": word("toy"),
        "model": {"preset": word("mini_xception"), "width": 0.25},
        "factors": named,
        "design": "grid",
        "measure": ["accuracy", "test_loss", "params", "macs", "latency", "energy"],
        "seeds": 3,
        **stated,
        **study,
    }
    first = {"digest": "d" * 64, **stated, "trials_finished": 0}
    return {
        "format": 1,
        "training_version": 1,
        "precision": "fp32",
        "source": word("studies/toy.yaml"),
        "overrides": [word("train.epochs=2")],
        "study": resolved,
        "factors": [{"path": path, "column": column} for path, column in columns.items()],
        "baseline": variants[0]["variant"],
        "stated": [first, {**first, "question": word("Did it help?"), "margin": {}, "trials_finished": 2}],
        "variants": variants,
    }


def _sample_variant(number: int, cell: dict[str, str], columns: dict[str, str]) -> dict[str, Any]:
    name = ",".join(f"{columns[path]}={level}" for path, level in cell.items())
    preset = next(iter(cell.values()))
    return {
        "variant": name if len(cell) > 1 else preset,
        "levels": cell,
        "model": {"preset": preset, "number": number, "input_size": 32},
        "data": {"name": preset, "train_images": 5000, "test_images": 16, "digest": f"{number % 2}" * 64},
        "train": {"epochs": 2, "lr": 0.1, "batch_size": 128, "optimizer": preset},
        "steps": 20,
        "params": 1_000_000 + number,
        "macs": 5_000_000 + number,
        "keys": {str(seed): f"{16 * number + seed:064x}" for seed in range(3)},
    }


def _claim(number: int, stated: dict[str, Any], word: Word) -> dict[str, Any]:
    under = {"recipe": word("200 epochs")[:200], "data": word("CIFAR-10")[:200]}
    words = {"source": word("a paper"), "statement": word("It helps")}
    return {"id": f"claim-{number}", **words, "published_under": under, **stated}


def _environment(name: str, word: Word) -> dict[str, Any]:
    machine = {"cpu": word(f"Xeon {name}"), "versions": {"torch": "2.15.0", word("other"): word("1")}, "gpu": None}
    return {"machine": machine, "commit": word("a" * 40), "dirty": False, "clocks": {"governor": word("fast")}}


def _cost_sets(plan: dict[str, Any], word: Word) -> list[dict[str, Any]]:
    rounds = [1.0, 1.1, None, 1.05, 1.2, 1.15, 1.12]
    own = {
        "columns": {"latency_ms_p50": 1.1, "latency_ms_p50_b64": 9.0, "macs_fvcore": 5_000_000},
        "rounds": {"latency_ms_p50": rounds},
        "samples": {"latency_ms_p50": 70},
        "spread": {"latency_ms_p50": 0.3},
        "problems": {"energy": word("no counter")},
        "uncounted": {word("aten::add"): 3},
    }
    measured = {
        "environment": word("e1"),
        "metrics": ["latency", "macs"],
        "conditions": {"protocol": 2, "modes": [word("eager")]},
        "observed": {"rounds": 7, "energy": word("none")},
        "variants": {variant["variant"]: {"model": variant["model"], **own} for variant in plan["variants"]},
    }
    return [measured, {**measured, "environment": word("e2"), "metrics": ["latency", "macs", "energy"]}]


def _sample_record(number: int, seed: int, key: str, draw: np.random.Generator, word: Word) -> bytes:
    correct = draw.random(16) < 0.6
    state, loss = ("diverged", None) if number == 4 else ("complete", 1 - 0.1 * draw.random())
    metrics = {"test_loss": loss, "train_seconds": 10.0 + number, "train_images_per_second": 100.0}
    point = {"train_loss": loss, "train_accuracy": 0.5, "learning_rate": 0.1, "validation_loss": 1.5}
    record = Record(
        key=key,
        seed=seed,
        state=state,
        metrics={"accuracy": float(correct.mean()), **metrics},
        steps=20,
        curve=[{"epoch": 1, **point}, {"epoch": 2, **point}],
        correct=pack_bits(correct),
        test_images=16,
        environment=word("e2" if number % 3 else "e1"),
    )
    return record_as_json(record)
