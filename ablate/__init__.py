"""ablate: does this part of my network help?

The names below are imported on first use, so that `import ablate` costs nothing and never brings in torch.
"""

from importlib import import_module
from typing import Any

from ablate.lookup import load_dotted

__version__ = "0.1.0"
__all__ = ["Options", "analysis", "load_results", "load_study", "models", "run"]

_LAZY = {
    "Options": "ablate.study.running.options:Options",
    "load_results": "ablate.report.collecting:load_results",
    "load_study": "ablate.study.reading.load:load_study",
    "run": "ablate.study.run:run",
}
_PACKAGES = ("analysis", "models")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return load_dotted(_LAZY[name])
    if name in _PACKAGES:
        return import_module(f"ablate.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
