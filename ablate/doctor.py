"""What `ablate doctor` looks at: whether this machine has what a study needs."""

import importlib.util
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from ablate import environment
from ablate.data import DATASETS, data_folder
from ablate.errors import DataError, LedgerError
from ablate.ledger import server_place, server_version
from ablate.lookup import load_dotted
from ablate.schema import DataConfig

Health = Literal["ok", "absent"]

# Importable name -> what it is for.
EXTRAS = {
    "timm": "networks named timm/NAME",
    "pynvml": "energy, by the GPU's own counter",
    "psycopg": "ledgers that machines share, --ledger postgresql://...",
    "ray": "--executor ray",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at; what is absent is only a fault where a study needs it."""

    about: str
    health: Health
    detail: str


def examine() -> list[Finding]:
    """Versions, devices, data sets, optional packages and the shared ledger, in this order."""
    return [*_versions(), *_devices(), *_data_sets(), *_extras(), *_ledger()]


def _versions() -> list[Finding]:
    names = ("ablate", "torch", "torchvision", "optuna", "pandas", "scipy", "statsmodels")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return [Finding("versions", "ok", f"Python {platform.python_version()}, {versions}")]


def _devices() -> list[Finding]:
    memory = psutil.virtual_memory().total / 2**30
    bf16 = "multiplies bf16 itself" if environment.has_bf16_cpu() else "has no bf16 arithmetic: studies take fp32"
    cpu = Finding("cpu", "ok", f"{environment.cores()} cores, {memory:.0f} GiB memory, {bf16}")
    count = load_dotted("torch.cuda:device_count")()
    names = [load_dotted("torch.cuda:get_device_name")(index) for index in range(count)]
    cuda = Finding("cuda", "ok", ", ".join(names)) if names else Finding("cuda", "absent", "studies run on the CPU")
    return [cpu, cuda]


def _data_sets() -> list[Finding]:
    folder = Finding("data folder", "ok", str(data_folder(DataConfig(name="cifar10"))))
    return [folder, *(_data_set(name) for name in DATASETS if name != "image_folder")]


def _data_set(name: str) -> Finding:
    try:
        DATASETS[name].digest(DataConfig(name=name))
    except DataError as error:
        return Finding(f"data {name}", "absent", str(error))
    return Finding(f"data {name}", "ok", DATASETS[name].summary)


def _extras() -> list[Finding]:
    return [
        Finding(f"extra {name}", "ok" if importlib.util.find_spec(name) else "absent", use)
        for name, use in EXTRAS.items()
    ]


def _ledger() -> list[Finding]:
    """The ledger that runs here share, where ABLATE_LEDGER names one."""
    url = os.environ.get("ABLATE_LEDGER")
    if url is None:
        return []
    try:
        place = server_place(Path(), url)
        return [Finding("ledger", "ok", f"{server_version(place)} at {place.shown}")]
    except LedgerError as error:
        return [Finding("ledger", "absent", str(error))]
