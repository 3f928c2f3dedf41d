"""Of one network, of this machine, and of networks on it: counts, layers, and their places under the roof."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ablate.measure.series import NOISE_GATE
from ablate.pages.training import studies_blocks, training_blocks
from ablate.report.document import Block, Column, Heading, Notice, Paragraph, Table
from ablate.report.numbers import ABSENT, show

if TYPE_CHECKING:
    from ablate.doctor import Finding

ARITHMETICS = {"float32": "fp32 products", "tfloat32": "TF32 products", "bfloat16": "bf16 products"}
PLACE_COLUMNS = ("MACs", "bytes", "flop/byte", "GFLOP/s", "of the roof (%)")
ABOVE_THE_ROOF = (
    "More than 100 % of the roof: caches hold what is counted as moved, convolutions run faster than the plain "
    "products that the ceiling is taken from, or the machine was busier when its ceilings were measured."
)
LATENCY_SOURCES = {"costs.json": "from the study's costs.json", "measured now": "measured now"}


def network_page(described: dict[str, Any]) -> list[Block]:
    """The network's counts, then its layers."""
    size = described["input_size"]
    counts = (
        f"{described['params']:,} parameters, {described['macs']:,} MACs (multiply-adds of convolutions and linear "
        f"layers) at {size}x{size}; fvcore counts {described['fvcore_macs']:,}, "
        f"with BN and pooling {described['fvcore_flops']:,}"
    )
    columns = (Column("layer", "left"), Column("type", "left"), Column("output"), Column("params"), Column("MACs"))
    rows = tuple(
        (
            layer["name"],
            layer["type"],
            " x ".join(str(side) for side in layer["output_shape"]),
            f"{layer['params']:,}",
            f"{layer['macs']:,}",
        )
        for layer in described["layers"]
    )
    uncounted = ", ".join(f"{name} ({times})" for name, times in described["uncounted"].items())
    without = [Paragraph(f"Without a formula, and so counted as nothing: {uncounted}.")] if uncounted else []
    return [Heading(described["model"], 1), Table(columns, rows), Paragraph(counts), *without]


def bench_page(document: dict[str, Any]) -> list[Block]:
    """The ceilings of this machine and, with a study, a row a variant and batch size under them."""
    heading = Heading(document["study"] or document["device"], 1)
    if document["study"] is None:
        return [heading, *_ceilings(document["ceilings"])]
    names = (
        Column("variant", "left"),
        *map(Column, ("batch", "latency (ms)", *PLACE_COLUMNS)),
        Column("held by", "left"),
    )
    rows = tuple(
        (row["variant"], str(row["batch"]), _measured(row["latency_ms_p50"]), *_place(row)) for row in document["rows"]
    )
    times = f"Median times of an eager fp32 forward pass, channels last, {LATENCY_SOURCES[document['latency']]}. "
    times += f"Load of the machine at the start: {document['environment']['load_at_start']}."
    placed = [heading, *_ceilings(document["ceilings"]), Table(names, rows), *_remarks(document["rows"], times)]
    trained = training_blocks(document["training"]) if "training" in document else []
    return [*placed, *trained, *(studies_blocks(document["studies"]) if "studies" in document else [])]


def profile_page(described: dict[str, Any]) -> list[Block]:
    """A row a call of a leaf module, one for what lies between them, one for the whole."""
    profile = described["profile"]
    batch, layers, outside, total = (profile[name] for name in ("batch", "layers", "outside", "total"))
    words = (Column("layer", "left"), Column("type", "left"))
    names = (*words, *map(Column, ("output", "ms", "time (%)", *PLACE_COLUMNS)), Column("held by", "left"))
    rows = (
        *(
            (row["name"], row["type"], " x ".join(map(str, row["output_shape"])), *_timed(row), *_place(row))
            for row in layers
        ),
        ("outside the layers", ABSENT, ABSENT, *_timed(outside), *_place(outside)),
        ("total", ABSENT, ABSENT, *_timed(total), *_place(total)),
    )
    times = (
        f"A batch of {batch} at {described['input_size']}x{described['input_size']}, eager, fp32, channels last: each "
        f"time is the median of {profile['passes']} passes, the total their sum. Whole passes took "
        f"{_measured(profile['hooked_ms'])} ms with the hooks that take these times, "
        f"{_measured(profile['unhooked_ms'])} ms without."
    )
    remarks = _remarks([*layers, outside, total], times)
    return [Heading(described["model"], 1), *_ceilings(profile["ceilings"]), Table(names, rows), *remarks]


def _ceilings(ceilings: dict[str, Any]) -> list[Block]:
    """The roof, where its two parts meet, and whether it was steady."""
    products, copy, compute = ceilings["products"], ceilings["copy"], ceilings["passes_compute_in"]
    rows = (
        *(
            (ARITHMETICS[name], f"{_measured(each['gflops'])} GFLOP/s", *_how(each, f"{each['size']} x {each['size']}"))
            for name, each in products.items()
        ),
        ("copy", f"{_measured(copy['gb_per_second'])} GB/s", *_how(copy, f"{show('macs', copy['size'])} bytes")),
    )
    names = (Column("ceiling", "left"), Column("rate"), Column("spread (%)"), Column("by", "left"))
    ridge = _measured(products[compute]["gflops"] / copy["gb_per_second"])
    where = (
        f"On {ceilings['device']} with {ceilings['threads']} threads. A pass computes like {ARITHMETICS[compute]}: it"
    )
    meeting = Paragraph(f"{where} is held by memory below {ridge} flop/byte, by compute above.")
    measured = {ARITHMETICS[name]: each for name, each in products.items()} | {"copy": copy}
    noisy = [name for name, each in measured.items() if each["spread"] > NOISE_GATE]
    warning = f"noisy: {', '.join(noisy)}; something else runs on this machine, so measure again when it is idle"
    return [Table(names, rows), meeting, *([Notice(warning)] if noisy else [])]


def _how(ceiling: dict[str, Any], size: str) -> tuple[str, str]:
    return f"{100 * ceiling['spread']:.0f}", f"{ceiling['operator']}, {size}"


def _place(row: dict[str, Any]) -> tuple[str, ...]:
    share = row["attained_share"]
    return (
        show("macs", row["macs"]),
        show("macs", row["bytes_moved"]),
        _measured(row["intensity"]),
        _measured(row["attained_gflops"]),
        ABSENT if share is None else _measured(100 * share),
        row["ceiling"] or ABSENT,
    )


def _timed(row: dict[str, Any]) -> tuple[str, str]:
    return f"{row['milliseconds']:.3f}", f"{100 * row['time_share']:.1f}"


def _measured(value: float | None) -> str:
    return ABSENT if value is None else show("", value)


def _remarks(rows: Sequence[dict[str, Any]], times: str) -> list[Block]:
    above = any(row["attained_share"] is not None and row["attained_share"] > 1 for row in rows)
    return [Paragraph(times), *([Paragraph(ABOVE_THE_ROOF)] if above else [])]


def doctor_page(findings: "Sequence[Finding]") -> list[Block]:
    """One row a thing looked at."""
    rows = tuple((finding.about, finding.health, finding.detail) for finding in findings)
    return [Table((Column("what", "left"), Column("state", "left"), Column("detail", "left")), rows)]
