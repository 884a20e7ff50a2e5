"""The command line: `python -m rag COMMAND …`."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from rag.cli.common import as_json
from rag.errors import QueryError, RagError, SettingsError, UnknownModelError

FAILED, USAGE, INTERRUPTED = 1, 2, 130

# Each command's module in rag.cli, and what it does.
_COMMANDS = {
    "ingest": ("ingest", "put files and folders into the library"),
    "search": ("search", "ask a question: both rankings and every stage's time"),
    "rerank": ("rerank", "score passages for one question"),
    "eval": ("evaluate", "measure both stages over a BEIR folder"),
    "report": ("report", "write what was answered and measured as one HTML file"),
    "judgments": ("judgments", "hand judgments and recorded runs to other programs, or take some over"),
    "collections": ("collections", "list, create, rename, delete, export and import collections"),
    "reembed": ("reembed", "give a collection another embedder"),
    "models": ("models", "the catalogue and the cache: list, export, check, path"),
    "verify": ("verify", "drive a running server as a client would, and hold its times against limits"),
    "doctor": ("doctor", "look at packages, models, disks, memory and threads, and say what to do"),
}


class _Command(Protocol):
    """What each module in rag.cli holds."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class _Unavailable:
    """A command that needs a Python package which is missing or broken, and says so when it is run."""

    def __init__(self, reason: ImportError) -> None:
        self.reason = reason

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(json=False)

    def run(self, _args: argparse.Namespace) -> int:
        raise RagError(
            f"This command needs a Python package that cannot be used here: {self.reason}. "
            f"Run {sys.executable} -m rag doctor: it says what is missing."
        )


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands; with `only`, the others are named and not loaded."""
    top = argparse.ArgumentParser(prog="python -m rag", description="RerankLens on the command line.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, help_text) in _COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        if only in (None, name):
            _load(module).add_arguments(command)
    return top


def _load(module: str) -> _Command:
    # By name, because `doctor` must run where the packages that the others import are missing.
    try:
        return cast(_Command, import_module(f"rag.cli.{module}"))
    except ImportError as exc:
        return _Unavailable(exc)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 when it failed, 2 when it was not asked for rightly, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        # Whatever the locale says: file names and passages may hold any character.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    argv = sys.argv[1:] if argv is None else argv
    # A command starts in half the time where it need not load what the others import.
    top = parser(argv[0] if argv and argv[0] in _COMMANDS else None)
    args, unknown = top.parse_known_args(argv)
    command = _load(_COMMANDS[args.command][0])
    # A command that could not be loaded knows none of its arguments, and has something else to say.
    if unknown and not isinstance(command, _Unavailable):
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        status = command.run(args)
    except RagError as exc:
        if args.json:
            print(as_json({"error": {"type": type(exc).__name__, "message": str(exc)}}))
        print(f"error: {exc}", file=sys.stderr)
        return USAGE if isinstance(exc, QueryError | SettingsError | UnknownModelError) else FAILED
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


if __name__ == "__main__":
    sys.exit(main())
