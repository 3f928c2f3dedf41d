"""What NVIDIA's driver says of a board: the energy it has used. The only door of nvidia-ml-py, which is optional."""

import importlib
import importlib.util

MISSING = "NVML cannot be asked: nvidia-ml-py is not installed; pip install nvidia-ml-py"
COUNTER = "NVML's counter of the whole board, idle power included"


def is_installed() -> bool:
    return importlib.util.find_spec("pynvml") is not None


def energy_millijoules(uuid: str) -> int:
    """What the board `GPU-...` has used since its driver was loaded, in mJ; raises `OSError` where it does not count.

    `nvmlDeviceGetTotalEnergyConsumption`, since Volta.
    """
    pynvml = importlib.import_module("pynvml")
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByUUID(uuid)))
    except pynvml.NVMLError as error:
        raise OSError(f"NVML gives no energy of {uuid}: {error}") from error
