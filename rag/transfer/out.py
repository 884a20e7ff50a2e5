"""Write a whole collection to one file."""

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError, NotFoundError
from rag.evidence import Judgment, Question
from rag.library import Library
from rag.records import Chunk, DocumentInfo
from rag.store import CollectionState
from rag.store.vectors import LITTLE_FLOAT32
from rag.transfer.parts import (
    DOCUMENTS,
    JUDGMENTS,
    MANIFEST,
    ORIGINALS,
    QUESTIONS,
    VECTORS,
    Kept,
    Maker,
    Manifest,
    Part,
    Span,
)

OnProgress = Callable[[int, int], None]  # (documents done, documents in all)

_SPOOL_BYTES = 50_000_000


def export_file(
    library: Library, name: str, path: Path, *, on_progress: OnProgress | None = None
) -> Manifest:
    """Do as `export_collection` does, into the file `path`, which is there only when it is whole.

    Raises LibraryError, too, where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        try:
            with partial.open("wb") as file:
                manifest = export_collection(library, name, file, on_progress=on_progress)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as exc:
        raise LibraryError(
            f"The export of {name!r} to {path} cannot be written: {exc.strerror or exc}. Make room there, "
            "or export it to another place."
        ) from exc
    return manifest


def export_collection(
    library: Library, name: str, stream: IO[bytes], *, on_progress: OnProgress | None = None
) -> Manifest:
    """Write the collection `name` to `stream` as one ZIP file, and return what that says of itself.

    Each document is written as it is at one moment; one that is deleted meanwhile is left out.
    Raises NotFoundError for an unknown collection, LibraryError where it is renamed, deleted or re-embedded
    meanwhile.
    """
    state = library.store.existing(name)
    writer = _Writer(library, state, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED))
    with writer.zip:
        originals = writer.documents(library.documents(name), on_progress)
        for document_id, digest in originals.items():
            writer.original(document_id, digest)
        judgments, questions = library.judgments(name), library.store.questions.of(name)
        chunking, guidelines = library.chunking(name), library.store.judgments.guidelines(name)
        writer.refuse_another()
        writer.records(JUDGMENTS, judgments)
        writer.records(QUESTIONS, questions)
        made_by = Maker(state.embedder.id, state.embedder.sha256) if state.embedder else None
        manifest = Manifest(
            name=name,
            exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
            embedder=made_by if writer.dim else None,
            dim=writer.dim,
            chunking=chunking,
            documents=writer.n_documents,
            chunks=writer.n_chunks,
            judgments=len(judgments),
            questions=len(questions),
            removed=tuple(sorted(library.store.questions.removed(name))),
            guidelines=guidelines,
            parts=writer.parts,
        )
        writer.zip.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


class _Writer:
    """Writes the parts of an export, and takes their sizes and sha256."""

    def __init__(self, library: Library, state: CollectionState, zip_file: zipfile.ZipFile) -> None:
        self._library = library
        self._name = state.name
        self._made_by = state.embedder
        self.zip = zip_file
        self.parts: dict[str, Part] = {}
        self.n_documents = self.n_chunks = self.dim = 0

    def documents(self, infos: tuple[DocumentInfo, ...], on_progress: OnProgress | None) -> dict[str, str]:
        """Write documents and vectors; return id and sha256 of those whose files are to come."""
        originals: dict[str, str] = {}
        # A ZIP file takes one part at a time, and both grow with each document.
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as vectors:
            with self.part(DOCUMENTS) as put:
                for done, info in enumerate(infos):
                    self.refuse_another()
                    with suppress(NotFoundError):  # deleted meanwhile
                        kept = self._document(info, vectors)
                        put(msgspec.json.encode(kept) + b"\n")
                        if kept.original:
                            originals[info.id] = kept.original
                    if on_progress:
                        on_progress(done + 1, len(infos))
            vectors.seek(0)
            with self.part(VECTORS, compressed=False) as put:
                while block := vectors.read(1 << 20):
                    put(block)
        return originals

    def _document(self, info: DocumentInfo, vectors: IO[bytes]) -> Kept:
        library = self._library
        document, chunks = library.document(self._name, info.id)
        original = library.original(self._name, info.id)
        rows = self._vectors(info.id, chunks)
        vectors.write(rows.astype(LITTLE_FLOAT32).tobytes())
        self.n_documents, self.n_chunks, self.dim = (
            self.n_documents + 1,
            self.n_chunks + len(chunks),
            rows.shape[1],
        )
        spans = tuple(Span(one.start, one.end, one.tokens, one.page, one.headings) for one in chunks)
        digest = None if original is None else sha256(original).hexdigest()
        return Kept(document, info.size_bytes, info.chunking, spans, digest)

    def _vectors(self, document_id: str, chunks: tuple[Chunk, ...]) -> NDArray[np.float32]:
        """Return the vectors of `chunks`, in order. Raises LibraryError where they are others by now."""
        store, embedder = self._library.store, self._library.embedder(self._name)
        with store.snapshot():
            self.refuse_another()
            keys = store.chunk_keys(self._name, document_id=document_id)
            rows = store.vectors.of(keys, model=embedder.info.sha256, dim=embedder.dim)
            places = {(one.start, one.end): at for at, one in enumerate(store.passages(keys))}
        if set(places) != {(one.start, one.end) for one in chunks}:
            raise self._changed()
        return rows[[places[one.start, one.end] for one in chunks]]

    def original(self, document_id: str, digest: str) -> None:
        """Write the file of a document, once."""
        name = ORIGINALS + digest
        data = self._library.original(self._name, document_id)
        if name in self.parts:
            return
        if data is None or sha256(data).hexdigest() != digest:
            raise self._changed()
        with self.part(name, compressed=False) as put:
            put(data)

    def records(self, name: str, records: Iterable[Judgment | Question]) -> None:
        """Write a part of records, one a line."""
        with self.part(name) as put:
            for record in records:
                put(msgspec.json.encode(record) + b"\n")

    def refuse_another(self) -> None:
        """Raise LibraryError where there is none of its name by now, or one with another embedder."""
        if self._library.embedder_ref(self._name) != self._made_by:
            raise self._changed()

    def _changed(self) -> LibraryError:
        return LibraryError(f"Collection {self._name!r} changed while it was exported. Export it again.")

    @contextmanager
    def part(self, name: str, *, compressed: bool = True) -> Iterator[Callable[[bytes], None]]:
        """Open a part of the file; yield what writes to it."""
        digest, n_bytes = sha256(), 0
        info = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED

        def put(data: bytes) -> None:
            nonlocal n_bytes
            digest.update(data)
            n_bytes += len(data)
            file.write(data)

        with self.zip.open(info, "w", force_zip64=True) as file:
            yield put
        self.parts[name] = Part(n_bytes, digest.hexdigest())
