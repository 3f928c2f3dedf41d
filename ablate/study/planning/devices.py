"""Which devices are meant by --device."""

from typing import Literal

from ablate.environment import can_have_gpu
from ablate.errors import DeviceError
from ablate.lookup import load_dotted

Whereabouts = Literal["here", "anywhere"]


def settle_device(asked: str) -> str:
    """The device that `asked` (`auto`, `cpu`, `cuda`, `cuda:N`) means; raises `DeviceError` when it is not here."""
    if asked == "cpu" or (asked == "auto" and not can_have_gpu()):
        return "cpu"
    count = load_dotted("torch.cuda:device_count")()
    if asked == "auto":
        return "cuda:0" if count else "cpu"
    available = ["cpu", *(f"cuda:{index}" for index in range(count))]
    wanted = "cuda:0" if asked == "cuda" else asked
    if wanted not in available:
        raise DeviceError(f"--device {asked}: no such device here; choices: auto, {', '.join(available)}")
    return wanted


def settle_devices(asked: str, whereabouts: Whereabouts = "here") -> tuple[str, ...]:
    """The devices that `asked`, one or several separated by commas, means, all of one kind.

    Raises `DeviceError` as `settle_device` does, for what is named twice and for a mixture. Devices that are `anywhere`
    are those of other machines, which alone can say whether they have them.
    """
    names = [name.strip() for name in asked.split(",")]
    if whereabouts == "anywhere" and all(name.startswith("cuda") for name in names):
        devices = tuple("cuda:0" if name == "cuda" else name for name in names)
    else:
        devices = tuple(settle_device(name) for name in names)
    twice = next((device for device in devices if devices.count(device) > 1), None)
    if twice is not None:
        raise DeviceError(f"--device {asked}: names {twice} twice; name each device once, and --workers for more on it")
    if len(devices) > 1 and "cpu" in devices:
        raise DeviceError(f"--device {asked}: mixes kinds, whose results would differ; name cpu, or CUDA devices")
    return devices
