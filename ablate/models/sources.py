"""The source files that a user's module is made of, their digest, and a place in them. Free of torch.

What is imported is read from the sources, not from what happens to be loaded: a function may import as well, and the
same process may have imported another module. Modules that are imported by a computed name are not seen.
"""

import ast
import hashlib
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
INSTALLED = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}


def file_digest(file: Path) -> str:
    """sha256 over `file` and all that it imports from beside or below it, directly or not."""
    return _digest({file}, file.parent, None)


def module_digest(name: str, file: Path) -> str:
    """sha256 over the module `name`, whose source is `file`, and all that it imports from its own top package."""
    parts = name.split(".")
    folders = len(parts) if file.name == "__init__.py" else len(parts) - 1
    top = file.parents[folders]
    return _digest({file, *_files_of(top, parts)}, top, parts[0])


def place_of(frames: Sequence[tuple[str, int]]) -> str:
    """`file:line` of the user's own code among `frames` (file and line, the innermost first).

    Else of an installed package that is not this one; empty where Python's own files are all there is.
    """
    files = [(Path(file).resolve(), line) for file, line in frames if not file.startswith("<")]
    others = [(path, line) for path, line in files if PACKAGE not in path.parents]
    installed = [(path, line) for path, line in others if INSTALLED & set(path.parents)]
    own = [each for each in others if each not in installed and STANDARD_LIBRARY not in each[0].parents]
    return next((f"{path.name}:{line}" for path, line in [*own, *installed]), "")


def _digest(starts: set[Path], top: Path, package: str | None) -> str:
    found, waiting = set(starts), list(starts)
    while waiting:
        new = set(_imported(waiting.pop(), top, package)) - found
        found |= new
        waiting += new
    parts = [f"{file.relative_to(top)}\n{hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in sorted(found)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _imported(file: Path, top: Path, package: str | None) -> Iterator[Path]:
    """The files below `top` that `file` imports; with `package` those of this one alone."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except SyntaxError:  # whoever imports it hears of it
        return
    for node in nodes:
        for start, parts in _names(node, file, top):
            if package is None or start != top or parts[0] == package:
                yield from (found for found in _files_of(start, parts) if top in found.parents)


def _names(node: ast.AST, file: Path, top: Path) -> Iterator[tuple[Path, list[str]]]:
    """What `node` imports: the folder in which the search starts, and the parts of the dotted name."""
    if isinstance(node, ast.Import):
        yield from ((top, alias.name.split(".")) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        start = file.parents[node.level - 1] if node.level else top
        before = node.module.split(".") if node.module else []
        # What follows `import` may be a module or a name in one; a name has no file.
        yield from ((start, [*before, alias.name]) for alias in node.names)


def _files_of(start: Path, parts: list[str]) -> Iterator[Path]:
    """The files that importing the dotted name runs: each package's own on the way, and the module's."""
    place = start
    for part in parts:
        place = place / part
        files = (place.with_name(f"{part}.py"), place / "__init__.py")
        yield from (file for file in files if file.is_file())
