"""Study files that nobody meant to write: each is read, or refused in one sentence, and nothing else happens.

Every mutation starts from a study that is right. The same cases are met in every run.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_events import watching
from edits import Edit, edited, edits_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablate.errors import AblateError
from ablate.schema import (
    Count,
    CountClaim,
    DataConfig,
    Interaction,
    InteractionClaim,
    ModelConfig,
    PublishedUnder,
    Reading,
    SeedBlocks,
    StudyFile,
    TrainConfig,
)
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.train.recipes import RECIPES

STUDIES = Path(__file__).parent.parent / "studies"

CROSSED: dict[str, Any] = {
    "name": "toy",
    "question": "q",
    "model": {"preset": "mini_xception", "width": 0.125, "downsample_kernel": [2, 2], "middle_depth": 0},
    "data": {"name": "small_objects", "train_limit": 200, "object_size": 8},
    "train": {"epochs": 2, "batch_size": 16, "schedule": "milestones", "milestones": [1], "decay_factor": 0.1},
    "factors": {
        "model.downsample": ["strided", "spd"],
        "arm": {"a": {"model.dropout": 0.1, "train.lr": 0.1}, "b": {"model.dropout": 0.2}},
        "data.noise": [0.1, 0.2],
    },
    "baseline": {"model.downsample": "strided", "arm": "a", "data.noise": 0.1},
    "seeds": {"start": 3, "at_most": 9, "until": 0.01},
    "margin": {"accuracy": 0.005},
    "measure": ["accuracy", "test_loss", "params", "macs", "latency"],
    "cost": {"seconds_per_variant": 1.0, "batch_sizes": [1, 4], "modes": ["eager"]},
    "trial_timeout_minutes": 3.0,
    "claims": [
        {
            "id": "x",
            "source": "s",
            "statement": "t",
            "better": {"model.downsample": "spd"},
            "than": {"model.downsample": "strided"},
            "published_difference": 0.01,
            "published_under": {"data": "d"},
        },
        {
            "id": "y",
            "source": "s",
            "statement": "t",
            "metric": "test_loss",
            "interaction": {
                "better": {"model.downsample": "spd"},
                "than": {"model.downsample": "strided"},
                "more_at": {"arm": "a"},
                "than_at": {"arm": "b"},
            },
        },
    ],
}
ONE_AT_A_TIME: dict[str, Any] = {
    "name": "toy",
    "model": {"preset": "mini_xception", "middle_depth": 0},
    "data": {"name": "small_objects", "validation": 0.1, "train_limit": 200},
    "train": {"recipe": min(RECIPES), "steps": 5},
    "factors": {"model.width": [0.125, 0.25], "train.lr": [0.1, 0.2], "model.downsample_kernel": [[1, 1], [2, 2]]},
    "baseline": {"model.width": 0.125, "train.lr": 0.1, "model.downsample_kernel": [1, 1]},
    "design": "one_at_a_time",
    "seeds": [1, 2, 5],
}
COUNTING: dict[str, Any] = {
    "name": "toy",
    "model": {"preset": "xception"},
    "factors": {"system": {"big": {"model.preset": "xception"}, "small": {"model.preset": "mini_xception"}}},
    "design": "count",
    "measure": ["params", "macs"],
    "claims": [
        {
            "id": "x",
            "source": "s",
            "statement": "t",
            "count": {"system": "big", "quantity": "params", "over": "small", "published": 1e6, "tolerance": 0.1},
            "readings": [{"system": "small", "quantity": "macs"}, {"cited": 3, "source": "book"}],
            "note": "n",
        }
    ],
}
RIGHT = (CROSSED, ONE_AT_A_TIME, COUNTING)
TEXTS = tuple(path.read_text() for path in sorted(STUDIES.glob("*.yaml")) if "builder" not in path.read_text())

SECTIONS = (StudyFile, ModelConfig, DataConfig, TrainConfig, SeedBlocks, CountClaim, Count, Reading)
CLAIM_SECTIONS = (InteractionClaim, Interaction, PublishedUnder)
# A builder is the user's own program and is run, so it is left out.
FIELDS = sorted({name for section in (*SECTIONS, *CLAIM_SECTIONS) for name in section.model_fields} - {"builder"})
KEYS = (*FIELDS, "better", "model.width", "data.noise", "train.seed_offset", "data.name", "train.recipe", "arm", "0")
ODD_KEYS = ("", "a.b", "..", "é", "x y", "\u2028", "a\nb", "<<", "=", "*", "a" * 300)
WORDS = (
    *("accuracy", "test_loss", "params", "latency", "train_seconds", "mini_xception", "xception", "cifar10"),
    *("image_folder", "small_objects", "torchvision/resnet18", "torchvision/nope", "timm/", "grid", "count", "spd"),
    *("strided", "auto", "plateau", "staircase", "exponential", "constant", "trained", "depthwise", "null", "yes"),
    *("one_at_a_time", "../../x", "/etc/passwd", "~nobody", "\x1b[31m", "a,b", "a=b", "a\nb", " ", "", "é" * 99),
)
NUMBERS = (0, 1, -1, 2, 3, 0.5, -0.5, 1e-300, 1e300, 10_001, 2**63 - 1, 2**63, 2**70, -(2**63), 1e39)
VALUES = st.recursive(
    st.sampled_from((None, True, False, *NUMBERS, *WORDS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*KEYS, *ODD_KEYS)), inner, max_size=3),
    max_leaves=4,
)

EDITS = edits_of(("delete", "set", "rename", "add", "append", "swap"), (*KEYS, *ODD_KEYS), VALUES)

TOKENS = (
    *("null", "true", "~", "0", "-1", "1e999", ".inf", ".nan", "0x10", "0o7", "1_000", "9" * 400, "1:30", "on", "No"),
    *('""', "''", "[]", "{}", "[[]]", "{a: b}", "*a", "&a [1]", "!!python/object:os.system x", "!!int a", "!!set {a}"),
    *("!!binary x", "<<: *a", "? a", "- a", "|", "> x", "\t", "\x00", "\ufeff", "\u2028", "é", "\U0001f600", "'", '"'),
    *("#", "%YAML 1.2", "---", "...", "a: b: c", "{", "}", "[", "]", ",", ":", "2001-01-01", *KEYS, *WORDS),
)
Cut = tuple[str, int, int, str]
CUTS = st.tuples(
    st.sampled_from(("delete", "repeat", "swap", "token", "value", "indent", "tab", "character", "stutter")),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.sampled_from(TOKENS),
)


def cut(text: str, change: Cut) -> str:
    """`text` with a line or a character changed."""
    kind, first, second, token = change
    lines = text.split("\n")
    at_line, at_character = first % len(lines), first % (len(text) + 1)
    line = lines[at_line]
    if kind == "character":
        return text[:at_character] + token[:1] + text[at_character + 1 :]
    if kind == "stutter":
        return (
            text[:at_character] + text[max(0, at_character - 30) : at_character] * (second % 100) + text[at_character:]
        )
    words = line.split(" ")
    words[second % len(words)] = token
    changed = {
        "delete": [],
        "repeat": [line, line],
        "swap": [lines[second % len(lines)]],
        "token": [" ".join(words)],
        "value": [f"{line.partition(':')[0]}: {token}"],
        "indent": [" " * (second % 8) + line],
        "tab": [line.replace(" ", "\t", 1)],
    }[kind]
    return "\n".join([*lines[:at_line], *changed, *lines[at_line + 1 :]])


def quick(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Reads a study file of this content: the study, or the sentence that refuses it."""
    monkeypatch.setenv("ABLATE_DATA", str(tmp_path / "nothing"))
    place = tmp_path / "folder" / "study.yaml"
    place.parent.mkdir()

    def read(content: bytes, overrides: tuple[str, ...] = ()) -> Any:
        place.write_bytes(content)
        with watching() as watch:
            try:
                found: Any = load_study(place, overrides)
            except AblateError as error:
                found = str(error)
        assert watch.seen == []
        if isinstance(found, str):
            assert "\n" not in found
            assert found.isprintable() or "\t" in found
        return found

    return read


@quick(800)
@given(st.sampled_from(RIGHT), st.lists(EDITS, min_size=1, max_size=3))
def test_a_study_with_other_keys_and_values(read: Any, right: dict[str, Any], edits: list[Edit]) -> None:
    document: Any = json.loads(json.dumps(right))
    for edit in edits:
        document = edited(document, edit)
    read(json.dumps(document).encode())


@quick(800)
@given(st.sampled_from(TEXTS), st.lists(CUTS, min_size=1, max_size=4))
def test_a_study_with_other_text(read: Any, text: str, cuts: list[Cut]) -> None:
    for change in cuts:
        text = cut(text, change)
    if "builder" not in text:
        read(text.encode())


@quick(400)
@given(st.sampled_from(TEXTS), st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), max_size=4))
def test_a_study_with_other_bytes(read: Any, text: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(text.encode())
    for place, value in changes:
        content[place % len(content)] = value
    if b"builder" not in content:
        read(bytes(content))


PARTS = st.lists(st.sampled_from((*KEYS, "0", "1", "-1", "99", "", "model.width", "\x00")), min_size=1, max_size=4)
OVERRIDES = st.builds(
    lambda parts, sign, text: ".".join(parts) + sign + text,
    PARTS,
    st.sampled_from(("=", "=", "=", " = ", "", "==")),
    st.sampled_from(TOKENS) | VALUES.map(json.dumps),
)


@quick(400)
@given(st.sampled_from(RIGHT), st.lists(OVERRIDES, min_size=1, max_size=3))
def test_a_study_with_overrides(read: Any, right: dict[str, Any], overrides: list[str]) -> None:
    read(json.dumps(right).encode(), tuple(overrides))


@pytest.mark.slow
@quick(400)
@given(st.sampled_from((CROSSED, ONE_AT_A_TIME)), st.lists(EDITS, min_size=1, max_size=2))
def test_what_is_read_is_planned_or_refused(
    read: Any, tmp_path: Path, right: dict[str, Any], edits: list[Edit]
) -> None:
    document: Any = json.loads(json.dumps(right))
    for edit in edits:
        document = edited(document, edit)
    study = read(json.dumps(document).encode())
    if isinstance(study, str):
        return
    try:
        plan = plan_study(study, tmp_path / "results" / "toy", "cpu")
    except AblateError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert plan.variants
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\x00",
        "null",
        "[]",
        "3",
        "a",
        "{" * 1000,
        "[" * 100_000,
        "- " * 1000,
        "? " * 1000,
        "a: &a [*a]",
        "a: &a {b: *a}",
        "\n".join(["a0: &a0 [1]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]),
        "a: " + "9" * 100_000,
        "a: 1e" + "9" * 50,
        "a" * 1_000_000,
        '"\\ud800": 1',
        "!!python/object/apply:os.system ['touch /tmp/never']",
        "--- a\n--- b",
        "a: b\n...\n%TAG ! tag:x,2000:\n---\nc",
    ],
    ids=range(21),
)
def test_the_well_known_tricks(read: Any, text: str) -> None:
    assert isinstance(read(text.encode("utf-8", "surrogatepass")), str)
