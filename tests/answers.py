"""Answers about a toy library: really retrieved, and reranked into any order, without a model."""

from collections.abc import Callable, Sequence

from rag.evidence import Judgment, RunInfo
from rag.library import Library
from rag.records import Hit, ModelInfo, RerankedHit, SearchResult, StageTime
from rag.retrieve import retrieve
from rag.timing import Stopwatch

RERANKER = ModelInfo("toy/reranker", "f" * 64, "cpu")
Order = Callable[[Hit], float]  # a hit's logit


def backwards(hit: Hit) -> float:
    """Put the last first."""
    return float(hit.rank)


def answer(
    library: Library,
    query: str,
    *,
    k: int = 10,
    order: Order = backwards,
    reranker: ModelInfo = RERANKER,
    stages: Sequence[StageTime] = (StageTime("queue", 0.5), StageTime("score", 0.1)),
    total_s: float = 0.7,
) -> SearchResult:
    """Return what the collection "c" answers, its hits scored by `order`."""
    searcher = library.searcher("c")
    hits = retrieve(query, searcher, k=k, watch=Stopwatch()).hits
    best = sorted(hits, key=lambda hit: (-order(hit), hit.rank))
    reranked = tuple(
        RerankedHit(order(hit), rank=rank, retrieved_rank=hit.rank, passage=hit.passage, cosine=hit.cosine)
        for rank, hit in enumerate(best, 1)
    )
    return SearchResult(query, "c", hits, reranked, tuple(stages), total_s, searcher.embedder.info, reranker)


def record(library: Library, query: str, **as_in_answer: object) -> RunInfo:
    """Record such an answer."""
    return library.store.runs.add(answer(library, query, **as_in_answer))  # type: ignore[arg-type]


def judge(library: Library, query: str, grades: dict[str, int | None], *, by: str = "ada") -> None:
    """Judge whole documents, by name."""
    documents = {info.name: info.id for info in library.documents("c")}
    for name, grade in grades.items():
        length = len(library.document("c", documents[name])[0].text)
        library.judge(Judgment(query, documents[name], 0, length, grade, judge=by), collection="c")
