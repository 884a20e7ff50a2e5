"""`ingest`: files and folders into the library."""

import argparse
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rag.cli.common import add_collection, add_json, as_json, settings_for
from rag.ingest import SourceFile
from rag.records import FileOutcome
from rag.service import open_embedders, open_library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with files")
    add_collection(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ingest, one line per file; return 1 when a file failed."""
    settings = settings_for(args)
    library = open_library(settings, open_embedders(settings))
    try:
        outcomes = library.ingest(
            source_files(args.paths),
            collection=args.collection,
            on_outcome=None if args.json else _print_outcome,
        )
    finally:
        library.close()
    if not outcomes:
        print("There is no file to add.", file=sys.stderr)
    if args.json:
        print(as_json({"collection": args.collection, "files": [asdict(outcome) for outcome in outcomes]}))
    return int(any(outcome.status == "failed" for outcome in outcomes))


def source_files(paths: list[Path]) -> Iterator[SourceFile]:
    """Yield the files at `paths`; those of a folder under their path in it, hidden ones left out.

    What cannot be looked at is yielded too, and fails when it is read: it costs itself alone.
    """
    for path in paths:
        try:
            inner = sorted(path.rglob("*")) if path.is_dir() else None
        except OSError:
            inner = None
        if inner is None:
            yield _source_file(path, Path(path.name))
            continue
        for file in inner:
            name = file.relative_to(path)
            if not any(part.startswith(".") for part in name.parts) and not file.is_dir():
                yield _source_file(file, name)


def _source_file(path: Path, name: Path) -> SourceFile:
    # Whatever the locale made of the name's bytes, on disk they are UTF-8 almost everywhere.
    shown = os.fsencode(name.as_posix()).decode("utf-8", "replace")
    try:
        size_bytes = path.stat().st_size
    except OSError:
        size_bytes = 0
    return SourceFile(shown, size_bytes, partial(_read_file, path))


def _read_file(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no ordinary file")
        return file.read()


def _print_outcome(outcome: FileOutcome) -> None:
    print(f"{outcome.status:9}  {outcome.message}", flush=True)
