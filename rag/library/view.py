"""Look at a collection while nothing changes in it."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from rag.index import VectorIndex
from rag.lexical import LexicalIndex, Scores
from rag.records import Passage
from rag.retrieve import Keys, Ranking, Vector
from rag.store import Store
from rag.terms import query_terms


class View:
    """The passages of a collection, under their keys; of `within` alone, where that is not None.

    `words` returns the lexical index, and `languages` says how many documents are in which. `vectors` gets
    the vectors of the passages that are read, by chunk id.
    """

    def __init__(
        self,
        store: Store,
        index: VectorIndex,
        *,
        words: Callable[[], LexicalIndex],
        languages: Mapping[str | None, int],
        within: Keys | None,
        vectors: dict[str, Vector],
    ) -> None:
        self._store = store
        self._index = index
        self._words = words
        self._languages = languages
        self._within = None if within is None else within.tolist()
        self._vectors = vectors
        self._scores: Scores | None = None
        self._read: dict[int, Passage] = {}

    def nearest(self, vector: Vector, k: int) -> Ranking:
        """Return the keys of the at most `k` passages nearest to `vector`, best first, and their cosines."""
        return self._index.search(vector, k, within=self._within)

    def matching(self, question: str, k: int) -> Ranking:
        """Return the keys of the at most `k` passages that have words of `question`, and their scores."""
        self._scores = self._words().scores(query_terms(question, self._languages))
        return self._scores.best(k, within=self._within)

    def cosines(self, vector: Vector, keys: Keys) -> NDArray[np.float32]:
        """Return the cosines of the passages `keys` with `vector`."""
        return self._index.cosines(vector, keys)

    def bm25s(self, keys: Keys) -> NDArray[np.float32]:
        """Return the scores of the passages `keys` for the question that `matching` was asked last."""
        if self._scores is None:
            raise ValueError("there is no score before `matching` was asked")
        return self._scores.of(keys)

    def first(self, keys: Keys, k: int) -> Keys:
        """Return the first `k` of `keys`."""
        return keys[:k]

    def passages(self, keys: Keys) -> tuple[Passage, ...]:
        """Return the passages `keys`, in their order; each is read once."""
        new = np.array([key for key in keys.tolist() if key not in self._read], dtype=np.int64)
        found = zip(new.tolist(), self._store.passages(new), self._index.vectors(new), strict=True)
        for key, passage, vector in found:
            self._read[key] = passage
            self._vectors[passage.chunk_id] = vector
        return tuple(self._read[key] for key in keys.tolist())
