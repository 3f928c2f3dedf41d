"""The house: imports point down, siblings do not see each other, and every library has its doors."""

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ablate

PACKAGE = Path(ablate.__file__).parent
RESULTS = Path(__file__).parent.parent / "results"

# From the top down; what stands on one line does not import each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("pages",),
    ("display", "doctor", "bench"),
    ("study",),
    ("study.running",),
    ("study.planning",),
    ("study.reading",),
    ("comparison",),
    ("report",),
    ("analysis",),
    ("executors",),
    ("trial", "pace"),
    ("train", "measure"),
    ("models", "data"),
    ("ledger", "records", "occupancy", "count_cache"),
    ("cost_sets", "environment", "schema"),
    ("randomness", "lookup", "nvml", "files", "locks"),
    ("errors",),
    ("visible",),
)
DEPTH = {part: depth for depth, parts in enumerate(LAYERS) for part in parts}

# Library -> the modules through which alone it comes in.
DOORS = {
    "optuna": {"ledger.mirror", "ledger.queue", "ledger.storage", "ledger.trials", "study.running.proposals"},
    "sqlalchemy": {"ledger.place", "ledger.queue", "ledger.storage"},
    "ruamel": {"study.reading.yaml_nodes"},
    "torchvision": {"data.torchvision_sets"},
    "PIL": {"data.image_folder"},
    "rich": {"display.blocks", "display.live", "display.terminal"},
    "typer": {"cli"},
    "pydantic": {
        f"schema.{name}"
        for name in (
            "claims",
            "matching",
            "network",
            "plan",
            "planned",
            "record",
            "section",
            "settled",
            "stored",
            "study",
            "training",
            "tuning",
        )
    },
    "scipy": {f"analysis.{name}" for name in ("crossed", "effects", "power", "ratios", "unpaired")},
    "statsmodels": {"analysis.crossed", "analysis.verdicts"},
    "fvcore": {"models.fvcore_counts"},
    "jinja2": {"report.html"},
    "matplotlib": {
        "report.figures",
        *(f"report.figures.{name}" for name in ("bars", "canvas", "curves", "interaction", "ladder", "lines")),
        *(f"report.figures.{name}" for name in ("pareto", "seeds")),
    },
    "ray": {"executors.ray_tasks.driver"},
    "psutil": {"doctor"},
    "torch": {
        "trial",
        "pace",
        *(f"train.{name}" for name in ("augmentation", "averaging", "fit", "optimizers", "precision", "resized_crop")),
        *(f"train.{name}" for name in ("checkpoint", "materials", "rotation", "scoring", "sets", "stored", "views")),
        *(f"measure.{name}" for name in ("clock", "costs", "energy", "memory", "modes", "subject")),
        *(f"models.{name}" for name in ("activations", "blocks", "builders", "counts", "downsample", "external")),
        *(f"models.{name}" for name in ("family", "fvcore_counts", "initialise", "network", "outputs", "quantify")),
        "models.repeatable",
        "models.sizing",
        "models.traffic",
        "measure.beside",
        "measure.ceilings",
        "measure.profile",
    },
}
EVERYWHERE = {"numpy", "pandas"}

FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""Module below ablate -> its file; the package itself is the empty name."""

TREES = {module: ast.parse(path.read_text()) for module, path in FILES.items()}
DOTTED = re.compile(r"ablate((?:\.\w+)+)(?::\w*)?")


def imported_by(module: str) -> Iterator[str]:
    """Full names of what the import statements of `module` import, submodules rather than their packages."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.removeprefix("ablate.") in FILES else str(node.module)


def ours(module: str) -> set[str]:
    """Modules below ablate that `module` imports by statement."""
    return {name.removeprefix("ablate.") for name in imported_by(module) if name.startswith("ablate.")}


def named(module: str) -> set[str]:
    """Modules below ablate that `module` names in dotted strings, to be imported on first use."""
    strings = (node.value for node in ast.walk(TREES[module]) if isinstance(node, ast.Constant))
    found = (DOTTED.fullmatch(text) for text in strings if isinstance(text, str))
    return {match[1].removeprefix(".") for match in found if match}


def part(module: str) -> str:
    """Its layer: the folder below the package, or that and the one below it where LAYERS has these apart."""
    folders = ".".join(module.split(".")[:2])
    return folders if folders in DEPTH else module.partition(".")[0]


def rises(module: str, target: str) -> bool:
    """Whether an import of `target` by `module` goes up, or sideways to a sibling."""
    return part(module) != part(target) and DEPTH[part(target)] <= DEPTH[part(module)]


def test_every_module_has_its_layer() -> None:
    assert {part(module) for module in FILES if module} == set(DEPTH)


@pytest.mark.parametrize("module", [module for module in FILES if module])
def test_imports_point_down(module: str) -> None:
    assert {target for target in ours(module) if rises(module, target)} == set()


@pytest.mark.parametrize("module", [module for module in FILES if module])
def test_dotted_names_point_down_and_exist(module: str) -> None:
    assert {target for target in named(module) if rises(module, target)} == set()
    assert {target for target in named(module) if target not in FILES} == set()


def test_the_package_itself_imports_only_the_lookup() -> None:
    assert ours("") == {"lookup"}


def test_the_rules_see_what_they_forbid() -> None:
    assert rises("records", "study.planning.plan")
    assert rises("data", "models.spec")
    assert not rises("study.planning.plan", "records")
    assert not rises("study.planning.plan", "study.reading.load")
    assert rises("study.reading.load", "study.planning.plan")
    assert "measure.memory" in named("measure")
    assert {"pages", "display", "study.run"} <= named("cli")
    assert "data.small_objects" in ours("data")


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module: ours(module) for module in FILES}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(FILES)


@pytest.mark.parametrize("module", FILES)
def test_imports_stand_at_the_top(module: str) -> None:
    functions = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = [node for function in functions for node in ast.walk(function)]
    assert [node.lineno for node in inner if isinstance(node, ast.Import | ast.ImportFrom)] == []


PAST_THE_LOADER = {"report", "comparison", "pages"}


def defaults_in(tree: ast.Module) -> list[int]:
    """Lines where a mapping is asked for a key with `.get(key, default)`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [call.lineno for call in calls if call.func.attr == "get" and len(call.args) + len(call.keywords) > 1]


@pytest.mark.parametrize("module", [module for module in FILES if module.partition(".")[0] in PAST_THE_LOADER])
def test_what_was_checked_is_read_without_a_default(module: str) -> None:
    """A default would show a made-up value where the file's type and its reader disagree."""
    assert defaults_in(TREES[module]) == []


def test_the_rule_sees_a_default() -> None:
    assert defaults_in(ast.parse("a.get('b')\na.get('b', 0)\na.get('b', default=0)")) == [2, 3]


def libraries() -> dict[str, set[str]]:
    """Third-party library -> the modules that import it."""
    found: dict[str, set[str]] = {}
    for module in FILES:
        for name in imported_by(module):
            library = name.partition(".")[0]
            if library not in sys.stdlib_module_names and library != "ablate":
                found.setdefault(library, set()).add(module)
    return found


def test_every_library_has_its_doors() -> None:
    found = libraries()
    assert {library: modules for library, modules in found.items() if library not in EVERYWHERE} == DOORS


def test_what_is_imported_is_a_declared_dependency() -> None:
    project: dict[str, Any] = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["ray"]]
    declared = {re.match(r"[\w.-]+", line)[0].lower() for line in required}  # type: ignore[index]
    packages = {"ruamel": "ruamel.yaml", "PIL": "pillow"}
    assert {packages.get(library, library).lower() for library in libraries()} <= declared


def test_a_worker_has_no_tables() -> None:
    code = "import sys, ablate.trial\nassert not {'pandas', 'scipy', 'optuna'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


class TestWithoutTorch:
    """What must answer at once, in a process where importing torch is an error."""

    BLOCKED = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise AssertionError(f"{name} is not to be imported here")

sys.meta_path.insert(0, NoTorch())
"""

    def run(self, program: str, *arguments: str) -> str:
        code = f"{self.BLOCKED}{program}\nassert 'torch' not in sys.modules"
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_command(self, *arguments: str) -> str:
        program = """
from ablate.cli import main
try:
    main()
except SystemExit as exit:
    assert exit.code in (0, None), exit.code
"""
        return self.run(program, *arguments)

    def test_the_block_blocks(self) -> None:
        with pytest.raises(AssertionError, match="torch is not to be imported here"):
            self.run("import torch")

    def test_import_brings_in_nothing_heavy(self) -> None:
        self.run("import ablate\nassert not {'numpy', 'pandas', 'optuna', 'rich'} & set(sys.modules)")

    def test_a_run_begins_without_what_it_ends_with(self) -> None:
        late = {"pandas", "scipy", "statsmodels", "matplotlib", "jinja2"}
        self.run(f"import ablate.study.run, ablate.display\nassert not {late} & set(sys.modules)")

    def test_the_names_of_the_package_but_for_building_networks(self) -> None:
        self.run("import ablate\nablate.run, ablate.load_study, ablate.load_results, ablate.analysis.contrasts")

    def test_a_notebook_s_view_of_all_studies(self) -> None:
        self.run("import ablate\nassert len(ablate.load_results(sys.argv[1]).contrasts)", str(RESULTS))

    def test_help(self) -> None:
        assert " compare " in self.run_command("--help")

    def test_lists(self) -> None:
        assert "mini_xception" in self.run_command("list")

    def test_schema(self) -> None:
        assert '"properties"' in self.run_command("schema")

    def test_report_and_status(self, engine: Any) -> None:
        engine.run()
        assert "strided" in self.run_command("report", str(engine.results))
        assert "4 of 4 trials complete" in self.run_command("status", str(engine.results))

    def test_compare(self, engine: Any) -> None:
        engine.run()
        assert "B repeats A" in self.run_command("compare", str(engine.results), str(engine.results))
