"""The command line: `python -m rag COMMAND …`."""

import argparse
import io
import sys
from collections.abc import Sequence

from rag.cli import evaluate, ingest, rerank, search
from rag.cli.common import as_json
from rag.errors import QueryError, RagError, SettingsError, UnknownModelError

FAILED, USAGE = 1, 2

_COMMANDS = {
    "ingest": (ingest, "put files and folders into the library"),
    "search": (search, "ask a question: both rankings and every stage's time"),
    "rerank": (rerank, "score passages for one question"),
    "eval": (evaluate, "measure both stages over a BEIR folder"),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="python -m rag", description="RerankLens on the command line.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, help_text) in _COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=help_text, description=help_text))
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 when it failed, 2 when it was not asked for rightly."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        # Whatever the locale says: file names and passages may hold any character.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    args = parser().parse_args(argv)
    try:
        status: int = _COMMANDS[args.command][0].run(args)
    except RagError as exc:
        if args.json:
            print(as_json({"error": {"type": type(exc).__name__, "message": str(exc)}}))
        print(f"error: {exc}", file=sys.stderr)
        return USAGE if isinstance(exc, QueryError | SettingsError | UnknownModelError) else FAILED
    except KeyboardInterrupt:
        return FAILED
    return status


if __name__ == "__main__":
    sys.exit(main())
