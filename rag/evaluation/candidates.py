"""Find the passages that an evaluation reranks: by a search, or as a run file lists them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.chunk import Offsets, split
from rag.config import DEFAULT_FUSION, Fusion
from rag.embed import Embedder
from rag.index import VectorIndex
from rag.lexical import LexicalIndex, Scores
from rag.outcomes import Retriever
from rag.records import Document, Hit, Passage
from rag.retrieve import Keys, Ranking, Vector, hybrid_score, retrieve
from rag.terms import query_terms
from rag.timing import Stopwatch
from rag.trec import Ranked, Run

PassagesOf = Callable[[str], Sequence[Passage]]
LanguageOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Candidates:
    """One query's documents as the first stage ranks them, and the passages of theirs to rerank."""

    documents: tuple[Ranked, ...]
    hits: tuple[Hit, ...]


class CandidateSource(Protocol):
    """A first stage."""

    def find(self, query_id: str, query: str, *, watch: Stopwatch) -> Candidates:
        """Return the candidates for `query`, best first, timing its stages on `watch`."""


class Passages:
    """The passages of a corpus, in memory: the ids of both indexes are positions in `passages`.

    However a search is made, k counts documents: it goes down until it has seen so many, and every passage
    down to there is found. An index that is None is not searched.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        embedder: Embedder | None = None,
        vectors: VectorIndex | None = None,
        words: LexicalIndex | None = None,
    ) -> None:
        self.embedder = embedder
        self._passages = passages
        self._vectors = vectors
        self._words = words
        self._languages = Counter(passage.language for passage in passages)
        self._scores: Scores | None = None

    def looking(self) -> AbstractContextManager["Passages"]:
        """Return a context with the passages as they are: they never change."""
        return nullcontext(self)

    def nearest(self, vector: Vector, k: int) -> Ranking:
        """Return the passages nearest to `vector`, best first, and their cosines."""
        return self._down_to(k, partial(self._of_vectors().search, vector))

    def matching(self, question: str, k: int) -> Ranking:
        """Return the passages that have words of `question`, best first, and their scores."""
        if self._words is None:
            raise ValueError("a search by words needs their index")
        self._scores = self._words.scores(query_terms(question, self._languages))
        return self._down_to(k, self._scores.best)

    def cosines(self, vector: Vector, keys: Keys) -> NDArray[np.float32]:
        """Return the cosines of the passages `keys` with `vector`."""
        return self._of_vectors().cosines(vector, keys)

    def bm25s(self, keys: Keys) -> NDArray[np.float32]:
        """Return the scores of the passages `keys` for the question that `matching` was asked last."""
        if self._scores is None:
            raise ValueError("there is no score before `matching` was asked")
        return self._scores.of(keys)

    def first(self, keys: Keys, k: int) -> Keys:
        """Return the first of `keys`, down to the one that shows the last of `k` documents."""
        return keys[: _end_of_documents(self.passages(keys), k)]

    def passages(self, keys: Keys) -> list[Passage]:
        """Return the passages `keys`, in their order."""
        return [self._passages[position] for position in keys.tolist()]

    def _of_vectors(self) -> VectorIndex:
        if self._vectors is None:
            raise ValueError("a search by vectors needs their index")
        return self._vectors

    def _down_to(self, n_documents: int, best: Callable[[int], Ranking]) -> Ranking:
        count = n_documents
        while True:
            keys, scores = best(count)
            end = _end_of_documents(self.passages(keys), n_documents)
            if end is not None or len(keys) < count:
                return keys[:end], scores[:end]
            count *= 2


class Search:
    """Candidates as a retriever finds them. A document counts at its best passage.

    The search goes down until it has seen `depth` documents, and every passage down to there is a hit.
    """

    def __init__(
        self,
        passages: Passages,
        *,
        depth: int,
        retriever: Retriever = "dense",
        fusion: Fusion = DEFAULT_FUSION,
    ) -> None:
        self._passages = passages
        self._depth = depth
        self._retriever: Retriever = retriever
        self._fusion = fusion

    def find(self, query_id: str, query: str, *, watch: Stopwatch) -> Candidates:
        """Return the documents that are found for `query`; the stages are those of `retrieve`."""
        found = retrieve(
            query,
            self._passages,
            k=self._depth,
            watch=watch,
            retriever=self._retriever,
            fusion=self._fusion,
        )
        ranked = (Ranked(hit.passage.document_id, self._score(hit)) for hit in found.hits)
        return Candidates(best_of_documents(ranked), found.hits)

    def _score(self, hit: Hit) -> float:
        """Return what the hits were ranked by."""
        match self._retriever:
            case "dense":
                return hit.cosine or 0.0
            case "lexical":
                return hit.bm25 or 0.0
            case "hybrid":
                return hybrid_score(hit.dense_rank, hit.lexical_rank, hit.phrasing_rank, self._fusion)


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


def whole_passages(corpus: Mapping[str, str], language_of: LanguageOf) -> PassagesOf:
    """Return how a document id becomes one passage: the whole document."""
    return lambda document_id: (_passage(document_id, 0, corpus[document_id], language_of(document_id)),)


def chunked_passages(
    corpus: Mapping[str, str], language_of: LanguageOf, offsets: Offsets, *, room: int
) -> PassagesOf:
    """Return how a document id becomes the passages that its chunks are, as `split` makes them."""

    def passages(document_id: str) -> tuple[Passage, ...]:
        document = Document(id=document_id, name=document_id, kind="text", text=corpus[document_id])
        chunks = split(document, offsets, room=room)
        language = language_of(document_id)
        return tuple(_passage(document_id, chunk.start, chunk.text, language) for chunk in chunks)

    return passages


def _passage(document_id: str, start: int, text: str, language: str | None) -> Passage:
    end = start + len(text)
    return Passage(f"{document_id}:{start}", document_id, document_id, text, start, end, language=language)


def _end_of_documents(passages: Sequence[Passage], n_documents: int) -> int | None:
    """Return how many passages it takes to see `n_documents` documents; None if there are not so many."""
    seen: set[str] = set()
    for count, passage in enumerate(passages, 1):
        seen.add(passage.document_id)
        if len(seen) == n_documents:
            return count
    return None
