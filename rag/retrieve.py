"""Find a question's passages: by vectors, by words, or by both."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.config import DEFAULT_FUSION, Fusion
from rag.embed import Embedder
from rag.fusion import fused_score
from rag.outcomes import Retriever
from rag.phrasing import phrasing_scores
from rag.records import Hit, Passage
from rag.timing import Stopwatch

# How far down each list is fused: what only one of the two finds may still come to the front.
FUSED_DEPTH = 100
# How far down each list is looked at for the question's wording.
PHRASED_DEPTH = 50

Vector = NDArray[np.float32]
Keys = NDArray[np.int64]
Ranking = tuple[Keys, NDArray[np.float32]]  # passages by key with their scores, best first


class Corpus(Protocol):
    """Passages under integer keys, which stay as they are while one question looks at them."""

    def nearest(self, vector: Vector, k: int) -> Ranking:
        """Return the at most `k` passages nearest to `vector` float32 [dim], with their cosines."""

    def matching(self, question: str, k: int) -> Ranking:
        """Return the at most `k` passages that have words of `question`, by BM25."""

    def cosines(self, vector: Vector, keys: Keys) -> NDArray[np.float32]:
        """Return the cosines of the passages `keys` with `vector`."""

    def bm25s(self, keys: Keys) -> NDArray[np.float32]:
        """Return the scores of the passages `keys` for the question that was last asked for its matches."""

    def first(self, keys: Keys, k: int) -> Keys:
        """Return the first of `keys`, as many as are wanted where `k` are asked for."""

    def passages(self, keys: Keys) -> Sequence[Passage]:
        """Return the passages `keys`, in their order."""


class Searched(Protocol):
    """What can be searched; without an embedder, only words can be looked for."""

    @property
    def embedder(self) -> Embedder | None:
        """The embedder of the vectors."""

    def looking(self) -> AbstractContextManager[Corpus]:
        """Return a context in which the passages stay as they are."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks of passages, from 1, by key: each has those that its ranking went down to."""

    dense: Mapping[int, int]
    lexical: Mapping[int, int]
    phrasing: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What a question's search found: its hits, ranks 1..n, and the lexical search by itself, if made."""

    hits: tuple[Hit, ...]
    lexical: tuple[Hit, ...] = ()


def retrieve(
    question: str,
    searched: Searched,
    *,
    k: int,
    watch: Stopwatch,
    retriever: Retriever = "dense",
    fusion: Fusion = DEFAULT_FUSION,
) -> Found:
    """Return the at most `k` best passages for `question`, best first.

    By vectors, they are those of the highest cosines; by words, those of the highest BM25 scores; by both,
    those of the highest sums that `fusion` makes of the two ranks and of a third one: how near the first of
    both lists come to the question's wording. Ties are broken by the rank by vectors, then by words. `watch`
    gets the stages `embed`, `search`, `lexical`, `phrasing` and `fuse`, those of them that there are.
    """
    match retriever:
        case "dense":
            return _by_vectors(question, searched, k, watch)
        case "lexical":
            return _by_words(question, searched, k, watch)
        case "hybrid":
            return _by_both(question, searched, k, watch, fusion)


def _by_vectors(question: str, searched: Searched, k: int, watch: Stopwatch) -> Found:
    vector = _embedded(question, searched, watch)
    with watch.stage("search") as counts, searched.looking() as corpus:
        keys, cosines = corpus.nearest(vector, k)
        found = zip(corpus.passages(keys), cosines.tolist(), strict=True)
        hits = tuple(Hit(rank, *one, dense_rank=rank) for rank, one in enumerate(found, start=1))
        counts.items = len(hits)
    return Found(hits)


def _by_words(question: str, searched: Searched, k: int, watch: Stopwatch) -> Found:
    with watch.stage("lexical") as counts, searched.looking() as corpus:
        keys, scores = corpus.matching(question, k)
        found = enumerate(zip(corpus.passages(keys), scores.tolist(), strict=True), start=1)
        hits = tuple(Hit(rank, one, None, lexical_rank=rank, bm25=bm25) for rank, (one, bm25) in found)
        counts.items = len(hits)
    return Found(hits, hits)


def _by_both(question: str, searched: Searched, k: int, watch: Stopwatch, fusion: Fusion) -> Found:
    vector, depth = _embedded(question, searched, watch), max(FUSED_DEPTH, k)
    with ExitStack() as unchanging:
        with watch.stage("search") as counts:
            corpus = unchanging.enter_context(searched.looking())
            dense, _ = corpus.nearest(vector, depth)
            counts.items = len(dense)
        with watch.stage("lexical") as counts:
            lexical, _ = corpus.matching(question, depth)
            counts.items = len(lexical)
        with watch.stage("phrasing") as counts:
            known = _known(corpus, vector, np.union1d(dense, lexical))
            unchanging.close()  # all is read: nobody has to wait for what follows
            phrasing = _by_phrasing(question, known, dense, lexical)
            counts.items = len(phrasing)
        with watch.stage("fuse") as counts:
            ranks = Ranks(_places(dense), _places(lexical), _places(phrasing))
            together = fused(ranks, fusion)
            hits, by_words = (_ranked(corpus.first(keys, k), known, ranks) for keys in (together, lexical))
            counts.items = len(together)
    return Found(hits, by_words)


def _by_phrasing(question: str, known: Mapping[int, Hit], dense: Keys, lexical: Keys) -> Keys:
    """Return the first of both lists by how near they come to the question's wording."""
    first = dict.fromkeys([*lexical[:PHRASED_DEPTH].tolist(), *dense[:PHRASED_DEPTH].tolist()])
    hits = [known[key] for key in first]
    scores = phrasing_scores(question, [hit.passage for hit in hits], [hit.bm25 or 0.0 for hit in hits])
    return np.array(list(first), dtype=np.int64)[np.argsort(-scores, kind="stable")]


def fused(ranks: Ranks, fusion: Fusion) -> Keys:
    """Return the keys of all rankings as one, best first."""
    last = len(ranks.dense) + len(ranks.lexical) + 1

    def order(key: int) -> tuple[float, int, int]:
        dense, lexical = ranks.dense.get(key), ranks.lexical.get(key)
        return -hybrid_score(dense, lexical, ranks.phrasing.get(key), fusion), dense or last, lexical or last

    return np.array(sorted(ranks.dense.keys() | ranks.lexical.keys(), key=order), dtype=np.int64)


def hybrid_score(dense: int | None, lexical: int | None, phrasing: int | None, fusion: Fusion) -> float:
    """Return what a hybrid search orders its hits by, from their three ranks."""
    weighted = (
        (fusion.dense_weight, dense),
        (fusion.lexical_weight, lexical),
        (fusion.phrasing_weight, phrasing),
    )
    return fused_score(weighted, fusion.constant)


def _known(corpus: Corpus, vector: Vector, keys: Keys) -> dict[int, Hit]:
    """Return, by key, what the searches say of the passages `keys`; their ranks are still to be given."""
    passages, cosines, bm25s = corpus.passages(keys), corpus.cosines(vector, keys), corpus.bm25s(keys)
    known = zip(keys.tolist(), passages, cosines.tolist(), bm25s.tolist(), strict=True)
    return {key: Hit(0, passage, cosine, bm25=bm25) for key, passage, cosine, bm25 in known}


def _ranked(keys: Keys, known: Mapping[int, Hit], ranks: Ranks) -> tuple[Hit, ...]:
    """Return the hits `keys`, best first, with their ranks in each ranking."""
    return tuple(
        replace(
            known[key],
            rank=rank,
            dense_rank=ranks.dense.get(key),
            lexical_rank=ranks.lexical.get(key),
            phrasing_rank=ranks.phrasing.get(key),
        )
        for rank, key in enumerate(keys.tolist(), start=1)
    )


def _embedded(question: str, searched: Searched, watch: Stopwatch) -> Vector:
    if searched.embedder is None:
        raise ValueError("a search by vectors needs an embedder")
    with watch.stage("embed") as counts:
        counts.cold = not searched.embedder.used
        vector = searched.embedder.embed_query(question)
        counts.items = 1
    return vector


def _places(keys: Keys) -> dict[int, int]:
    return {key: rank for rank, key in enumerate(keys.tolist(), start=1)}
