"""What --device means."""

import pytest

from ablate.errors import DeviceError
from ablate.study.planning import devices
from ablate.study.planning.devices import settle_device, settle_devices


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two of them."""
    monkeypatch.setattr(devices, "can_have_gpu", lambda: True)
    monkeypatch.setattr(devices, "load_dotted", lambda path: {"torch.cuda:device_count": lambda: 2}[path])


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("auto", ("cuda:0",)),
        ("cpu", ("cpu",)),
        ("cuda", ("cuda:0",)),
        ("cuda:1", ("cuda:1",)),
        ("cuda:0,cuda:1", ("cuda:0", "cuda:1")),
        ("cuda:1, cuda", ("cuda:1", "cuda:0")),
    ],
)
@pytest.mark.usefixtures("gpus")
def test_devices_that_are_there(asked: str, meant: tuple[str, ...]) -> None:
    assert settle_devices(asked) == meant


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("cuda:2", r"--device cuda:2: no such device here; choices: auto, cpu, cuda:0, cuda:1"),
        ("cuda:0,cuda:7", r"--device cuda:7: no such device here"),
        ("cuda,cuda:0", r"--device cuda,cuda:0: names cuda:0 twice; name each device once, and --workers for more"),
        ("cpu,cuda:0", r"--device cpu,cuda:0: mixes kinds, whose results would differ; name cpu, or CUDA devices"),
        ("", r"--device : no such device here"),
        ("cuda:0,", r"--device : no such device here"),
    ],
)
@pytest.mark.usefixtures("gpus")
def test_devices_that_are_not(asked: str, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        settle_devices(asked)


class TestDevice:
    @pytest.mark.parametrize(
        ("asked", "count", "expected"),
        [("cpu", 0, "cpu"), ("auto", 0, "cpu"), ("auto", 2, "cuda:0"), ("cuda", 1, "cuda:0"), ("cuda:1", 2, "cuda:1")],
    )
    def test_a_device_is_settled(self, monkeypatch: pytest.MonkeyPatch, asked: str, count: int, expected: str) -> None:
        monkeypatch.setattr(devices, "can_have_gpu", lambda: True)
        monkeypatch.setattr(devices, "load_dotted", lambda _path: lambda: count)
        assert settle_device(asked) == expected

    def test_torch_is_not_asked_where_there_can_be_no_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "can_have_gpu", lambda: False)
        monkeypatch.delattr(devices, "load_dotted")
        assert settle_device("auto") == "cpu"

    @pytest.mark.parametrize(("asked", "count"), [("cuda", 0), ("cuda:1", 1), ("tpu", 0), ("cuda:x", 1)])
    def test_a_device_that_is_not_here_is_named_with_those_that_are(
        self, monkeypatch: pytest.MonkeyPatch, asked: str, count: int
    ) -> None:
        monkeypatch.setattr(devices, "load_dotted", lambda _path: lambda: count)
        choices = "auto, cpu, cuda:0" if count else "auto, cpu"
        with pytest.raises(DeviceError, match=rf"^--device {asked}: no such device here; choices: {choices}$"):
            settle_device(asked)


@pytest.mark.parametrize("asked", ["cuda,cuda:0", "cuda:3, cuda:1, cuda:3"])
def test_of_other_machines_too_each_is_named_once(asked: str) -> None:
    with pytest.raises(DeviceError, match=rf"^--device {asked}: names cuda:[03] twice; name each device once"):
        settle_devices(asked, "anywhere")


@pytest.mark.parametrize(("asked", "meant"), [("cuda", ("cuda:0",)), ("cuda:3", ("cuda:3",)), ("cpu", ("cpu",))])
def test_of_other_machines_gpus_are_taken_at_their_word(
    monkeypatch: pytest.MonkeyPatch, asked: str, meant: tuple[str, ...]
) -> None:
    monkeypatch.setattr(devices, "can_have_gpu", lambda: False)
    assert settle_devices(asked, "anywhere") == meant
