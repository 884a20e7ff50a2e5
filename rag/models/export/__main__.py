"""One step of an export, in a process of its own: `python -m rag.models.export STEP FOLDER`.

The request comes as the first line of standard input, JSON; what happens goes to standard output, one
JSON object a line: `phase`, `weights_gb`, at the end `result`, `error` (a sentence for the person who asked)
or `failed` (what a library raised). The process ends itself when its standard input closes, that is, when
whoever started it is gone.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from rag.errors import RagError

Say = Callable[..., None]


def main() -> None:
    """Take one step and say what came of it."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    say = _speaker()
    request: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        result = import_module(f"rag.models.export.{step}").run(request, folder, say)
    except RagError as exc:
        say(error=str(exc))
    except OSError as exc:
        say(failed=str(exc))
    except Exception as exc:  # noqa: BLE001 - the libraries below raise anything
        say(failed=f"{type(exc).__name__}: {' '.join(str(exc).split())[:600]}")
    else:
        say(result=result)


def _speaker() -> Say:
    """Return the way to speak to whoever started us; what libraries print goes to the log instead."""
    mouth, turn = os.fdopen(os.dup(1), "w", encoding="utf-8"), threading.Lock()
    os.dup2(2, 1)

    def say(**message: object) -> None:
        with turn:
            mouth.write(json.dumps(message) + "\n")
            mouth.flush()

    return say


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
