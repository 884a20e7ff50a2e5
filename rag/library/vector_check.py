"""Check that every chunk has its vector, and that each is a unit vector of the right length."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from rag.amounts import counted
from rag.store.database import Database, Row

BLOCK = 2048  # vectors in memory at a time
_TOLERANCE = 1e-3

_WITHOUT = """SELECT c.name, count(*) FROM chunks k JOIN documents d ON d.key = k.document
    JOIN shelves c ON c.key = d.collection
    WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk = k.key AND v.model = c.embedder_sha256)
    GROUP BY c.key"""
# What is restored later is embedded anew where the collection has another embedder by then.
_WITHOUT_IN_TRASH = """SELECT count(*) FROM chunks k JOIN documents d ON d.key = k.document
    WHERE d.trashed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk = k.key)"""
_VECTORS = "SELECT chunk, model, vector FROM vectors ORDER BY chunk"


def wrong_vectors(db: Database) -> Iterator[str]:
    """Yield a sentence for each collection with missing vectors, and for each vector that is none."""
    for name, missing in db.read(_WITHOUT):
        yield f"Collection {name!r}: {counted(missing, 'chunk')} without a vector by its embedder."
    ((in_trash,),) = db.read(_WITHOUT_IN_TRASH)
    if in_trash:
        yield f"The trash: {counted(in_trash, 'chunk')} without a vector."
    lengths: dict[str, int] = {}  # of each model's vectors, in bytes
    rows = db.stream(_VECTORS)
    while block := list(islice(rows, BLOCK)):
        for chunk, model, vector in block:
            if len(vector) != lengths.setdefault(model, len(vector)) or not vector:
                yield f"The vector of chunk {chunk} has {len(vector)} bytes, others {lengths[model]}."
        yield from _of_another_length_than_one(block)


def _of_another_length_than_one(block: list[Row]) -> Iterator[str]:
    for chunk, _, vector in block:
        values = np.frombuffer(vector[: len(vector) // 4 * 4], dtype="<f4")
        norm = float(np.linalg.norm(values))
        if not abs(norm - 1) <= _TOLERANCE:  # so that NaN is one too
            yield f"The vector of chunk {chunk} has the length {norm:g}, expected 1."
