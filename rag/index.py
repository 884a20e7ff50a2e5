"""Find the nearest vectors, exactly."""

from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.whole_file import PIECE_BYTES, open_whole, write_whole

# A search over a library that fits in memory takes less time than waking FAISS's own threads, and
# those would spin on the cores that the reranker is about to use.
faiss.omp_set_num_threads(1)


class VectorIndex:
    """Unit vectors under integer ids, searched by inner product, which for them is the cosine.

    Not safe for a search beside a change: its owner locks.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._faiss = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids in the index, int64 [n], ascending."""
        return np.sort(faiss.vector_to_array(self._faiss.id_map))

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add `vectors` float32 [n, dim] under `ids` int64 [n]; an id may be added only once."""
        if vectors.shape != (len(ids), self.dim):
            raise ValueError(f"expected {len(ids)} vectors of {self.dim} dimensions, found {vectors.shape}")
        self._faiss.add_with_ids(np.ascontiguousarray(vectors), np.ascontiguousarray(ids))

    def reserve(self, n: int) -> None:
        """Make room for `n` vectors more. Added block by block without it, they are copied over and over."""
        codes = faiss.downcast_index(self._faiss.index).codes
        n_bytes = codes.size()
        codes.resize(n_bytes + n * self.dim * np.dtype(np.float32).itemsize)
        codes.resize(n_bytes)  # the memory stays

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove `ids`; those that are not there are passed over."""
        self._faiss.remove_ids(np.ascontiguousarray(ids))

    def search(
        self, vector: NDArray[np.float32], k: int, *, within: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and cosines of the at most `k` nearest vectors, best first, ties by id.

        With `within`, only those ids are considered.
        """
        most = len(self) if within is None else len(within)
        if min(k, most) == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        params = None
        if within is not None:
            params = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.array(within, dtype=np.int64)))
        depth = min(k + 1, most)
        cosines, ids = self._faiss.search(vector.reshape(1, -1), depth, params=params)
        # Which of equal vectors FAISS keeps is its own affair: look on until the last place is clear.
        while depth < most and cosines[0, -1] == cosines[0, k - 1]:
            depth = min(2 * depth, most)
            cosines, ids = self._faiss.search(vector.reshape(1, -1), depth, params=params)
        found = ids[0] >= 0  # FAISS pads with -1 where `within` names ids that it does not hold
        ids, cosines = ids[0][found], cosines[0][found]
        order = np.lexsort((ids, -cosines))[:k]
        # Rounding can carry the product of two unit vectors just past 1.
        return ids[order], np.clip(cosines[order], -1.0, 1.0)

    def cosines(self, vector: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosines of `ids` with `vector`, float32 [n], in their order, as a search has them.

        All of them must be there, each once.
        """
        found, cosines = self.search(vector, len(ids), within=ids.tolist())
        cosine_of = dict(zip(found.tolist(), cosines.tolist(), strict=True))
        return np.array([cosine_of[int(each)] for each in ids], dtype=np.float32)

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors under `ids`, float32 [n, dim], in their order. All of them must be there."""
        return np.asarray(self._faiss.reconstruct_batch(np.ascontiguousarray(ids)), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the index to `path`, whole or not at all, after a checksum of it. Raises OSError."""
        write_whole(
            path, lambda write: faiss.write_index(self._faiss, faiss.PyCallbackIOWriter(write, PIECE_BYTES))
        )

    @classmethod
    def load(cls, path: Path, *, dim: int) -> "VectorIndex | None":
        """Return the index saved at `path`; None when it is missing, damaged or of another `dim`."""
        try:
            with open_whole(path) as file:  # FAISS itself would not notice a changed vector
                if file is None:
                    return None
                stored = faiss.read_index(faiss.PyCallbackIOReader(file.read, PIECE_BYTES))
        except (OSError, RuntimeError):  # RuntimeError is what FAISS raises for what it cannot read
            return None
        if not isinstance(stored, faiss.IndexIDMap2) or stored.d != dim:
            return None
        index = cls(dim)
        index._faiss = stored
        return index
