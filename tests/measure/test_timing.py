"""Latency and throughput from made-up rounds, and what one round is."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ablate.measure import latency, throughput
from ablate.measure.subject import Round, Subject, forward_seconds

CPU = torch.device("cpu")


def rounds_of(seconds: np.ndarray, rounds: int, batch: str) -> list[Round]:
    return [{batch: part.tolist()} for part in np.array_split(seconds, rounds)]


SECONDS = np.random.default_rng(0).lognormal(-6, 0.5, 100)


@pytest.mark.parametrize(("batch", "suffix"), [("1", ""), ("64", "_b64"), ("8", "_b8")])
def test_percentiles_are_over_the_samples_of_all_rounds(batch: str, suffix: str) -> None:
    columns = dict(latency.measure(rounds_of(SECONDS, 3, batch)))
    ordered = np.sort(SECONDS) * 1e3
    assert columns == pytest.approx(
        {
            f"latency_ms_p50{suffix}": (ordered[49] + ordered[50]) / 2,
            # 0.9 of the way from the first of 100 to the last is place 89.1.
            f"latency_ms_p90{suffix}": 0.9 * ordered[89] + 0.1 * ordered[90],
        }
    )


@pytest.mark.parametrize(("samples", "columns"), [(63, {"latency_ms_p50"}), (64, {"latency_ms_p50", "latency_ms_p90"})])
def test_few_samples_have_no_90th_percentile(samples: int, columns: set[str]) -> None:
    assert set(dict(latency.measure(rounds_of(SECONDS[:samples], 4, "1")))) == columns


def test_batch_sizes_have_columns_of_their_own() -> None:
    rounds = [{"1": [0.001, 0.002, 0.003], "64": [0.04, 0.05, 0.06]} for _ in range(2)]
    assert dict(latency.measure(rounds)) == pytest.approx({"latency_ms_p50": 2.0, "latency_ms_p50_b64": 50.0})


def test_throughput_is_the_batch_over_the_median() -> None:
    rounds: list[Round] = [{"64": [0.1, 0.2]}, {"64": [0.4, 0.4, 9.0]}]
    assert dict(throughput.measure(rounds)) == {"inference_images_per_second": 64 / 0.4}


class Counting(nn.Module):
    """Notes every batch that it is given and in which mode."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append((len(images), self.training, torch.is_inference_mode_enabled()))
        return images.sum((1, 2, 3))


def test_a_round_warms_up_unrecorded_and_takes_at_least_three() -> None:
    network = Counting().train()
    seconds = forward_seconds(Subject(network, (3, 4, 4), (5,), CPU), 5, budget_seconds=0.0)
    assert len(seconds) == 3
    assert network.calls == [(5, False, True)] * (2 + 3)


def test_seconds_are_those_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    # When the budget starts, then start and end of every pass, then a look at the budget, which is spent.
    times = iter([0.0, 10.0, 11.5, 20.0, 22.5, 30.0, 33.5, 99.0])
    monkeypatch.setattr("ablate.measure.subject.time.perf_counter", lambda: next(times))
    assert forward_seconds(Subject(Counting(), (3, 4, 4), (1,), CPU), 1, budget_seconds=98.0) == [1.5, 2.5, 3.5]


def test_a_round_of_latency_has_every_batch_and_of_throughput_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    for module in (latency, throughput):
        monkeypatch.setattr(
            module, "forward_seconds", lambda _subject, batch, _budget: [asked.append(batch) or 0.5 * batch]
        )
    subject = Subject(Counting(), (3, 4, 4), (8, 1, 32), CPU)
    assert latency.sample(subject) == {"8": [4.0], "1": [0.5], "32": [16.0]}
    assert throughput.sample(subject) == {"32": [16.0]}
    assert asked == [8, 1, 32, 32]


def test_images_are_channels_last_and_always_the_same() -> None:
    subject = Subject(Counting(), (3, 4, 5), (2,), CPU)
    images = subject.images(7)
    assert tuple(images.shape) == (7, 3, 4, 5)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, subject.images(7))
