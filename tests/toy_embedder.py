"""An embedder that needs no model: a text's vector counts its words."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rag.chunk import MAX_TOKENS
from rag.embed import Embedder, Embeddings
from rag.library.embedders import Embedders
from rag.records import ModelInfo


class WordCounter(Embedder):
    """Unit vectors of `dim` numbers: each word falls on one of them."""

    def __init__(self, model_id: str = "word/counter", *, dim: int = 16) -> None:
        self.info = ModelInfo(model_id, model_id[0] * 64, "cpu")
        self.dim = dim
        self.passage_room = MAX_TOKENS

    @property
    def used(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is held."""

    def embed_query(self, query: str) -> NDArray[np.float32]:
        counted = np.full(self.dim, 0.01, dtype=np.float32)
        for start, end in self.offsets(query):
            counted[crc32(query[start:end].encode()) % self.dim] += 1
        return counted / np.float32(np.linalg.norm(counted))

    def embed_passages(self, texts: Sequence[str]) -> Embeddings:
        tokens = np.array([len(self.offsets(text)) for text in texts], dtype=np.int64)
        vectors = [self.embed_query(text) for text in texts]
        return Embeddings(np.array(vectors, dtype=np.float32).reshape(-1, self.dim), tokens, tokens)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        found, start = list[tuple[int, int]](), None
        for at, char in enumerate(f"{text} "):
            if start is None and char.isalnum():
                start = at
            elif start is not None and not char.isalnum():
                found.append((start, at))
                start = None
        return found


def word_counters(*model_ids: str) -> Embedders:
    """A machine on which word counters of these names are the only embedders; the first is the default."""
    has = {model_id: WordCounter(model_id) for model_id in model_ids or ("word/counter",)}

    def load(reference: str) -> Embedder:
        return has[reference]

    return Embedders(load, lambda reference: has[reference].info.sha256, next(iter(has)))
