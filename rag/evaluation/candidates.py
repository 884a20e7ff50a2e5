"""Find the passages that an evaluation reranks: by vector search, or as a run file lists them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.chunk import Offsets, split
from rag.embed import Embedder
from rag.index import VectorIndex
from rag.records import Document, Hit, Passage
from rag.retrieve import retrieve
from rag.timing import Stopwatch
from rag.trec import Ranked, Run

PassagesOf = Callable[[str], Sequence[Passage]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """One query's documents as the first stage ranks them, and the passages of theirs to rerank."""

    documents: tuple[Ranked, ...]
    hits: tuple[Hit, ...]


class CandidateSource(Protocol):
    """A first stage."""

    def find(self, query_id: str, query: str, *, watch: Stopwatch) -> Candidates:
        """Return the candidates for `query`, best first, timing its stages on `watch`."""


class VectorSearch:
    """Candidates by cosine, from an index whose ids are positions in `passages`.

    A document counts at its best passage. The search goes down until it has seen `depth` documents, and
    every passage down to there is a hit.
    """

    def __init__(
        self, embedder: Embedder, index: VectorIndex, passages: Sequence[Passage], *, depth: int
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._passages = passages
        self._depth = depth

    def find(self, query_id: str, query: str, *, watch: Stopwatch) -> Candidates:
        """Return the documents nearest to `query`; the stages are `embed` and `search`."""
        hits = retrieve(query, embedder=self._embedder, nearest=self._nearest, k=self._depth, watch=watch)
        ranked = (Ranked(hit.passage.document_id, hit.cosine) for hit in hits if hit.cosine is not None)
        return Candidates(best_of_documents(ranked), hits)

    def _nearest(self, vector: NDArray[np.float32], n_documents: int) -> list[tuple[Passage, float]]:
        """Return the nearest passages, down to the one that shows the last of `n_documents` documents."""
        count = n_documents
        while True:
            ids, cosines = self._index.search(vector, count)
            passages = [self._passages[position] for position in ids.tolist()]
            end = _end_of_documents(passages, n_documents)
            if end is not None or len(passages) == len(self._index):
                return list(zip(passages, cosines.tolist(), strict=True))[:end]
            count *= 2


class FromRun:
    """Candidates as a run lists them, each with all passages of its document."""

    def __init__(self, run: Run, passages_of: PassagesOf) -> None:
        self._run = run
        self._passages_of = passages_of

    def find(self, query_id: str, query: str, *, watch: Stopwatch) -> Candidates:
        """Return the run's documents for `query_id`, none if the run leaves it out; there is no stage."""
        documents = tuple(self._run.get(query_id, ()))
        passages = [p for ranked in documents for p in self._passages_of(ranked.document_id)]
        return Candidates(documents, tuple(Hit(rank, p, None) for rank, p in enumerate(passages, 1)))


def best_of_documents(ranked: Iterable[Ranked]) -> tuple[Ranked, ...]:
    """Return each document once, where it first occurs."""
    best: dict[str, Ranked] = {}
    for one in ranked:
        best.setdefault(one.document_id, one)
    return tuple(best.values())


def whole_passages(corpus: Mapping[str, str]) -> PassagesOf:
    """Return how a document id becomes one passage: the whole document."""
    return lambda document_id: (_passage(document_id, 0, corpus[document_id]),)


def chunked_passages(corpus: Mapping[str, str], offsets: Offsets, *, room: int) -> PassagesOf:
    """Return how a document id becomes the passages that its chunks are, as `split` makes them."""

    def passages(document_id: str) -> tuple[Passage, ...]:
        document = Document(id=document_id, name=document_id, kind="text", text=corpus[document_id])
        chunks = split(document, offsets, room=room)
        return tuple(_passage(document_id, chunk.start, chunk.text) for chunk in chunks)

    return passages


def _passage(document_id: str, start: int, text: str) -> Passage:
    end = start + len(text)
    return Passage(f"{document_id}:{start}", document_id, document_id, text, start, end)


def _end_of_documents(passages: Sequence[Passage], n_documents: int) -> int | None:
    """Return how many passages it takes to see `n_documents` documents; None if there are not so many."""
    seen: set[str] = set()
    for count, passage in enumerate(passages, 1):
        seen.add(passage.document_id)
        if len(seen) == n_documents:
            return count
    return None
