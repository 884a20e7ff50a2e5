"""Keep the chunks' vectors, those of several embedders side by side."""

import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.records import ModelInfo
from rag.store.database import Connection, Database

LITTLE_FLOAT32 = np.dtype("<f4")  # how vectors are written, wherever


class VectorTable:
    """The vectors of the library's chunks, each by one embedder, which is named by its sha256.

    All chunks of a collection have one by the collection's own embedder. While it is re-embedded, some
    have another beside it, which no search sees before `switch`.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, keys: NDArray[np.int64], *, model: str, dim: int) -> NDArray[np.float32]:
        """Return the vectors of the chunks `keys` by `model`, float32 [n, dim], in the order of `keys`.

        Raises LibraryError when one is not there (any more), or has another length.
        """
        found = np.empty((len(keys), dim), dtype=np.float32)
        at = {int(key): position for position, key in enumerate(keys)}
        statement = "SELECT chunk, vector FROM vectors WHERE model = ? AND chunk"
        for chunk, blob in self._db.read_by_key(statement, keys, model):
            vector = np.frombuffer(blob, dtype=LITTLE_FLOAT32)
            _refuse_other_length(len(vector), dim)
            found[at.pop(chunk)] = vector
        if at:
            raise LibraryError("A document was deleted while it was being searched. Ask again.")
        return found

    def missing(self, collection: str, *, model: str) -> NDArray[np.int64]:
        """Return the keys of the collection's chunks without a vector by `model`, int64 [n], ascending."""
        return self._db.read_keys(
            """SELECT k.key FROM chunks k JOIN documents d ON d.key = k.document
               JOIN shelves c ON c.key = d.collection
               WHERE c.name = ?1 AND NOT EXISTS (
                   SELECT 1 FROM vectors v WHERE v.chunk = k.key AND v.model = ?2)
               ORDER BY k.key""",
            collection,
            model,
        )

    def insert(
        self,
        db: Connection,
        collection: str,
        keys: Sequence[int],
        vectors: NDArray[np.float32],
        *,
        model: str,
    ) -> None:
        """Within the transaction `db`, keep `vectors` float32 [n, dim] by `model` of the chunks `keys`.

        Chunks that are no longer there, or have one already, are passed over. Raises LibraryError when the
        collection's vectors by `model` have another length.
        """
        self._check_length(collection, vectors.shape[1], model)
        db.executemany(
            "INSERT OR IGNORE INTO vectors SELECT key, ?, ? FROM chunks WHERE key = ?",
            [
                (model, vector.astype(LITTLE_FLOAT32).tobytes(), key)
                for key, vector in zip(keys, vectors, strict=True)
            ],
        )

    def add(self, collection: str, keys: Sequence[int], vectors: NDArray[np.float32], *, model: str) -> None:
        """Do as `insert` does, in a transaction of its own."""
        with self._db.transaction() as db:
            self.insert(db, collection, keys, vectors, model=model)

    def switch(self, collection: str, embedder: ModelInfo) -> bool:
        """Make `embedder` the collection's own, and delete the vectors by every other.

        Return False, and change nothing, while a chunk has no vector by it.
        """
        with self._db.transaction() as db:
            if len(self.missing(collection, model=embedder.sha256)):
                return False
            db.execute(
                """DELETE FROM vectors WHERE model != ? AND chunk IN (
                       SELECT k.key FROM chunks k JOIN documents d ON d.key = k.document
                       JOIN shelves c ON c.key = d.collection WHERE c.name = ?)""",
                (embedder.sha256, collection),
            )
            db.execute(
                "UPDATE collections SET revision = ?, embedder = ?, embedder_sha256 = ? "
                "WHERE trash_of IS NULL AND name = ?",
                (uuid.uuid4().hex, embedder.id, embedder.sha256, collection),
            )
        return True

    def _check_length(self, collection: str, length: int, model: str) -> None:
        rows = self._db.read(
            """SELECT length(v.vector) FROM shelves c JOIN documents d ON d.collection = c.key
               JOIN chunks k ON k.document = d.key JOIN vectors v ON v.chunk = k.key
               WHERE c.name = ? AND v.model = ? LIMIT 1""",
            collection,
            model,
        )
        if rows:
            _refuse_other_length(length, rows[0][0] // LITTLE_FLOAT32.itemsize)


def _refuse_other_length(found: int, expected: int) -> None:
    if found != expected:
        raise LibraryError(
            f"Expected a vector of {expected} numbers, found one of {found}: the embedder's files and the "
            "library do not belong together. Export the embedder again, or re-embed the collection."
        )
