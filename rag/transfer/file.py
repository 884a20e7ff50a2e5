"""Open the file that a collection was exported to, and believe nothing of it before it was looked at."""

import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import IO, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.evidence import Judgment, Question
from rag.parse.zips import ZIP_FAILURES
from rag.store.vectors import LITTLE_FLOAT32
from rag.transfer.parts import (
    DOCUMENTS,
    JUDGMENTS,
    MANIFEST,
    ORIGINALS,
    QUESTIONS,
    SHA256,
    VECTORS,
    Kept,
    Manifest,
    Part,
    check,
    check_judgment,
    check_manifest,
    check_question,
    check_size,
    spoilt,
)

_MOST_MANIFEST_BYTES = 50_000_000  # it names every original
_MOST_LISTED_BYTES = 24_000_000  # the ZIP's own list of its parts, of which each takes many times more memory
_MOST_LINE_BYTES = 100_000_000  # the longest document, were every character an escape, and its chunks
# A real one unpacks to some four times its size.
_MOST_EXPANSION, _SMALL = 200, 100_000_000
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_READ = 1 << 20
_BLOCK_BYTES = 8_000_000  # of vectors that are looked at together

_T = TypeVar("_T")


class ExportFile:
    """An exported collection, opened. What it claims is not believed before `verify` has gone through it.

    Raises LibraryError where it is not what it should be.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        try:
            size = stream.seek(0, 2)
            stream.seek(0)
            guard = _Guard(stream)
            self._zip = zipfile.ZipFile(guard)
            guard.is_open = True
        except (*ZIP_FAILURES, RuntimeError) as exc:
            raise spoilt("it is no ZIP file") from exc
        self._check_members(size)
        manifest = Reader(self, MANIFEST).read(_MOST_MANIFEST_BYTES)
        self.manifest = _decoded(manifest, Manifest, MANIFEST)
        check_manifest(self.manifest)

    def _check_members(self, size: int) -> None:
        members = self._zip.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names) or not {MANIFEST, DOCUMENTS, VECTORS, JUDGMENTS} <= set(names):
            raise spoilt("it has not the parts of one, each once")
        for name in names:
            original = name.startswith(ORIGINALS) and SHA256.fullmatch(name.removeprefix(ORIGINALS))
            if not original and name not in (MANIFEST, DOCUMENTS, VECTORS, JUDGMENTS, QUESTIONS):
                raise spoilt(f"it holds a part {name[:100]!r}, which none has")
        if any(member.compress_type not in _PACKED for member in members):
            raise spoilt("it is packed as none is")
        unpacked = sum(member.file_size for member in members)
        if unpacked > max(_SMALL, size * _MOST_EXPANSION):
            raise spoilt(f"its {size:,} bytes unpack to {unpacked:,}, far more than those of a real one")

    def documents(self) -> Iterator[Kept]:
        """Yield the documents, in order."""
        for line in self._lines(DOCUMENTS):
            yield _decoded(line, Kept, DOCUMENTS)

    def judgments(self) -> Iterator[Judgment]:
        """Yield the judgments, in order."""
        for line in self._lines(JUDGMENTS):
            yield _decoded(line, Judgment, JUDGMENTS)

    def questions(self) -> Iterator[Question]:
        """Yield the questions, in order; none of an export of the first version."""
        if QUESTIONS in self.manifest.parts:
            for line in self._lines(QUESTIONS):
                yield _decoded(line, Question, QUESTIONS)

    def original(self, digest: str) -> bytes:
        """Return the file with this sha256."""
        with self.open(ORIGINALS + digest) as file:
            return _guarded(file.read)

    def vectors(self) -> "Reader":
        """Return what reads the vectors, from the first on."""
        return Reader(self, VECTORS)

    def verify(self, *, most_file_bytes: int) -> None:
        """Go through all of it, and raise LibraryError unless everything is as it should be.

        A file that is in it may have `most_file_bytes`.
        """
        manifest = self.manifest
        if set(manifest.parts) | {MANIFEST} != set(self._zip.namelist()):
            raise spoilt("the manifest does not name its parts")
        for name, part in manifest.parts.items():
            self._check_part(name, part)
        ids, names = set[str](), set[str]()
        n_documents = n_chunks = 0
        for kept in self.documents():
            check(kept, dim=manifest.dim)
            if kept.document.id in ids or kept.document.name in names:
                raise spoilt(f"it holds {kept.document.name!r} twice")
            if kept.original:
                check_size(kept, manifest.parts.get(ORIGINALS + kept.original), most_file_bytes)
            ids.add(kept.document.id)
            names.add(kept.document.name)
            n_documents, n_chunks = n_documents + 1, n_chunks + len(kept.chunks)
        counts = (manifest.documents, manifest.chunks, manifest.parts[VECTORS].bytes)
        if counts != (n_documents, n_chunks, n_chunks * manifest.dim * 4):
            raise _miscounted()
        self._check_judging()
        if n_documents and manifest.embedder is None:
            raise spoilt("it does not say which embedder made its vectors")
        self._check_vectors()

    def _check_judging(self) -> None:
        n_judgments = n_questions = 0
        for judgment in self.judgments():
            check_judgment(judgment)
            n_judgments += 1
        for question in self.questions():
            check_question(question)
            n_questions += 1
        if (self.manifest.judgments, self.manifest.questions) != (n_judgments, n_questions):
            raise _miscounted()

    def _check_vectors(self) -> None:
        reader, left, dim = self.vectors(), self.manifest.chunks, self.manifest.dim
        while left > 0:
            rows = reader.rows(min(left, _BLOCK_BYTES // (4 * dim)), dim)
            # A row that is not finite has no length near 1 either.
            if not np.all(np.abs(np.linalg.norm(rows, axis=1) - 1) < 1e-3):
                raise spoilt("its vectors are not of length 1")
            left -= len(rows)

    def _check_part(self, name: str, part: Part) -> None:
        digest, n_bytes, reader = sha256(), 0, Reader(self, name)
        while block := reader.read(_READ):
            digest.update(block)
            n_bytes += len(block)
        if (n_bytes, digest.hexdigest()) != (part.bytes, part.sha256):
            raise spoilt(f"{name} is not as it was written: it was damaged on its way")
        if name.startswith(ORIGINALS) and name.removeprefix(ORIGINALS) != part.sha256:
            raise spoilt(f"{name} is another file than its name says")

    def _lines(self, name: str) -> Iterator[bytes]:
        with self.open(name) as file:
            while line := _guarded(lambda: file.readline(_MOST_LINE_BYTES)):
                if not line.endswith(b"\n"):
                    raise spoilt(f"a line of {name} does not end, or is too long")
                yield line

    def open(self, name: str) -> IO[bytes]:
        """Return the part `name`, to be read."""
        return _guarded(lambda: self._zip.open(name))


class _Guard:
    """A stream for zipfile, which reads the list of parts at once, as long as the file says that it is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.is_open = False
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, n_bytes: int = -1) -> bytes:
        if not self.is_open and n_bytes > _MOST_LISTED_BYTES:
            raise ValueError("its list of parts is too long")
        return self._stream.read(n_bytes)


class Reader:
    """Reads one part of an export, piece by piece."""

    def __init__(self, export: ExportFile, name: str) -> None:
        self._file = export.open(name)

    def read(self, n_bytes: int) -> bytes:
        """Return the next `n_bytes` bytes, fewer at the end."""
        return _guarded(lambda: self._file.read(n_bytes))

    def rows(self, n: int, dim: int) -> NDArray[np.float32]:
        """Return the next `n` vectors of `dim` numbers. Raises LibraryError for fewer."""
        data = self.read(n * dim * LITTLE_FLOAT32.itemsize)
        if len(data) < n * dim * LITTLE_FLOAT32.itemsize:
            raise spoilt("it lacks vectors")
        return np.frombuffer(data, dtype=LITTLE_FLOAT32).reshape(n, dim)


def _miscounted() -> LibraryError:
    return spoilt("it holds more or less than its manifest says")


def _guarded(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (*ZIP_FAILURES, RuntimeError) as exc:
        raise spoilt(f"it cannot be unpacked ({exc})") from exc


def _decoded(data: bytes, as_type: type[_T], part: str) -> _T:
    try:
        return msgspec.json.decode(data, type=as_type)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        raise spoilt(f"{part} cannot be read ({exc})") from exc
