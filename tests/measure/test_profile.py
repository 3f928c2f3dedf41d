"""One network layer by layer: rows that fit the work, and times that fit together."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from ablate.errors import ModelError
from ablate.measure import profile
from ablate.measure.profile import Spans, Timeline, rows_of, spans_of
from ablate.measure.subject import Subject
from ablate.models import resolve
from ablate.models.traffic import LeafWork, PassWork, Work, work_of_spec

CPU = torch.device("cpu")
SMALL = resolve("mini_xception", {"width": 0.125, "middle_depth": 0, "input_size": 16})

WORK = PassWork(
    total=Work(30, 700),
    leaves=(LeafWork("conv", "Conv2d", (2, 4, 4), Work(30, 400)), LeafWork("act", "ReLU", (2, 4, 4), Work(0, 200))),
)


def passes(*spans: tuple[float, float, float]) -> list[Spans]:
    """Milliseconds of conv, act and the whole."""
    return [Spans((("conv", conv), ("act", act)), total) for conv, act, total in spans]


def test_a_row_is_the_work_of_a_call_and_the_median_of_its_times() -> None:
    taken = rows_of(SMALL, WORK, passes((5.0, 1.0, 8.0), (4.0, 2.0, 7.0), (9.0, 3.0, 16.0)))
    assert taken["layers"] == [
        {"name": "conv", "type": "Conv2d", "output_shape": [2, 4, 4], "macs": 30, "bytes_moved": 400}
        | {"milliseconds": 5.0},
        {"name": "act", "type": "ReLU", "output_shape": [2, 4, 4], "macs": 0, "bytes_moved": 200}
        | {"milliseconds": 2.0},
    ]
    # What is left of the three passes: 2, 1 and 4 ms.
    assert taken["outside"] == {"macs": 0, "bytes_moved": 100, "milliseconds": 2.0}


@pytest.mark.parametrize("called", [("conv",), ("act", "conv"), ("conv", "act", "act")])
def test_a_network_whose_layers_depend_on_the_images_is_refused(called: tuple[str, ...]) -> None:
    other = Spans(tuple((name, 1.0) for name in called), 4.0)
    with pytest.raises(ModelError, match="mini_xception: which of its layers run depends on the images"):
        rows_of(SMALL, WORK, [*passes((1.0, 1.0, 3.0)), other])


def test_spans_are_the_differences_of_a_timeline_in_milliseconds() -> None:
    timeline = Timeline(1.0, 1.5, [("a", 1.125, 1.25), ("b", 1.25, 1.5)])
    spans = spans_of(timeline, CPU)
    assert spans == Spans((("a", 125.0), ("b", 250.0)), 500.0)
    assert spans.outside == 125.0


def test_hooks_come_off_and_calls_are_counted_each() -> None:
    act = nn.ReLU()
    network = nn.Sequential(nn.Conv2d(3, 4, 1), act, nn.Conv2d(4, 4, 1), act)
    subject = Subject(network, (3, 4, 4), CPU)
    taken = list(profile._passes(subject, subject.forward(2)))
    assert len(taken) >= profile.LEAST_PASSES
    for unhooked, hooked in taken:
        assert unhooked.calls == ()
        assert [name for name, _ in hooked.calls] == ["0", "1", "2", "1"]
        assert 0 < sum(milliseconds for _, milliseconds in hooked.calls) <= hooked.total
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_a_profile_of_a_preset_is_json_with_the_work_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "BUDGET_SECONDS", 0.0)
    task = {"model": SMALL.as_json(), "batch": 3, "device": "cpu"}
    taken = json.loads(json.dumps(profile.run(task, print), allow_nan=False))
    work = work_of_spec(SMALL, 3)
    assert taken["passes"] == profile.LEAST_PASSES
    assert [(row["name"], row["macs"]) for row in taken["layers"]] == [
        (leaf.name, leaf.work.macs) for leaf in work.leaves
    ]
    parts = [*taken["layers"], taken["outside"]]
    assert sum(row["bytes_moved"] for row in parts) == work.total.bytes_moved
    assert np.all([row["milliseconds"] >= 0 for row in parts])
    assert taken["hooked_ms"] > 0
    assert taken["unhooked_ms"] > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_take_the_times_on_cuda() -> None:
    taken = profile.run({"model": SMALL.as_json(), "batch": 2, "device": "cuda:0"}, print)
    assert sum(row["milliseconds"] for row in [*taken["layers"], taken["outside"]]) > 0
