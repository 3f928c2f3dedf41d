"""Energy: a counter, or the reason why there is none."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from ablate import environment, nvml
from ablate.measure import energy
from ablate.measure.series import Series, Setting
from ablate.measure.subject import Subject


class NVMLError(Exception):
    pass


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A driver whose board GPU-1 has used `millijoules`."""
    state = SimpleNamespace(millijoules=5_000)
    module = ModuleType("pynvml")

    def handle(uuid: str) -> str:
        if uuid != "GPU-1":
            raise NVMLError("not found")
        return uuid

    vars(module).update(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: state.millijoules,
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(nvml, "is_installed", lambda: True)
    return state


def test_the_counter_is_read_by_the_boards_own_name(board: SimpleNamespace) -> None:
    assert nvml.energy_millijoules("GPU-1") == 5_000
    with pytest.raises(OSError, match=r"NVML gives no energy of GPU-2: not found"):
        nvml.energy_millijoules("GPU-2")


def test_joules_an_image_are_the_counters_difference_over_the_images(
    board: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Costly(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            board.millijoules += 240
            return images.sum((1, 2, 3))

    monkeypatch.setattr(energy, "SECONDS_A_ROUND", 0.01)
    monkeypatch.setattr(energy.torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1"))
    subject = Subject(Costly(), (3, 4, 4), torch.device("cpu"))
    taken = Series("energy", "energy_joules", 8)
    # 240 mJ a batch of 8 images, whatever the number of batches.
    assert energy.sample(subject, taken) == pytest.approx([0.03])
    assert dict(energy.measure(taken, [1.0, 9.0, 2.0])) == {"energy_joules": 2.0}


def test_without_a_counter_there_is_no_series_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "is_installed", lambda: False)
    for device in ("cpu", "cuda:0"):
        assert energy.series(Setting((1,), ("eager",), device)) == []
    assert "only NVIDIA's boards" in environment.energy_source("cpu")
    assert "pip install nvidia-ml-py" in environment.energy_source("cuda:0")
    monkeypatch.setattr(nvml, "is_installed", lambda: True)
    assert environment.energy_source("cuda:0") == nvml.COUNTER


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available() or not nvml.is_installed(), reason="needs NVML and a CUDA device")
def test_a_real_board_uses_energy() -> None:
    subject = Subject(nn.Conv2d(3, 64, 3), (3, 64, 64), torch.device("cuda:0"))
    assert energy.sample(subject, Series("energy", "energy_joules", 64))[0] > 0
