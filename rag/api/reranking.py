"""Reranking for clients of other services."""

from collections.abc import Callable
from functools import partial

from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from rag.api.body import decoded, read_body, require_json
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
    tei_answer,
    texts_of,
    timing_headers,
)
from rag.api.errors import RefusedError
from rag.api.http import Operation, json_answer
from rag.config import RERANKER_REMOTE
from rag.pipeline import Scored
from rag.service import Service
from rag.timing import Pulse, Stopwatch

_REFUSES = (400, 413, 415, 422, 503)
_Answer = tuple[object, Scored]
_Rerank = Callable[[bytes, Stopwatch, Service, Pulse], _Answer]


_ABSENT = Raw(b"null")


class _Either(Struct):
    """As much of a body as tells which dialect it is."""

    texts: Raw = _ABSENT
    documents: Raw = _ABSENT


def cohere(desk: Desk) -> Operation:
    """Return the operation in Cohere's form."""
    return Operation(
        partial(_rerank, desk, _cohere),
        "Rerank documents, as Cohere's API does (v2)",
        body=(CohereRequest,),
        returns=(CohereAnswer,),
        refuses=_REFUSES,
    )


def jina(desk: Desk) -> Operation:
    """Return the operation in Jina's form."""
    return Operation(
        partial(_rerank, desk, _jina),
        "Rerank documents, as Jina's API does",
        body=(JinaRequest,),
        returns=(JinaAnswer,),
        refuses=_REFUSES,
    )


def tei(desk: Desk) -> Operation:
    """Return the operation in the form of Text Embeddings Inference, or Cohere's, as the body is."""
    return Operation(
        partial(_rerank, desk, _tei_or_cohere),
        "Rerank texts, as Text Embeddings Inference does; with 'documents', as Cohere's API does",
        body=(TeiRequest, CohereRequest),
        returns=(list[TeiRank], CohereAnswer),
        refuses=_REFUSES,
    )


async def _rerank(desk: Desk, rerank: _Rerank, request: Request) -> Response:
    require_json(request)
    body, watch = await read_body(request), Stopwatch()
    answer, scored = await desk.work(request, partial(rerank, body, watch))
    return json_answer(answer, headers=timing_headers(scored))


def _cohere(body: bytes, watch: Stopwatch, service: Service, pulse: Pulse) -> _Answer:
    asked = decoded(body, CohereRequest)
    texts = texts_of(asked.documents)
    scored = service.pipeline.score(
        asked.query,
        texts,
        remote=asked.model == RERANKER_REMOTE,
        max_tokens=asked.max_tokens_per_doc,
        watch=watch,
        pulse=pulse,
    )
    return cohere_answer(asked, scored), scored


def _jina(body: bytes, watch: Stopwatch, service: Service, pulse: Pulse) -> _Answer:
    asked = decoded(body, JinaRequest)
    scored = service.pipeline.score(
        asked.query,
        texts_of(asked.documents),
        remote=asked.model == RERANKER_REMOTE,
        max_tokens=asked.max_doc_length,
        watch=watch,
        pulse=pulse,
    )
    return jina_answer(asked, scored), scored


def _tei_or_cohere(body: bytes, watch: Stopwatch, service: Service, pulse: Pulse) -> _Answer:
    either = decoded(body, _Either)
    if either.texts == _ABSENT and either.documents != _ABSENT:
        return _cohere(body, watch, service, pulse)
    asked = decoded(body, TeiRequest)
    scored = service.pipeline.score(asked.query, asked.texts, watch=watch, pulse=pulse)
    if not asked.truncate:
        _refuse_cut(scored, service.reranker.max_tokens)
    return tei_answer(asked, scored), scored


def _refuse_cut(scored: Scored, window: int) -> None:
    for index, score in enumerate(scored.scores):
        if score.is_cut:
            message = (
                f"Text {index} has {score.tokens} tokens, of which {score.tokens_read} find room beside the "
                f"query: the model reads {window} in all. Send shorter texts, or 'truncate': true."
            )
            raise RefusedError(413, "too_large", message)
