"""`ingest`: files and folders into the library."""

import argparse
import os
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType

from rag.amounts import counted
from rag.cli.common import add_collection, add_json, as_json, settings_for
from rag.file_outcome import FileOutcome
from rag.ingest import SourceFile
from rag.library import Library
from rag.names import file_name
from rag.service import open_embedders, open_library

_INTERRUPTED = 130
_SHOWN = 10  # files by name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with files")
    add_collection(parser)
    parser.add_argument("--password", metavar="P", help="opens those of the files that need one")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ingest, one line per file; return 1 when a file failed. Ctrl-C keeps what is done."""
    settings = settings_for(args)
    files = list(source_files(args.paths, args.password))
    if not files:
        print("There is no file to add.", file=sys.stderr)
    library = open_library(settings, open_embedders(settings))
    shown = _Shown(files, outcomes=not args.json)
    try:
        _say_what_was_undone(library, args.collection, files)
        with _interruptible() as interrupted:
            outcomes = library.ingest(
                files,
                collection=args.collection,
                on_progress=shown.on_progress,
                on_outcome=shown.on_outcome,
                cancelled=interrupted.is_set,
            )
    finally:
        shown.clear()
        library.close()
    if args.json:
        print(as_json({"collection": args.collection, "files": [asdict(outcome) for outcome in outcomes]}))
    if interrupted.is_set():
        _say_what_is_left(files[shown.n_begun :], shown.underway)
        return _INTERRUPTED
    return int(any(outcome.status == "failed" for outcome in outcomes))


def source_files(paths: list[Path], password: str | None = None) -> Iterator[SourceFile]:
    """Yield the files at `paths`; those of a folder under their path in it, hidden ones left out.

    What cannot be looked at is yielded too, and fails when it is read: it costs itself alone.
    """
    for path in paths:
        try:
            inner = sorted(path.rglob("*")) if path.is_dir() else None
        except OSError:
            inner = None
        if inner is None:
            yield _source_file(path, Path(path.name), password)
            continue
        for file in inner:
            name = file.relative_to(path)
            if not any(part.startswith(".") for part in name.parts) and not file.is_dir():
                yield _source_file(file, name, password)


def _source_file(path: Path, name: Path, password: str | None) -> SourceFile:
    # Whatever the locale made of the name's bytes, on disk they are UTF-8 almost everywhere.
    shown = os.fsencode(name.as_posix()).decode("utf-8", "replace")
    try:
        size_bytes = path.stat().st_size
    except OSError:
        size_bytes = 0
    return SourceFile(shown, size_bytes, partial(_read_file, path), password)


def _read_file(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no ordinary file")
        return file.read()


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Yield what Ctrl-C sets; a second one ends the command at once."""
    interrupted = threading.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _say_what_was_undone(library: Library, collection: str, files: Sequence[SourceFile]) -> None:
    """Name, once, what an earlier process was adding when it was ended: nobody may have been told."""
    now = {file_name(file.name) for file in files}
    undone = library.unfinished()
    again = [entry.name for entry in undone if entry.collection == collection and entry.name in now]
    others = [entry.name for entry in undone if entry.collection != collection or entry.name not in now]
    if again:
        print(f"Rolled back at the last run, and added again now: {_listed(again)}.", file=sys.stderr)
    if others:
        print(f"Rolled back at the last run: {_listed(others)}. Add them again.", file=sys.stderr)
    library.acknowledge()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _say_what_is_left(files: Sequence[SourceFile], underway: str) -> None:
    said = ["Interrupted. What is listed as added stays."]
    if underway:
        said.append(f"{underway} was underway, and nothing of it was kept.")
    if files:
        names = _listed([file_name(file.name) for file in files])
        said.append(f"Not begun: {counted(len(files), 'file')} ({names}).")
    print(" ".join(said), file=sys.stderr)


class _Shown:
    """What is to be seen of the work: a line for each outcome, and in a terminal how far it is."""

    def __init__(self, files: Sequence[SourceFile], *, outcomes: bool) -> None:
        self.n_begun = 0
        self.underway = ""
        self._names = [file_name(file.name) for file in files]
        self._outcomes = outcomes
        self._is_live = sys.stderr.isatty()

    def on_progress(self, name: str, embedded: int, chunks: int) -> None:
        """Take note of how far the file `name` is."""
        if not chunks:
            self.underway = name
            self.n_begun += self._names[self.n_begun : self.n_begun + 1] == [name]
        if self._is_live:
            doing = f"{embedded:,} of {counted(chunks, 'chunk')}" if chunks else "reading"
            line = f"{self.n_begun} of {counted(len(self._names), 'file')}: {name}, {doing}"
            self.clear()
            sys.stderr.write(line[: shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()

    def on_outcome(self, outcome: FileOutcome) -> None:
        """Take note of what became of a file."""
        if outcome.name == self.underway:
            self.underway = ""
        self.clear()
        if self._outcomes:
            print(f"{outcome.status:9}  {outcome.message}", flush=True)

    def clear(self) -> None:
        """Leave an empty line to write to."""
        if self._is_live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
