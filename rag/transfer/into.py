"""Make a collection of a file that another library exported."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from rag.amounts import counted
from rag.embed import Embedder, embed_in_blocks
from rag.errors import LibraryError
from rag.library import Library
from rag.names import MAX_COLLECTION_CHARS, check_collection_name
from rag.records import Chunk
from rag.transfer.file import ExportFile, Reader
from rag.transfer.out import OnProgress
from rag.transfer.parts import spoilt

_UNDERWAY = " (importing)"


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What was imported. `embedded` says that the texts were embedded anew; `message` is a sentence."""

    collection: str
    documents: int
    chunks: int
    judgments: int
    embedded: bool
    message: str
    questions: int = 0


def needs_embedding(library: Library, export: ExportFile) -> bool:
    """Return whether the vectors of an export are by an embedder that is not on this machine."""
    made_by = export.manifest.embedder
    return made_by is not None and not library.embedders.finds(made_by.id, made_by.sha256)


def import_collection(
    library: Library,
    stream: IO[bytes],
    name: str | None = None,
    *,
    reembed: bool = False,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ImportOutcome:
    """Make the export in `stream` a new collection `name`, by default called as it was; return how it went.

    Everything in the file is checked before anything is written. Until all of it is in, the collection is
    called "NAME (importing)": an import that fails takes that away again, and a killed one leaves it for
    the next to replace. With `reembed`, the texts are embedded anew by the embedder for new collections.
    Raises LibraryError when the file is no good, the name is taken, the vectors need an embedder that is
    not here, or it was cancelled.
    """
    export = ExportFile(stream)
    name = export.manifest.name if name is None else name
    check_collection_name(name)
    if name in library.collections():
        raise LibraryError(f"There is a collection {name!r} already. Import it under another name.")
    if needs_embedding(library, export) and not reembed:
        made_by = export.manifest.embedder
        raise LibraryError(
            f"The vectors in this file were made by {made_by.id if made_by else ''}, which is not on this "
            "machine, or not the same. Export that model to this machine first, or let the texts be embedded "
            "anew here (--reembed)."
        )
    export.verify(most_file_bytes=library.max_file_bytes)
    return _Import(library, export, name, reembed, cancelled).run(on_progress)


class _Import:
    """One import, of a file that was verified."""

    def __init__(
        self,
        library: Library,
        export: ExportFile,
        name: str,
        reembed: bool,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._library = library
        self._export = export
        self._name = name
        self._staging = name[: MAX_COLLECTION_CHARS - len(_UNDERWAY)] + _UNDERWAY
        self._cancelled = cancelled
        made_by = export.manifest.embedder
        self._anew = reembed or made_by is None
        embedders = library.embedders
        self._embedder: Embedder = (
            embedders.default if self._anew or made_by is None else embedders.of(made_by.id, made_by.sha256)
        )
        if not self._anew and self._embedder.dim != export.manifest.dim:
            raise spoilt(
                f"its embedder makes vectors of {self._embedder.dim} numbers, not of {export.manifest.dim}"
            )

    def run(self, on_progress: OnProgress | None) -> ImportOutcome:
        """Do it, and return how it went."""
        library, manifest = self._library, self._export.manifest
        # As long as this is held, nobody deletes, renames or cuts anew what is half there.
        with library.store.alone_at(self._staging):
            self._stage(on_progress)
        if manifest.documents:
            library.searcher(self._name)
        anew = bool(self._anew and manifest.documents)
        counts = {
            "document": manifest.documents,
            "chunk": manifest.chunks,
            "question": manifest.questions,
            "judgment": manifest.judgments,
        }
        said = ", ".join(counted(n, noun) for noun, n in counts.items() if n or noun != "question")
        embedded = f", embedded anew with {self._embedder.info.id}" if anew else ""
        return ImportOutcome(
            collection=self._name,
            documents=manifest.documents,
            chunks=manifest.chunks,
            judgments=manifest.judgments,
            embedded=anew,
            message=f"Collection {self._name!r} is here now: {said}{embedded}.",
            questions=manifest.questions,
        )

    def _stage(self, on_progress: OnProgress | None) -> None:
        """Make the collection under its name for the time being, and then give it its own, or nothing."""
        library, shelves = self._library, self._library.store.shelves
        if self._staging in library.collections():  # a killed import has left it
            shelves.delete(self._staging)
        shelves.create(self._staging)
        try:
            shelves.set_chunking(self._staging, self._export.manifest.chunking)
            self._documents(on_progress)
            library.store.judgments.put(self._staging, self._export.judgments())
            library.store.questions.add(self._staging, self._export.questions())
            for query in self._export.manifest.removed:
                library.store.questions.remove(self._staging, query)
            library.store.judgments.set_guidelines(self._staging, self._export.manifest.guidelines)
            shelves.rename(self._staging, self._name)
        except BaseException:
            with suppress(LibraryError):  # on a full disk, the next import takes it away
                shelves.delete(self._staging)
            raise

    def _documents(self, on_progress: OnProgress | None) -> None:
        vectors = self._export.vectors()
        for done, kept in enumerate(self._export.documents()):
            chunks = kept.cut()
            self._library.store.put_document(
                self._staging,
                kept.document,
                size_bytes=kept.size_bytes,
                chunks=chunks,
                vectors=self._embedded(chunks) if self._anew else self._read(vectors, len(chunks)),
                embedder=self._embedder.info,
                chunking=kept.chunking,
                original=self._export.original(kept.original) if kept.original else None,
            )
            if on_progress:
                on_progress(done + 1, self._export.manifest.documents)

    def _read(self, vectors: Reader, n_chunks: int) -> NDArray[np.float32]:
        self._go_on()
        dim = self._export.manifest.dim
        return vectors.rows(n_chunks, dim).astype(np.float32)

    def _embedded(self, chunks: tuple[Chunk, ...]) -> NDArray[np.float32]:
        return embed_in_blocks(self._embedder, [chunk.text for chunk in chunks], self._go_on)

    def _go_on(self) -> None:
        if self._cancelled and self._cancelled():
            raise LibraryError(f"The import of {self._name!r} was cancelled. Nothing was imported.")
