"""What a server's answers must hold: their forms, and what must be true of the values in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rag.file_outcome import FileStatus

# Server and client read different clocks, and a server may round.
_TOLERANCE_MS = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """A model as `/healthz` and answers name it."""

    id: str
    backend: str


@dataclass(frozen=True, slots=True)
class Models:
    """Which models answer."""

    embedder: Model
    reranker: Model | None


@dataclass(frozen=True, slots=True)
class Health:
    """What `GET /healthz` answers."""

    status: Literal["ok"]
    version: str
    models: Models
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Info:
    """What `GET /info` answers."""

    version: str
    model_id: str
    max_client_batch_size: int


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A retrieved passage."""

    rank: int
    chunk_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Reranked:
    """A reranked passage; remote rerankers may tell no logit."""

    rank: int
    retrieved_rank: int
    chunk_id: str
    score: float
    logit: float | None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """What `POST /api/query` answers."""

    retrieved: tuple[Retrieved, ...]
    reranked: tuple[Reranked, ...]
    timings_ms: dict[str, float]
    cold: bool
    cached: int
    models: Models
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """What became of one uploaded file."""

    name: str
    status: FileStatus
    message: str
    document_id: str | None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What `POST /api/documents` answers."""

    files: tuple[UploadedFile, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A document in a list."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ListedCollection:
    """A collection in a list, and how many documents it has."""

    name: str
    documents: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What `GET /api/documents` answers."""

    documents: tuple[Listed, ...]
    collections: tuple[ListedCollection, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What `DELETE /api/documents/{id}` answers."""

    deleted: Listed


@dataclass(frozen=True, slots=True)
class Result:
    """A passage's place in the list that was sent, and its score, as Cohere and Jina name them."""

    index: int
    relevance_score: float


@dataclass(frozen=True, slots=True)
class Results:
    """What `POST /v1/rerank` answers."""

    results: tuple[Result, ...]
    cached: int


@dataclass(frozen=True, slots=True)
class ResultsMeta:
    """What `POST /v2/rerank` says about its results."""

    cached: int


@dataclass(frozen=True, slots=True)
class ResultsWithMeta:
    """What `POST /v2/rerank` answers."""

    results: tuple[Result, ...]
    meta: ResultsMeta


@dataclass(frozen=True, slots=True)
class Scored:
    """A passage's place in the list that was sent, and its score, as TEI names them."""

    index: int
    score: float


def broken_promise(answer: QueryAnswer, *, top_k: int, wall_s: float) -> str | None:
    """Return what is wrong with the answer to a question that took `wall_s`, None when all is well."""
    return _broken_ranking(answer, top_k) or _broken_times(answer.timings_ms, wall_s * 1000)


def broken_order(ranked: Sequence[tuple[int, float]], n_passages: int) -> str | None:
    """Return what is wrong with `ranked` (index and score of each passage), None when all is well."""
    order = [index for index, _ in ranked]
    if sorted(order) != list(range(n_passages)):
        return f"Expected each of {n_passages} passages once, found the indices {order}."
    if any(first < second for first, second in pairwise(score for _, score in ranked)):
        return f"The best must come first, found the scores {[score for _, score in ranked]}."
    return None


def _broken_ranking(answer: QueryAnswer, top_k: int) -> str | None:
    chunks = {hit.rank: hit.chunk_id for hit in answer.retrieved}
    n, expected = len(answer.retrieved), min(top_k, len(answer.retrieved))
    if list(chunks) != list(range(1, n + 1)):
        return f"Retrieved ranks must be 1 to {n}, found {list(chunks)}."
    if [hit.rank for hit in answer.reranked] != list(range(1, expected + 1)):
        return f"Reranked ranks must be 1 to {expected}, found {[hit.rank for hit in answer.reranked]}."
    if len({hit.retrieved_rank for hit in answer.reranked}) < expected or any(
        chunks.get(hit.retrieved_rank) != hit.chunk_id for hit in answer.reranked
    ):
        return "Reranked is no permutation of retrieved: a passage is twice in it, or was never retrieved."
    scores = [hit.score if hit.logit is None else hit.logit for hit in answer.reranked]
    if any(first < second for first, second in pairwise(scores)):
        return f"Logits must not increase, found {scores}."
    return None


def _broken_times(timings_ms: dict[str, float], wall_ms: float) -> str | None:
    total = timings_ms.get("total")
    stages = [ms for name, ms in timings_ms.items() if name != "total"]
    if total is None or not stages or min(stages) < 0:
        return f"Expected each stage's time and their total, found {timings_ms}."
    if sum(stages) > total + _TOLERANCE_MS:
        return f"The stages take {sum(stages):.1f} ms, which is more than their total of {total:.1f} ms."
    if total > wall_ms + _TOLERANCE_MS:
        return f"The server says {total:.1f} ms, but the client waited for only {wall_ms:.1f} ms."
    return None
