"""Check all that must hold in a library: nothing lost, nothing left over, nothing that contradicts.

Nothing is changed. Memory is bounded by the largest document and by the largest vector index.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.amounts import bytes_in_words, counted
from rag.errors import LibraryError
from rag.index import VectorIndex
from rag.lexical import LexicalIndex
from rag.library.document_check import contradictions
from rag.library.live_index import Saved
from rag.library.live_vectors import LiveVectors
from rag.library.live_words import LiveWords
from rag.library.vector_check import BLOCK, wrong_vectors
from rag.machine.findings import Finding
from rag.store.database import Database
from rag.store.journal import Journal
from rag.terms import VERSION

TOPIC = "library check"
ROOM_BYTES = 500_000_000

_SHOWN = 3  # examples of one kind of problem
_BACKUP = "Restore library.db from a backup, or delete the document named and add it again."
_ADD_AGAIN = "Add them again; that also ends this message."


def check_library(path: Path) -> tuple[Finding, ...]:
    """Return what was found about the library file `path`: one finding for each thing that must hold."""
    if not path.exists():
        return (Finding(TOPIC, "ok", f"There is no library at {path} yet: the first start makes it."),)
    found: list[Finding] = []
    try:
        with closing(Database(path, read_only=True)) as db, db.snapshot():
            found.extend(_findings(db, path))
    except LibraryError as exc:
        found.append(Finding(TOPIC, "fail", str(exc)))
    return tuple(found)


def _findings(db: Database, path: Path) -> Iterator[Finding]:
    yield _held(db, path)
    yield _all_hold(f"{path} is whole, as SQLite sees it.", _damage(db))
    yield _all_hold("Every chunk, page, vector and original belongs to a document.", _orphans(db))
    yield _all_hold("Every document and its chunks agree.", contradictions(db))
    yield _all_hold("Every chunk has its vector.", wrong_vectors(db))
    yield from _indexes(db, path.parent / "index")
    yield from _underway(db)
    yield from _unfinished(Journal(db, path.parent))
    yield _trash(db)
    yield _room(path)


def _all_hold(good: str, problems: Iterable[str]) -> Finding:
    """Return the finding that all is `good`, or how many problems there are, with the first of them."""
    rest = iter(problems)
    shown = list(islice(rest, _SHOWN))
    if not shown:
        return Finding(TOPIC, "ok", good)
    more = sum(1 for _ in rest)
    sentence = " ".join(shown) + (f" And {counted(more, 'problem')} more like this." if more else "")
    return Finding(TOPIC, "fail", sentence, _BACKUP)


def _held(db: Database, path: Path) -> Finding:
    ((collections, documents, chunks),) = db.read(
        """SELECT (SELECT count(*) FROM shelves),
                  (SELECT count(*) FROM documents WHERE trashed_at IS NULL),
                  (SELECT count(*) FROM chunks k JOIN documents d ON d.key = k.document
                   WHERE d.trashed_at IS NULL)"""
    )
    held = (
        f"{counted(collections, 'collection')}, {counted(documents, 'document')}, {counted(chunks, 'chunk')}"
    )
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    return Finding(TOPIC, "ok", f"{path} holds {held}, in {bytes_in_words(size)}.")


def _damage(db: Database) -> Iterator[str]:
    for (found,) in db.stream("PRAGMA integrity_check"):
        if found != "ok":
            yield f"SQLite says: {found}."


def _orphans(db: Database) -> Iterator[str]:
    for table, row, parent, _ in db.stream("PRAGMA foreign_key_check"):
        yield f"Row {row} of {table} belongs to no row of {parent}."
    for (name,) in db.stream(
        """SELECT d.name FROM documents d JOIN collections c ON c.key = d.collection
           WHERE (d.trashed_at IS NULL) != (c.trash_of IS NULL)"""
    ):
        yield f"{name!r} is neither in a collection nor in its trash."


def _indexes(db: Database, folder: Path) -> Iterator[Finding]:
    for key, name, revision, model, indexed, lexical in db.read(
        "SELECT key, name, revision, embedder_sha256, indexed, lexical_indexed FROM shelves ORDER BY name"
    ):
        keys = db.read_keys(
            """SELECT k.key FROM chunks k JOIN documents d ON d.key = k.document
               WHERE d.collection = ? ORDER BY k.key""",
            key,
        )
        if len(keys):
            path = LiveVectors.file(folder, Saved(indexed, model)) if indexed else None
            yield _index(db, name, path, keys, model, behind=indexed != revision)
            path = LiveWords.file(folder, Saved(lexical, VERSION)) if lexical else None
            yield _lexical_index(name, path, keys, behind=lexical != revision)


def _index(
    db: Database, name: str, path: Path | None, keys: NDArray[np.int64], model: str, *, behind: bool
) -> Finding:
    index = VectorIndex.load(path, dim=_dim(db, keys, model)) if path else None
    what = f"The vector index of collection {name!r}"
    if path is None or index is None:
        return _missing(what)
    shared = np.intersect1d(index.ids, keys, assume_unique=True)
    apart = len(index) + len(keys) - 2 * len(shared)
    return _of_its_chunks(what, path, apart, (behind or not apart) and _equals(db, index, shared, model))


def _lexical_index(name: str, path: Path | None, keys: NDArray[np.int64], *, behind: bool) -> Finding:
    what = f"The lexical index of collection {name!r}"
    index = LexicalIndex.load(path) if path else None
    if path is None or index is None:
        return _missing(what)
    apart = len(np.setxor1d(index.ids, keys, assume_unique=True))
    return _of_its_chunks(what, path, apart, behind or not apart)


def _missing(what: str) -> Finding:
    return Finding(TOPIC, "warn", f"{what} is missing or damaged, and will be rebuilt.")


def _of_its_chunks(what: str, path: Path, apart: int, holds: bool) -> Finding:
    """Return whether an index `holds` its collection's chunks, but for those it is `apart` from them."""
    if not holds:
        sentence = f"{what} is not that of its chunks: searches are wrong."
        return Finding(TOPIC, "fail", sentence, f"Delete {path}: it will be rebuilt from the library.")
    lag = f"; {counted(apart, 'chunk')} behind, which the next start reads from the library" if apart else ""
    return Finding(TOPIC, "ok", f"{what} is that of its chunks{lag}.")


def _dim(db: Database, keys: NDArray[np.int64], model: str) -> int:
    rows = db.read(
        "SELECT length(vector) / 4 FROM vectors WHERE chunk = ? AND model = ?", int(keys[0]), model
    )
    return int(rows[0][0]) if rows else 0


def _equals(db: Database, index: VectorIndex, keys: NDArray[np.int64], model: str) -> bool:
    for at in range(0, len(keys), BLOCK):
        block = keys[at : at + BLOCK]
        stored: dict[int, bytes] = dict(
            db.read_by_key("SELECT chunk, vector FROM vectors WHERE model = ? AND chunk", block, model)
        )
        expected = b"".join(stored.get(int(key), b"") for key in block)
        if index.vectors(block).astype("<f4").tobytes() != expected:
            return False
    return True


def _underway(db: Database) -> Iterator[Finding]:
    for name, documents in db.read(
        """SELECT c.name, count(*) FROM documents d JOIN shelves c ON c.key = d.collection
           WHERE d.chunk_target != c.chunk_target OR d.chunk_overlap != c.chunk_overlap GROUP BY c.key"""
    ):
        sentence = f"{counted(documents, 'document')} of collection {name!r} have chunks of a former length."
        yield Finding(TOPIC, "warn", sentence, "Re-chunk it again: that goes on where it stopped.")
    for name, vectors in db.read(
        """SELECT c.name, count(*) FROM vectors v JOIN chunks k ON k.key = v.chunk
           JOIN documents d ON d.key = k.document JOIN shelves c ON c.key = d.collection
           WHERE v.model != c.embedder_sha256 GROUP BY c.key"""
    ):
        beside = f"{counted(vectors, 'vector')} by another embedder beside its own"
        sentence = f"Collection {name!r} is being re-embedded, or was: it has {beside}."
        yield Finding(TOPIC, "warn", sentence, "Re-embed it again: that goes on where it stopped.")


def _unfinished(journal: Journal) -> Iterator[Finding]:
    if found := journal.unfinished():
        shown = ", ".join(f"{each.name!r} ({each.collection})" for each in found[:10])
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        sentence = f"A process ended before these files were added, and they are not there: {shown}{more}."
        yield Finding(TOPIC, "warn", sentence, _ADD_AGAIN)


def _trash(db: Database) -> Finding:
    ((documents, size),) = db.read(
        "SELECT count(*), coalesce(sum(size_bytes), 0) FROM documents WHERE trashed_at IS NOT NULL"
    )
    return Finding(
        TOPIC, "ok", f"In the trash: {counted(documents, 'document')}, {bytes_in_words(size)} of files."
    )


def _room(path: Path) -> Finding:
    free = shutil.disk_usage(path.parent).free
    sentence = f"{bytes_in_words(free)} are free on its disk."
    if free >= ROOM_BYTES:
        return Finding(TOPIC, "ok", sentence)
    return Finding(TOPIC, "warn", sentence, "Make room, or move the library to a larger disk (RAG_HOME).")
