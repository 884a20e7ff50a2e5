"""Read, parse and chunk files, one after the other, ahead of whoever embeds what is in them."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import IO

from rag.amounts import counted
from rag.chunk import split
from rag.embed import Embedder
from rag.errors import (
    ArchiveLimitError,
    DocumentError,
    EmptyDocumentError,
    LibraryError,
    TookTooLongError,
    TooLargeError,
)
from rag.ingest.ahead import Ahead
from rag.names import file_name
from rag.parse.blocks import Failed, Member
from rag.parse.contain import Parsers
from rag.parse.limits import MAX_ARCHIVE_DEPTH, MAX_MEMBERS, MAX_UNPACKED_BYTES
from rag.records import Chunk, Chunking, Document
from rag.store import Store

_AHEAD_BYTES = 64_000_000
_CHUNK_BYTES = 1500  # what a chunk takes beside its text, with its share of the document's
_IN_MEMORY_BYTES = 16_000_000
# More of them in one archive would keep a reader busy for hours.
_MOST_SLOW = 5


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file on its way in. `read` is called once, when its turn comes, and may raise OSError."""

    name: str
    size_bytes: int
    read: Callable[[], bytes]
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A file's turn has come. `index` is its place among those that were given, None for one in another."""

    name: str
    size_bytes: int
    index: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """The file's bytes are in the collection already."""

    document_id: str


@dataclass(frozen=True, slots=True)
class Cut:
    """A document of the file, cut into chunks for `embedder`; one that is there already has none.

    `original` is the file itself where it is to be kept. `is_record`: there are more in the file.
    """

    document: Document
    size_bytes: int
    chunks: Sequence[Chunk]
    embedder: Embedder
    chunking: Chunking
    original: bytes | None
    is_record: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """A part of the file that could not be read: a record, or a file in it."""

    failed: Failed
    is_record: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """That was all of the file; `error` is why it is not more."""

    error: DocumentError | LibraryError | None


@dataclass(frozen=True, slots=True)
class Over:
    """That was the last file."""


Event = Begun | Known | Cut | Lost | Ended | Over


class Intake:
    """Turns files into events, in `run`; somebody else takes them out of `ahead`."""

    def __init__(
        self,
        store: Store,
        parsers: Parsers,
        *,
        collection: str,
        embedder: Callable[[], Embedder],
        max_file_bytes: int,
    ) -> None:
        self.ahead: Ahead[Event] = Ahead(_AHEAD_BYTES)
        self._store = store
        self._parsers = parsers
        self._collection = collection
        self._embedder = embedder
        self._max_file_bytes = max_file_bytes

    def run(self, files: Iterable[SourceFile]) -> None:
        """Put the events of all `files` into `ahead`. Raises ClosedError when that is closed."""
        for index, file in enumerate(files):
            self._open(file, index, 0, _Room())
        self.ahead.put(Over())

    def _open(self, file: SourceFile, index: int | None, depth: int, room: "_Room") -> None:
        name, error = file_name(file.name), None
        self.ahead.put(Begun(name, file.size_bytes, index))
        with _Members() as members:
            try:
                for event, n_bytes in self._events(file, name, depth, room, members):
                    self.ahead.put(event, n_bytes)
            except (DocumentError, LibraryError) as exc:
                error = _bare(exc)
                room.slow += depth > 0 and isinstance(exc, TookTooLongError)
            self.ahead.put(Ended(error))
            for number, member in enumerate(members.files(file.password)):
                if room.slow >= _MOST_SLOW:
                    self.ahead.put(_too_slow(name, len(members) - number))
                    return
                self._open(member, None, depth + 1, room)

    def _events(
        self, file: SourceFile, name: str, depth: int, room: "_Room", members: "_Members"
    ) -> Iterator[tuple[Event, int]]:
        data = self._read(file, name)
        document_id = sha256(data).hexdigest()
        held_as = self._store.name_of(self._collection, document_id)
        # What is attached to a mail may have failed when the mail itself was added.
        if held_as and not held_as.lower().endswith(".eml"):
            yield Known(document_id), 0
            return
        # Refused where it is read: ending a reader in the middle, and starting another, takes a second.
        refusal = _too_deep(name) if depth >= MAX_ARCHIVE_DEPTH else room.refusal(name)
        pieces = self._parsers.open(
            name, data, password=file.password, refusal=refusal, cancelled=lambda: self.ahead.closed
        )
        for piece in pieces:
            match piece:
                case Document():
                    yield self._cut(piece, name, data)
                case Failed():
                    yield Lost(piece, piece.name.startswith(f"{name}#")), 500
                case Member():
                    room.take(name, piece)
                    members.add(name, piece)

    def _cut(self, document: Document, name: str, data: bytes) -> tuple[Event, int]:
        is_record, embedder = document.name.startswith(f"{name}#"), self._embedder()
        chunking, chunks = self._store.chunking(self._collection), tuple[Chunk, ...]()
        size_bytes, original = len(data), None
        if is_record:
            size_bytes = len(document.text.encode())
        elif document.kind == "pdf" and b"/Encrypt" not in data:
            original = data
        if not self._store.name_of(self._collection, document.id):
            chunks = split(document, embedder.offsets, room=embedder.passage_room, chunking=chunking)
            if not chunks:
                no_text = EmptyDocumentError(
                    f"{document.name} was read, but there is no text in it to search."
                )
                if not is_record:
                    raise no_text
                return Lost(Failed(document.name, no_text.reason, str(no_text)), is_record=True), 500
        event = Cut(document, size_bytes, chunks, embedder, chunking, original, is_record)
        n_bytes = 2 * len(document.text) + len(chunks) * _CHUNK_BYTES + len(original or b"")
        return event, n_bytes

    def _read(self, file: SourceFile, name: str) -> bytes:
        self._check_size(name, file.size_bytes)
        try:
            data = file.read()
        except OSError as exc:
            raise DocumentError(f"{name} could not be read: {exc.strerror or exc}.") from exc
        self._check_size(name, len(data))
        return data

    def _check_size(self, name: str, n_bytes: int) -> None:
        if n_bytes > self._max_file_bytes:
            raise TooLargeError(
                f"{name} has {n_bytes / 1e6:.1f} MB; the limit is {self._max_file_bytes / 1e6:.0f} MB "
                "(RAG_MAX_UPLOAD_MB). Split it, or raise the limit."
            )


class _Room:
    """How much may still be taken out of one file that was given, and out of the files in it."""

    def __init__(self) -> None:
        self._members = MAX_MEMBERS
        self._bytes = MAX_UNPACKED_BYTES
        self.slow = 0  # files that were taken out of it and took too long

    def take(self, name: str, member: Member) -> None:
        """Take `member` of the file `name` out. Raises ArchiveLimitError where there is no room for it."""
        self._members -= 1
        self._bytes -= len(member.data)
        if refusal := self.refusal(name):
            raise ArchiveLimitError(refusal)

    def refusal(self, name: str) -> str:
        """Return what to say of the file `name` where nothing more may be taken out of it."""
        if self._members >= 0 and self._bytes >= 0:
            return ""
        return (
            f"{name} is one of archives that together hold more than {MAX_MEMBERS:,} files or "
            f"{MAX_UNPACKED_BYTES / 1e9:.0f} GB. Unpack them and add the files in parts."
        )


class _Members:
    """The files in a file, in a temporary file without a name: of a killed process nothing stays."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._file: IO[bytes] | None = None
        self._places: list[tuple[str, int, int]] = []

    def __enter__(self) -> "_Members":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, name: str, member: Member) -> None:
        """Keep `member` of the file `name`. Raises DocumentError where the disk has no room for it."""
        try:
            if self._file is None:
                spooled = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
                self._file = self._held.enter_context(spooled)
            start = self._file.seek(0, 2)
            self._file.write(member.data)
        except OSError as exc:
            message = (
                f"{name} could not be unpacked: {exc.strerror or exc}. Make room in the temporary folder."
            )
            raise DocumentError(message) from exc
        self._places.append((member.name, start, len(member.data)))

    def files(self, password: str | None) -> Iterator[SourceFile]:
        """Yield the files, in the order in which they came."""
        for name, start, size in self._places:
            yield SourceFile(name, size, partial(self._read, start, size), password)

    def _read(self, start: int, size: int) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(start)
        return self._file.read(size)


def _bare(error: DocumentError | LibraryError) -> DocumentError | LibraryError:
    """Return `error` without the calls that it came through, which hold on to the bytes of the file."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _too_slow(name: str, n_left: int) -> Lost:
    message = (
        f"{name}: {counted(n_left, 'file')} in it not read, because {_MOST_SLOW} others took too long. "
        "Unpack it and add them by themselves."
    )
    return Lost(Failed(name, TookTooLongError.reason, message), is_record=False)


def _too_deep(name: str) -> str:
    return (
        f"{name} lies in {MAX_ARCHIVE_DEPTH} archives, one in the other, and is one more. Unpack it and add "
        "the files in it."
    )
