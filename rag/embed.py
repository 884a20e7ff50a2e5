"""Turn texts into unit vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.models.outputs import Output, unit_vector
from rag.models.session import OnnxModel
from rag.records import ModelInfo

EMBED_BLOCK = 16  # texts that are embedded in one go: between two blocks, it can be told and ended


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
    """A bi-encoder. Each row depends on its own text alone."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._reading = model.model.reading
        self.info = ModelInfo(model.model.id, model.model.sha256, model.backend)
        dim = model.output_dim
        # Not every graph says it, but every vector has it.
        self.dim = dim if isinstance(dim, int) else len(self.embed_query("dim"))
        self.passage_room = model.room(self._reading.passage_prefix)

    @property
    def used(self) -> bool:
        """Whether the model has embedded anything in this process."""
        return self._model.used

    @property
    def file_bytes(self) -> int:
        """How large the model's files are."""
        return self._model.model.size_bytes

    def close(self) -> None:
        """Let go of the model's memory; nothing can be embedded afterwards."""
        self._model.close()

    def embed_query(self, query: str) -> NDArray[np.float32]:
        """Return the question as a unit vector, float32 [dim]; the model's query prefix is added here."""
        return self._model.run(self._model.encode_texts([query], self._reading.query_prefix), self._unit)[0]

    def embed_passages(self, texts: Sequence[str]) -> Embeddings:
        """Return `texts` as vectors, in input order, with what of each was read.

        The model's passage prefix is added here, and not counted.
        """
        encoded = self._model.encode_texts(texts, self._reading.passage_prefix)
        vectors = self._model.run(encoded, self._unit)
        stacked = np.stack(vectors) if vectors else np.empty((0, self.dim), dtype=np.float32)
        return Embeddings(
            stacked,
            tokens=np.array([e.tokens for e in encoded], dtype=np.int64),
            tokens_read=np.array([e.tokens_read for e in encoded], dtype=np.int64),
        )

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of the whole `text`, as the chunker needs them."""
        return self._model.offsets(text)

    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` lie outside the model's window."""
        (encoded,) = self._model.encode_texts([query], self._reading.query_prefix)
        return encoded.tokens - encoded.tokens_read

    def _unit(self, output: Output) -> NDArray[np.float32]:
        return unit_vector(output, self._reading)


def embed_in_blocks(
    embedder: Embedder, texts: Sequence[str], pause: Callable[[], None]
) -> NDArray[np.float32]:
    """Return `texts` as vectors, float32 [n, dim]. `pause` is called before each block; it may end it all."""
    vectors = np.empty((len(texts), embedder.dim), dtype=np.float32)
    for at in range(0, len(texts), EMBED_BLOCK):
        pause()
        vectors[at : at + EMBED_BLOCK] = embedder.embed_passages(texts[at : at + EMBED_BLOCK]).vectors
    return vectors
