"""What `ablate show --profile` says: one network layer by layer, and how far below the ceilings each layer stands."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate.environment import cores
from ablate.measure.roofline import Roof
from ablate.study.machine import Say, asking, ceilings_of, placed, roof_of
from ablate.study.planning.devices import settle_device
from ablate.study.reading.probe import release
from ablate.study.show import network_of

PROFILE = "ablate.measure.profile:run"


def profile(target: str, overrides: Sequence[str], batch: int, device: str, say: Say) -> dict[str, Any]:
    """The network that `target` and `overrides` name (see show.py) with a `batch` of images on `device`: JSON.

    `layers` (one a call of a leaf module), `outside` them and `total`, the sum of the rest, carry `macs`, `flops` and
    `bytes_moved` of the batch, `milliseconds`, `time_share`, and where they stand under the `ceilings`. `hooked_ms` and
    `unhooked_ms` are whole passes with and without the hooks that take the times. `say` is told what is done. Raises
    `AblateError` for a network or device that cannot be.
    """
    spec, settled = network_of(target, overrides), settle_device(device)
    release()
    with tempfile.TemporaryDirectory() as scratch, asking(settled, cores(), Path(scratch, "log"), say) as ask:
        ceilings = ceilings_of(settled, ask, say)
        say(f"measuring {spec.preset} layer by layer")
        taken = ask(PROFILE, {"model": spec.as_task(), "batch": batch, "device": settled})
    return {"batch": batch, "device": settled, "ceilings": ceilings, **profile_of(taken, roof_of(ceilings))}


def profile_of(taken: Mapping[str, Any], roof: Roof) -> dict[str, Any]:
    """What the worker took, every row placed under `roof`, and a row for the whole."""
    parts = [*taken["layers"], taken["outside"]]
    whole = {name: sum(part[name] for part in parts) for name in ("macs", "bytes_moved", "milliseconds")}

    def row(part: Mapping[str, Any]) -> dict[str, Any]:
        milliseconds = part["milliseconds"]
        return {**part, "time_share": milliseconds / whole["milliseconds"], **placed(part, milliseconds, roof)}

    return {
        "passes": taken["passes"],
        "hooked_ms": taken["hooked_ms"],
        "unhooked_ms": taken["unhooked_ms"],
        "layers": [row(layer) for layer in taken["layers"]],
        "outside": row(taken["outside"]),
        "total": row(whole),
    }
