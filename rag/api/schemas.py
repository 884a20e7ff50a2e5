"""The fields of requests and answers, by name."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rag.config import DEFAULT_COLLECTION, MAX_RETRIEVE_K, RERANKER_NONE, Settings
from rag.errors import RagError
from rag.records import Hit, ModelInfo, RerankedHit, SearchResult


class MalformedBodyError(RagError):
    """A request's body is not JSON."""


class InvalidFieldError(RagError):
    """A field of a request has a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """The body of `POST /api/query`."""

    query: str
    collection: str
    document_id: str | None
    retrieve_k: int
    top_k: int
    rerank: bool


def query_request(body: bytes, settings: Settings, *, reranker_id: str) -> QueryRequest:
    """Return what `body` asks for; fields that are left out have the settings' values.

    Raises MalformedBodyError or InvalidFieldError. Unknown fields are ignored.
    """
    fields = _json_object(body)
    query = _text(fields, "query")
    if query is None:
        raise InvalidFieldError("'query' is missing: expected a question or a few keywords as a string.")
    _one_of(fields, "retriever", ("dense",))
    reranker = _one_of(fields, "reranker", (reranker_id, RERANKER_NONE))
    return QueryRequest(
        query=query,
        collection=_text(fields, "collection") or DEFAULT_COLLECTION,
        document_id=_text(fields, "document_id"),
        retrieve_k=_whole(fields, "retrieve_k", settings.retrieve_k),
        top_k=_whole(fields, "top_k", settings.top_k),
        rerank=reranker != RERANKER_NONE,
    )


def search_body(result: SearchResult, *, top_k: int) -> dict[str, object]:
    """Return `result` as the answer of `POST /api/query`: all retrieved hits, the `top_k` reranked.

    `timings_ms` has every stage that ran and `total`; `cached` counts the pairs whose score was known.
    """
    return {
        "query": result.query,
        "collection": result.collection,
        "retrieved": [_retrieved(hit) for hit in result.retrieved],
        "reranked": [_reranked(hit) for hit in result.reranked[:top_k]],
        "timings_ms": {
            **{stage.stage: stage.seconds * 1000 for stage in result.stages},
            "total": result.total_s * 1000,
        },
        "cold": result.cold,
        "cached": result.cached,
        "models": models_body(result.embedder, result.reranker),
        "notices": list(result.notices),
    }


def models_body(embedder: ModelInfo, reranker: ModelInfo | None) -> dict[str, object]:
    """Return which models answer; `reranker` is null when reranking was turned off."""
    return {"embedder": asdict(embedder), "reranker": asdict(reranker) if reranker else None}


def _retrieved(hit: Hit) -> dict[str, object]:
    return {"rank": hit.rank, **asdict(hit.passage), "cosine": hit.cosine}


def _reranked(hit: RerankedHit) -> dict[str, object]:
    return {
        "rank": hit.rank,
        "retrieved_rank": hit.retrieved_rank,
        **asdict(hit.passage),
        "cosine": hit.cosine,
        "logit": hit.logit,
        "score": hit.score,
        "tokens": hit.tokens,
        "tokens_read": hit.tokens_read,
    }


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as exc:  # not UTF-8, not JSON, or nested beyond reason
        raise MalformedBodyError(f"The body is not JSON: {exc}.") from exc
    if not isinstance(fields, dict):
        raise InvalidFieldError('Expected a JSON object such as {"query": "…"}.')
    return fields


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidFieldError(f"'{name}' must be a string, found {type(value).__name__}.")
    # JSON can spell half a surrogate pair; it is no character, and nothing is named with it.
    return value.encode("utf-8", "replace").decode()


def _whole(fields: Mapping[str, object], name: str, default: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_RETRIEVE_K:
        raise InvalidFieldError(f"'{name}' must be a whole number from 1 to {MAX_RETRIEVE_K}.")
    return value


def _one_of(fields: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str | None:
    value = _text(fields, name)
    if value is not None and value not in choices:
        raise InvalidFieldError(f"'{name}' must be one of {', '.join(choices)}.")
    return value
