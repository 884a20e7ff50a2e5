"""Reranking for clients of other services."""

from collections.abc import Callable
from functools import partial

from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from rag.api.body import decoded, require_json
from rag.api.desk import Desk
from rag.api.dialects import (
    CohereAnswer,
    CohereRequest,
    JinaAnswer,
    JinaRequest,
    TeiRank,
    TeiRequest,
    cohere_answer,
    jina_answer,
    miscounted,
    tei_answer,
    texts_of,
    timing_headers,
)
from rag.api.errors import RefusedError
from rag.api.http import Operation, json_answer
from rag.config import HOP_HEADER, RERANKER_REMOTE
from rag.records import Scored
from rag.service import Service
from rag.timing import Pulse, Stopwatch

_REFUSES = (400, 413, 415, 422, 503)
_Answer = tuple[object, Scored]
_Rerank = Callable[[Service, bytes, Stopwatch, Pulse], _Answer]

_ABSENT = Raw(b"null")


class _Named(Struct):
    """As much of a body as tells whose reranker it wants."""

    model: str | None = None


class _Either(Struct):
    """As much of a body as tells which dialect it is."""

    texts: Raw = _ABSENT
    documents: Raw = _ABSENT


def cohere(desk: Desk) -> Operation:
    """Return the operation in Cohere's form."""
    return Operation(
        "rerank_cohere",
        partial(_rerank, desk, _cohere),
        "Rerank documents, as Cohere's API does (v2)",
        body=(CohereRequest,),
        returns=(CohereAnswer,),
        refuses=_REFUSES,
    )


def jina(desk: Desk) -> Operation:
    """Return the operation in Jina's form."""
    return Operation(
        "rerank_jina",
        partial(_rerank, desk, _jina),
        "Rerank documents, as Jina's API does",
        body=(JinaRequest,),
        returns=(JinaAnswer,),
        refuses=_REFUSES,
    )


def tei(desk: Desk) -> Operation:
    """Return the operation in the form of Text Embeddings Inference, or Cohere's, as the body is."""
    return Operation(
        "rerank_tei",
        partial(_rerank, desk, _tei_or_cohere),
        "Rerank texts, as Text Embeddings Inference does; with 'documents', as Cohere's API does",
        body=(TeiRequest, CohereRequest),
        returns=(list[TeiRank], CohereAnswer),
        refuses=_REFUSES,
    )


async def _rerank(desk: Desk, rerank: _Rerank, request: Request) -> Response:
    require_json(request)
    if HOP_HEADER in request.headers:
        rerank = partial(_here, rerank)
    answer, scored = await desk.work(request, rerank)
    return json_answer(answer, headers=timing_headers(scored))


def _here(rerank: _Rerank, service: Service, body: bytes, watch: Stopwatch, pulse: Pulse) -> _Answer:
    """Rerank for another RerankLens, whose remote reranker this is: never on yet another one."""
    if decoded(body, _Named).model == RERANKER_REMOTE:
        message = "A server whose remote reranker this one is cannot ask for the remote reranker of this one."
        raise RefusedError(422, "invalid", message)
    return rerank(service, body, watch, pulse)


def _cohere(service: Service, body: bytes, watch: Stopwatch, pulse: Pulse) -> _Answer:
    asked = decoded(body, CohereRequest, explain=miscounted)
    scored = _scored(service, asked, asked.max_tokens_per_doc, watch, pulse)
    return cohere_answer(asked, scored), scored


def _jina(service: Service, body: bytes, watch: Stopwatch, pulse: Pulse) -> _Answer:
    asked = decoded(body, JinaRequest, explain=miscounted)
    scored = _scored(service, asked, asked.max_doc_length, watch, pulse)
    return jina_answer(asked, scored), scored


def _scored(
    service: Service,
    asked: CohereRequest | JinaRequest,
    max_tokens: int | None,
    watch: Stopwatch,
    pulse: Pulse,
) -> Scored:
    return service.pipeline.score(
        asked.query,
        texts_of(asked.documents),
        remote=asked.model == RERANKER_REMOTE,
        max_tokens=max_tokens,
        watch=watch,
        pulse=pulse,
    )


def _tei_or_cohere(service: Service, body: bytes, watch: Stopwatch, pulse: Pulse) -> _Answer:
    either = decoded(body, _Either)
    if either.texts == _ABSENT and either.documents != _ABSENT:
        return _cohere(service, body, watch, pulse)
    asked = decoded(body, TeiRequest, explain=miscounted)
    scored = service.pipeline.score(
        asked.query,
        asked.texts,
        remote=asked.model == RERANKER_REMOTE,
        must_fit=not asked.truncate,
        watch=watch,
        pulse=pulse,
    )
    return tei_answer(asked, scored), scored
