"""Where numbers come from: versions, processor, accelerator, commit. Free of torch."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from ablate import nvml

# What changes from one minute to the next, and so does not make an environment another one.
VOLATILE = ("load_at_start", "clocks")
# What drivers of NVIDIA (on Jetson and under WSL too) and AMD make on Linux; without any there is no GPU to find.
GPU_NODES = ("nvidia*", "nvgpu*", "nvhost-gpu", "dxg", "kfd")
DEVICES = Path("/dev")
PACKAGES = ("ablate", "torch", "torchvision", "numpy", "optuna")


def describe(device: str, study: Path, results: Path) -> dict[str, Any]:
    """The environment of a run on `device` of the study file at `study` into `results`, as environment.json holds it.

    `machine` gathers what moves numbers; commit, load, clocks and where energy is read stand beside it. What this
    machine does not say is None.
    """
    return {
        "machine": machine(device),
        **_commit(study, results),
        "energy": energy_source(device),
        "load_at_start": load(),
        "clocks": _clocks(device),
    }


def machine(device: str) -> dict[str, Any]:
    """What moves the numbers of a run on `device`: processor, accelerator, versions."""
    return {
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "cpu": _cpu_model(),
        "cores": cores(),
        "gpu": _gpu(device),
    }


def load() -> float:
    """Processes that ran or waited to, over the last minute."""
    return round(os.getloadavg()[0], 2)


def energy_source(device: str) -> str:
    """Which counter energy comes from, or why there is none."""
    if not device.startswith("cuda"):
        return "none: only NVIDIA's boards are asked for the energy they use"
    return nvml.COUNTER if nvml.is_installed() else f"none: {nvml.MISSING}"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_have_gpu() -> bool:
    """Whether it is worth to ask torch for GPUs, which takes it seconds to be imported; no only where that is sure."""
    return platform.system() != "Linux" or any(any(DEVICES.glob(node)) for node in GPU_NODES)


def has_bf16_cpu() -> bool:
    """Whether the processor multiplies bf16 matrices itself (AVX-512 BF16 or AMX); else bf16 is the slower one."""
    flags = _cpuinfo("flags").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _cpu_model() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(field: str) -> str:
    """The first value of `field` in /proc/cpuinfo, empty where there is no such file or field."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


def _gpu(device: str) -> str | None:
    """Name and driver of the accelerators, None on a CPU."""
    if not device.startswith("cuda"):
        return None
    return _output(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], Path())


def _clocks(device: str) -> dict[str, str | None]:
    """The processor's governor and rate, and the accelerator's clocks, power limit and temperature."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    asked = "clocks.sm,clocks.mem,power.limit,temperature.gpu"
    gpu = ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"]
    return {
        "governor": governor.read_text().strip() if governor.exists() else None,
        "cpu_mhz": _cpuinfo("cpu MHz") or None,
        "gpu": _output(gpu, Path()) if device.startswith("cuda") else None,
    }


def _commit(study: Path, results: Path) -> dict[str, Any]:
    """The git commit around the study file, and whether tracked files differ from it; None outside a repository.

    What lies in `results` is what runs write, not what they read, and does not count.
    """
    folder = study.resolve().parent
    commit, top = (
        _output(["git", "rev-parse", "HEAD"], folder),
        _output(["git", "rev-parse", "--show-toplevel"], folder),
    )
    if commit is None or top is None:
        return {"commit": None, "dirty": None}
    changed = (_output(["git", "diff", "--name-only", "-z", "HEAD"], folder) or "").split("\0")
    paths = [Path(top) / name for name in changed if name]
    return {"commit": commit, "dirty": any(not path.is_relative_to(results.resolve()) for path in paths)}


def _output(command: list[str], folder: Path) -> str | None:
    """What `command` prints, None when it is not there or fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
