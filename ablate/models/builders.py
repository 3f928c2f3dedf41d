"""Networks of the user's own: a function named in the study file, found, called and looked at.

Its code is run, with all that this means: a study file with `builder:` is to be trusted like a script. Planning calls
it in a process of its own, with a deadline (`ablate.study.reading.probe`).
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

import torch
from torch import Tensor, nn

from ablate.errors import ModelError, SourceChanged
from ablate.lookup import load_dotted, suggestion
from ablate.models.outputs import Outputs
from ablate.models.sources import file_digest, module_digest, place_of
from ablate.models.spec import FROM_DATA, BuilderSpec

FILE_MODULE = "ablate_builder_"  # what a module from a file is called, before its path's digest
SIMPLE = {bool: "bool", int: "int", float: "float", str: "str"}


def watched(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> Any:
    """Run the `function` that `task` names on its `task`; after `seconds` report `{"at": "file:line"}` of where it is.

    Whoever waits can then say where the user's code hangs, and end this process.
    """
    alarm = threading.Timer(task["seconds"], _say_where, (threading.get_ident(), report))
    alarm.daemon = True
    alarm.start()
    try:
        return load_dotted(task["function"])(task["task"], report)
    finally:
        alarm.cancel()


def _say_where(thread: int, report: Callable[[dict[str, Any]], None]) -> None:
    report({"at": _place(traceback.extract_stack(sys._current_frames()[thread]))})


def signature(task: dict[str, str], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """What a study can set of the function that `task` names by `builder` and `folder`: JSON.

    `digest` is of its source files; `parameters` one entry a keyword argument: name, whether it is `required`, `kind`
    (bool, int, float, str, choice, any) and `choices`; `open` whether it takes any keyword besides.
    """
    function = _function(task["builder"], task["folder"])
    parameters = _signature(task["builder"], function).parameters.values()
    keywords = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    for each in parameters:
        if each.kind is each.POSITIONAL_ONLY and each.default is each.empty:
            raise ModelError(f"builder {task['builder']}: argument {each.name!r} cannot be given by name; drop the '/'")
    return {
        "digest": _digest(_module(task["builder"], task["folder"])),
        "parameters": [_parameter(each) for each in keywords],
        "open": any(each.kind is each.VAR_KEYWORD for each in parameters),
    }


def assemble_builder(spec: BuilderSpec) -> nn.Module:
    """Call the user's function; raises `ModelError` where it raises or gives something that is no network, and
    `SourceChanged` where its source is not that of `spec`."""
    function = _function(spec.builder, spec.folder)
    _check_source(spec)
    accepted = _signature(spec.builder, function).parameters
    from_data = {name: getattr(spec, name) for name in FROM_DATA if name in accepted}
    given = {name: value for name, value in from_data.items() if value is not None} | spec.arguments
    try:
        with _neighbours_importable(spec.builder, spec.folder):
            network = function(**given)
    except (Exception, SystemExit) as error:
        arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise ModelError(f"builder {spec.builder}: called with {arguments} it raised {_told(error)}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"builder {spec.builder}: returned {type(network).__name__} {network!r:.60}; it has to return a "
            "torch.nn.Module"
        )
    return network


def _check_source(spec: BuilderSpec) -> None:
    found = _digest(_module(spec.builder, spec.folder))
    if found != spec.digest:
        raise SourceChanged(
            f"builder {spec.builder}: its source has changed since the study was planned: its digest was "
            f"{spec.digest[:12]} and is {found[:12]} now; restore it, or run the study under another name or with "
            "another --results"
        )


@torch.no_grad()
def check_builder(spec: BuilderSpec, network: nn.Module) -> None:
    """Raise `ModelError` unless `network` can be trained to tell the classes apart: one forward pass in either mode."""
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ModelError(f"builder {spec.builder}: its network has no parameters to train")
    for mode in ("training", "evaluation"):
        images = torch.zeros(2, spec.in_channels, spec.input_size, spec.input_size)
        try:
            given = network.train(mode == "training")(images)
        except Exception as error:
            raise ModelError(
                f"builder {spec.builder}: its network fails in {mode} on images {tuple(images.shape)}: {_told(error)}"
            ) from error
        _check_output(spec, given, mode)


def check_new(spec: BuilderSpec, network: nn.Module, again: nn.Module) -> None:
    """Raise `ModelError` if `again`, of a second call, shares with `network` what training changes.

    Trials of one process would begin with the weights that another one left.
    """
    if again is network:
        raise ModelError(
            f"builder {spec.builder}: returned the same module twice, so that a trial would begin with the trained "
            "weights of another; build a new one at every call"
        )
    before = set(network.modules())
    shared = [name for name, module in again.named_modules() if module in before and _has_state(module)]
    stored = {_address(parameter) for parameter in network.parameters()} - {0}
    shared += [name for name, parameter in again.named_parameters() if _address(parameter) in stored]
    if shared:
        raise ModelError(
            f"builder {spec.builder}: two calls returned networks that share {shared[0]}, so that a trial would begin "
            "with the trained weights of another; build a new one at every call"
        )


def _has_state(module: nn.Module) -> bool:
    return bool([*module.parameters(recurse=False), *module.buffers(recurse=False)])


def _address(parameter: Tensor) -> int:
    """Of the parameter's storage; 0 where it has none."""
    return parameter.untyped_storage().data_ptr()


def _check_output(spec: BuilderSpec, given: Any, mode: str) -> None:
    logits = given.logits if isinstance(given, Outputs) and mode == "training" else given
    if not isinstance(logits, Tensor):
        raise ModelError(
            f"builder {spec.builder}: its network gives {type(given).__name__} in {mode}; it has to give one tensor "
            "of logits, (n, num_classes)"
        )
    if spec.num_classes is not None and tuple(logits.shape) != (2, spec.num_classes):
        raise ModelError(
            f"builder {spec.builder}: its network gives {tuple(logits.shape)} for 2 images of {spec.num_classes} "
            f"classes; it has to give (2, {spec.num_classes}); take num_classes as an argument"
        )


def _function(builder: str, folder: str) -> Callable[..., Any]:
    module, (where, _, name) = _module(builder, folder), builder.rpartition(":")
    found = getattr(module, name, None)
    if isinstance(found, nn.Module):
        raise ModelError(
            f"builder {builder}: {name} is a module, not a function that makes one; name a function that builds a new "
            "one at every call"
        )
    if not callable(found):
        functions = [each for each, value in vars(module).items() if inspect.isroutine(value) and each[0] != "_"]
        raise ModelError(
            f"builder {builder}: {where} has no function {name!r}; it has {', '.join(functions) or 'none'}"
        )
    return found  # type: ignore[no-any-return]


def _signature(builder: str, function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:  # an annotation that only type checkers can resolve
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"builder {builder}: its arguments cannot be read ({error}); name a Python function"
        ) from error


def _module(builder: str, folder: str) -> ModuleType:
    where = builder.rpartition(":")[0]
    _check_place(builder, Path(folder, where))
    try:
        with _neighbours_importable(builder, folder):
            return _module_of_file(Path(folder, where)) if where.endswith(".py") else importlib.import_module(where)
    except (Exception, SystemExit) as error:  # a script may end its process, as argparse does
        raise ModelError(f"builder {builder}: {where} cannot be imported: {_told(error)}") from error


def _check_place(builder: str, path: Path) -> None:
    """Raise for a builder that names neither a file nor, by its form, a module."""
    where = builder.rpartition(":")[0]
    if where.endswith(".py"):
        if not path.is_file():
            beside = sorted(file.name for file in path.parent.glob("*.py"))
            hint = f"; {suggestion(path.name, beside)}" if beside else ""
            raise ModelError(f"builder {builder}: no such file in {path.resolve().parent}{hint}")
    elif not all(part.isidentifier() for part in where.split(".")):
        what = "a folder, not a .py file" if path.is_dir() else "neither a .py file nor the dotted name of a module"
        raise ModelError(f"builder {builder}: {where!r} is {what}; give path.py:function or package.module:function")


@contextmanager
def _neighbours_importable(builder: str, folder: str) -> Iterator[None]:
    """As in a script, modules beside the builder's file can be imported by it, at its top or in its functions."""
    where = builder.rpartition(":")[0]
    if not where.endswith(".py"):
        yield
        return
    beside = str(Path(folder, where).resolve().parent)
    sys.path.insert(0, beside)
    try:
        yield
    finally:
        sys.path.remove(beside)


def _module_of_file(path: Path) -> ModuleType:
    """The module at `path`, imported once a process."""
    path = path.resolve()
    name = f"{FILE_MODULE}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


# Of the source that was imported, not of what an editor makes of it while this process goes on with that.
@lru_cache
def _digest(module: ModuleType) -> str:
    source = getattr(module, "__file__", None)
    if source is None:
        raise ModelError(f"{module.__name__} has no source file; name the module that defines the function")
    file = Path(source).resolve()
    return file_digest(file) if module.__name__.startswith(FILE_MODULE) else module_digest(module.__name__, file)


def _parameter(parameter: inspect.Parameter) -> dict[str, Any]:
    kind, choices = _kind(parameter.annotation)
    required = parameter.default is parameter.empty
    return {"name": parameter.name, "required": required, "kind": kind, "choices": choices}


def _kind(annotation: Any) -> tuple[str, list[Any]]:
    """What an annotation asks of a value, in words that JSON can carry."""
    if get_origin(annotation) is Literal:
        return "choice", list(get_args(annotation))
    return (SIMPLE[annotation], []) if isinstance(annotation, type) and annotation in SIMPLE else ("any", [])


def _told(error: BaseException) -> str:
    """An exception and where it was raised, in one line."""
    if isinstance(error, ModelError):
        return str(error)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}:{error.lineno})"
    message = (str(error).strip() or "no message").splitlines()[0]
    place = _place(traceback.extract_tb(error.__traceback__))
    return f"{type(error).__name__}: {message}{f' ({place})' if place else ''}"


def _place(stack: traceback.StackSummary) -> str:
    return place_of([(frame.filename, frame.lineno) for frame in reversed(stack) if frame.lineno is not None])
