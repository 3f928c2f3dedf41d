"""A worker process: `python -m ablate.executors.worker [CORE ...]`, which stays on the cores that are named.

It reads one JSON line a call from standard input, `{"function", "task", "log"}`, runs the function and answers with
JSON lines on standard output: any number of `{"progress"}`, then one `{"result"}` or `{"cause"}`. What the function
prints, and a traceback, go to the call's log. When its standard input closes, the worker ends at once.
"""

import faulthandler
import json
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from ablate.lookup import load_dotted


def main() -> None:
    """Serve calls until the parent is gone."""
    if sys.argv[1:]:
        with suppress(OSError):  # of a core that is this process's no more
            os.sched_setaffinity(0, {int(core) for core in sys.argv[1:]})
    faulthandler.enable()  # so that a crash of library code leaves a traceback in the log
    answers = os.fdopen(os.dup(1), "w")
    for call in _calls():
        _redirect_output(Path(call["log"]))
        _send(answers, _outcome(call, answers))


def _calls() -> Iterator[dict[str, Any]]:
    """Calls as they come. Reading happens in a thread, so that a closed pipe ends the process amid a call."""
    waiting: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(waiting,), daemon=True).start()
    while True:
        yield json.loads(waiting.get())


def _read(waiting: "SimpleQueue[str]") -> None:
    for line in sys.stdin:
        waiting.put(line)
    os._exit(0)


def _redirect_output(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _outcome(call: dict[str, Any], answers: TextIO) -> str:
    """The last answer to `call`. Whatever it raises is an outcome here: the parent decides what becomes of it."""
    try:
        function = load_dotted(call["function"])
        return _line({"result": function(call["task"], lambda progress: _send(answers, _line({"progress": progress})))})
    except Exception as error:
        traceback.print_exc()
        sys.stderr.flush()
        first_line = (str(error).strip() or "no message").splitlines()[0]
        return _line({"cause": f"{type(error).__name__}: {first_line}"})


def _line(message: dict[str, Any]) -> str:
    """One line of JSON; what JSON cannot hold raises here, where it counts as the function's failure."""
    return json.dumps(message, allow_nan=False) + "\n"


def _send(answers: TextIO, line: str) -> None:
    answers.write(line)
    answers.flush()


if __name__ == "__main__":
    main()
