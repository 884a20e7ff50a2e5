"""Turn texts into unit vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.models.session import OnnxModel, Output, passage_tokens
from rag.records import ModelInfo


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Passages as vectors: float32 [n, dim], unit rows, in input order.

    `tokens` int64 [n] counts each passage's tokens, `tokens_read` those within the model's window;
    both without special tokens.
    """

    vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]
    tokens_read: NDArray[np.int64]


class Embedder:
    """A bi-encoder with CLS pooling. Each row depends on its own text alone."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self.info = ModelInfo(model.spec.id, model.spec.graph.sha256, model.backend)
        self.dim = int(model.output_dim)

    @property
    def used(self) -> bool:
        """Whether the model has embedded anything in this process."""
        return self._model.used

    def embed_query(self, query: str) -> NDArray[np.float32]:
        """Return the question as a unit vector, float32 [dim]; the model's query prefix is added here."""
        return self._model.run(self._model.encode([self._model.spec.query_prefix + query]), _unit_cls)[0]

    def embed_passages(self, texts: Sequence[str]) -> Embeddings:
        """Return `texts` as vectors, in input order, with what of each was read."""
        encodings = self._model.encode(texts)
        vectors = self._model.run(encodings, _unit_cls)
        counts = np.array([passage_tokens(e) for e in encodings], dtype=np.int64).reshape(-1, 2)
        stacked = np.stack(vectors) if vectors else np.empty((0, self.dim), dtype=np.float32)
        return Embeddings(stacked, tokens=counts[:, 0], tokens_read=counts[:, 1])

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of the whole `text`, as the chunker needs them."""
        return self._model.offsets(text)

    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` lie outside the model's window."""
        tokens, read = passage_tokens(self._model.encode([self._model.spec.query_prefix + query])[0])
        return tokens - read


def _unit_cls(output: Output) -> NDArray[np.float32]:
    cls = output[0]
    unit: NDArray[np.float32] = cls / np.linalg.norm(cls)
    return unit
