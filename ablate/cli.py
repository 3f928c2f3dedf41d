"""The command line: parse, one call, print. The only place that prints or exits.

What a command needs is imported when it runs, by dotted path, so that `ablate --help` answers at once and commands
that need no torch never bring it in.
"""

import json
import signal
import sys
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ablate.errors import AblateError
from ablate.lookup import load_dotted, lookup

app = typer.Typer(
    help="Does this part of my network help? Architecture ablations with paired seeds, costs and verdicts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="a study file, such as studies/spdconv_vs_stride.yaml")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="change the study file: train.epochs=2")
]
ResultsFolder = Annotated[Path, typer.Option("--results", help="folder that holds the results of all studies")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")]
Devices = Annotated[str, typer.Option("--device", metavar="D[,D]", help="auto, cpu, cuda, cuda:N, or several of these")]
LedgerUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", envvar="ABLATE_LEDGER", help="postgresql://USER@HOST/NAME, shared by any number of hosts"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output")]


class Depth(StrEnum):
    """How far `ablate bench` goes; each includes those before it."""

    placement = "placement"
    training = "training"
    studies = "studies"


SOME_FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130


def main() -> None:
    """Entry point: a user's mistake is one message on standard error and exit code 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except AblateError as error:
        _fail(str(error), WRONG_INPUT)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ablate {metadata.version('ablate')}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="the version of this package")
    ] = False,
) -> None:
    """What stands before the command."""


@app.command()
def run(
    study: StudyPath,
    overrides: Overrides = None,
    results: ResultsFolder = Path("results"),
    workers: Annotated[int | None, typer.Option(min=1, help="worker processes; as many as fit unless given")] = None,
    device: Devices = "auto",
    ledger: LedgerUrl = None,
    executor: Annotated[str, typer.Option(help="what runs the workers: local processes, or a ray cluster")] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="of --executor ray: HOST:PORT of a cluster, else RAY_ADDRESS, the one running here, or a new one"
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="VARIANT", help="train this variant alone")] = None,
    max_hours: Annotated[float, typer.Option(min=0, help="begin no trial after this many hours")] = float("inf"),
) -> None:
    """Run what is missing of a study, then print its table."""
    options = load_dotted("ablate.study.running.options:Options")(
        results=results,
        workers=workers,
        device=device,
        only=tuple(only or ()),
        max_hours=max_hours,
        ledger=ledger,
        executor=executor,
        address=address,
    )
    progress = load_dotted("ablate.display:console")("stderr")
    try:
        with load_dotted("ablate.display:Display")(progress) as display:
            outcome = load_dotted("ablate.study.run:run")(
                study, overrides=tuple(overrides or ()), options=options, observer=display
            )
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on from here", INTERRUPTED)
    _print_page("results_page", outcome.results, outcome.tables)
    if outcome.work == "none":
        _note(f"nothing to do: {'every trial has its record' if len(outcome.results.trials) else 'all is counted'}")
    if outcome.missing:
        _note(f"{outcome.missing} trials are left, for the same command or another process that runs it now")
    _note(f"tables and report.html are in {outcome.results.folder}")
    if outcome.failed:
        _note(f"{outcome.failed} failed; ablate status {outcome.results.folder} says why")
        raise typer.Exit(SOME_FAILED)


@app.command()
def plan(
    study: StudyPath,
    overrides: Overrides = None,
    results: ResultsFolder = Path("results"),
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Variants, trials, parameters and MACs of a study, and what is done; trains nothing."""
    previewed = load_dotted("ablate.study.preview:preview")(study, tuple(overrides or ()), results, device)
    if as_json:
        _print_json(previewed)
    else:
        _print_page("plan_page", previewed)


@app.command()
def status(folder: Annotated[Path, typer.Argument(metavar="PATH", help="a results folder")]) -> None:
    """What runs, what failed and why."""
    _print_page("status_page", load_dotted("ablate.study.status:status_of")(folder))


@app.command()
def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="results folders, or a folder that holds several")
    ],
    baseline: Annotated[str | None, typer.Option(metavar="VARIANT", help="compare with this variant instead")] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="FORMAT,...", help="of the report: html, md, tex")
    ] = "html,md",
    strict: Annotated[
        bool, typer.Option("--strict", help="exit with 1 if a badge stands for a fault: missing, failed, ...")
    ] = False,
) -> None:
    """Write the tables and the report of a results folder, and print the table; of several under one, an index too."""
    wanted = load_dotted("ablate.report:check_formats")([name.strip() for name in formats.split(",")])
    problems: list[str] = []
    for folder in folders:
        written = load_dotted("ablate.report.index:write_reports")(folder, wanted, baseline)
        for results, derived in written.studies:
            _print_page("results_page", results, derived)
        if written.entries:
            _print_page("index_page", written.entries)
        problems += written.problems
    if strict and problems:
        for problem in problems:
            _note(problem)
        raise typer.Exit(SOME_FAILED)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="a results folder")],
    b: Annotated[Path, typer.Argument(metavar="B", help="the results folder to set beside it")],
    as_json: AsJson = False,
) -> None:
    """Two results folders row by row: of two commits, machines or precisions, or one study run twice."""
    load = load_dotted("ablate.records:load_results")
    compared = load_dotted("ablate.comparison:compare")(load(a), load(b))
    if as_json:
        _print_json(load_dotted("ablate.comparison:as_json")(compared))
    else:
        _print_page("comparison_page", compared)


@app.command()
def show(
    target: Annotated[str, typer.Argument(metavar="MODEL|STUDY", help="a preset, or a study file for its baseline")],
    overrides: Overrides = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="time every layer, against what this machine allows")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="of --profile: images in a batch")] = 1,
    device: Annotated[str, typer.Option(help="of --profile: auto, cpu, cuda or cuda:N")] = "auto",
    as_json: AsJson = False,
) -> None:
    """One network layer by layer."""
    changes = tuple(overrides or ())
    described = load_dotted("ablate.study.show:describe")(target, changes)
    if profile:
        taken = load_dotted("ablate.study.profile:profile")(target, changes, batch, device, _note)
        described = {**described, "profile": taken}
    if as_json:
        _print_json(described)
    else:
        _print_page("profile_page" if profile else "network_page", described)


@app.command()
def bench(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="a study file, whose variants are measured on this machine"),
    ] = None,
    overrides: Overrides = None,
    results: ResultsFolder = Path("results"),
    device: Device = "auto",
    depth: Annotated[
        Depth, typer.Option(help="how far to go: where networks stand, how fast they train, whole studies")
    ] = Depth.studies,
    script: Annotated[
        Path | None,
        typer.Option(help="a hand-written script to compare with; unless given, that of the source tree"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How fast this machine computes and copies, what of that a study's networks attain, and how fast they train."""
    measure = load_dotted("ablate.bench.run:bench")
    document = measure(study, tuple(overrides or ()), results, device, _note, depth=depth.value, script=script)
    if as_json:
        _print_json(document)
    else:
        _print_page("bench_page", document)


@app.command("list")
def list_(
    kind: Annotated[
        str | None, typer.Argument(metavar="[models|datasets|factors|metrics|quantities|recipes|studies]")
    ] = None,
) -> None:
    """What a study can name."""
    listings = load_dotted("ablate.pages:LISTINGS")
    if kind is not None:
        lookup(listings, kind, "list")
    _print_page("listing_page", list(listings) if kind is None else [kind])


@app.command()
def doctor() -> None:
    """Devices, data and packages of this machine."""
    _print_page("doctor_page", load_dotted("ablate.doctor:examine")())


@app.command()
def schema() -> None:
    """The JSON Schema of a study file, for editors."""
    _print_json(load_dotted("ablate.schema:json_schema")())


def _fail(message: str, code: int) -> NoReturn:
    _note(f"ablate: {message}")
    sys.exit(code)


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2))


def _print_page(page: str, *content: Any) -> None:
    """Print what the function `page` of pages makes of `content`."""
    blocks = load_dotted(f"ablate.pages:{page}")(*content)
    load_dotted("ablate.display:print_blocks")(blocks, load_dotted("ablate.display:console")("stdout"))


def _note(text: str) -> None:
    typer.echo(text, err=True)


if __name__ == "__main__":
    main()
