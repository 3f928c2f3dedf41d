"""What `ablate bench` does, from the first measurement to the file."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from ablate import environment
from ablate.bench.paces import Setup, overall, pace_of
from ablate.bench.placement import place
from ablate.bench.script import SCRIPT
from ablate.bench.studies import Asked, studies_of
from ablate.errors import DeviceError
from ablate.executors.contract import CallFailed
from ablate.occupancy import alone, once
from ablate.records import write_json
from ablate.study.machine import Say, asking, ceilings_of
from ablate.study.planning.devices import settle_device
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running.crew import Split, crew

Depth = Literal["placement", "training", "studies"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
ARITHMETIC = {"bf16": "bfloat16", "fp32": "float32"}


def bench(
    path: Path | None,
    overrides: Sequence[str],
    results: Path,
    device: str,
    say: Say,
    *,
    depth: Depth = "studies",
    script: Path | None = None,
) -> dict[str, Any]:
    """Measure this machine and, with a study file, how its networks stand and train on it: JSON.

    What `placement` gives (see `place`) at once; as far as `depth` goes, `training` has how fast every variant trains
    (see `pace_of`) and what share of the machine's matrix products that is, and `studies` how long whole studies take
    (see `studies_of`). `script` is the hand-written one; unless given, that of the source tree, if this is run in it.
    Also written to bench/ below `results`. `say` is told what is done. Raises `AblateError` for a study or device that
    cannot be, or a network that fails.
    """
    settled = settle_device(device)
    document = place(path, overrides, results, settled, say)
    target = results / "bench" / f"{document['name']}.json"
    if path is not None and depth != "placement":
        with tempfile.TemporaryDirectory(prefix="ablate-bench-") as scratch:
            plan = plan_study(load_study(path, overrides), Path(scratch), settled)
            if plan.trials:
                given = script or (SCRIPT if SCRIPT.exists() else None)
                document |= _trained(path, overrides, plan, _setup(plan, settled, given, Path(scratch)), depth, say)
    write_json(target, document)
    return document


def _setup(plan: Plan, device: str, script: Path | None, folder: Path) -> Setup:
    """The split is that of a study with more trials than cores."""
    cores = environment.cores()
    split = Split(cores, 1) if device == "cpu" else Split(1, cores)
    return Setup(device=device, cores=cores, split=split, script=script, folder=folder)


def _trained(path: Path, overrides: Sequence[str], plan: Plan, setup: Setup, depth: Depth, say: Say) -> dict[str, Any]:
    log = setup.folder / "bench.log"
    with asking(setup.device, setup.cores, log, say) as ask:
        ceilings = ceilings_of(setup.device, ask, say)
    try:
        with crew(setup.device, log) as workers:
            with alone(setup.device, once(lambda: say(f"waiting until nothing else trains on {setup.device}"))):
                paces = [_with_share(pace_of(each, setup, workers, say), ceilings) for each in plan.variants]
            training = {"split": str(setup.split), "ceilings": ceilings, "variants": paces, "ratios": overall(paces)}
            found: dict[str, Any] = {"training": training}
            if depth == "studies":
                asked = Asked(path=path, overrides=tuple(overrides), device=setup.device, split=setup.split)
                found["studies"] = studies_of(plan, asked, paces, workers, say)
    except CallFailed as error:
        raise DeviceError(f"--device {setup.device}: training could not be measured ({error.cause})") from error
    return found


def _with_share(pace: dict[str, Any], ceilings: Mapping[str, Any]) -> dict[str, Any]:
    """The pace with the share of the machine's matrix products, in the arithmetic of the training, that it comes to."""
    gflops = ceilings["products"][ARITHMETIC[pace["precision"]]]["gflops"]
    attained = 2 * pace["training_macs"] * pace["ways"]["harness"]["images_per_second"] / 1e9
    return {**pace, "attained_gflops": attained, "matrix_share": attained / gflops}
