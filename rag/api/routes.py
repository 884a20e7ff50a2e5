"""The HTTP routes."""

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rag import __version__
from rag.api.schemas import (
    InvalidFieldError,
    MalformedBodyError,
    QueryRequest,
    models_body,
    query_request,
    search_body,
)
from rag.errors import NotFoundError, QueryError, RagError
from rag.service import Service
from rag.timing import Stopwatch

MAX_BODY_BYTES = 1_000_000
_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

GetService = Callable[[], Service]
Endpoint = Callable[[Request], Awaitable[Response]]


def api_routes(get_service: GetService) -> list[Route]:
    """Return the routes, answered by the service that `get_service` returns."""
    # Questions have threads of their own: the page's static files share the server's.
    limiter = anyio.CapacityLimiter(8)
    # And whoever asks for the server's health never waits behind them.
    health_limiter = anyio.CapacityLimiter(1)

    async def healthz(_request: Request) -> Response:
        try:
            service = await anyio.to_thread.run_sync(get_service, limiter=health_limiter)
        except RagError as exc:
            return _refusal(exc)
        models = models_body(service.embedder.info, service.reranker.info)
        notices = list(service.pipeline.standing)
        return JSONResponse({"status": "ok", "version": __version__, "models": models, "notices": notices})

    async def query(request: Request) -> Response:
        try:
            if refusal := _not_json(request):
                return refusal
            if (body := await _body(request)) is None:
                return _error(413, "too_large", f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
            answer = partial(_answer, get_service, body, Stopwatch())
            return JSONResponse(await anyio.to_thread.run_sync(answer, limiter=limiter))
        except ClientDisconnect:
            return _error(400, "malformed", "The body broke off.")  # nobody is left to read this
        except RagError as exc:
            return _refusal(exc)

    return [
        *_route("/healthz", healthz, "GET"),
        *_route("/api/query", query, "POST"),
        # Without these, the page would answer, in HTML and with status 200.
        Route("/api", _unknown, methods=_ALL_METHODS),
        Route("/api/{rest:path}", _unknown, methods=_ALL_METHODS),
    ]


def _route(path: str, answer: Endpoint, method: str) -> list[Route]:
    """Return the route for `method` (HEAD goes with GET), and one that refuses the other methods."""

    async def wrong_method(request: Request) -> Response:
        message = f"{path} answers {method} only, found {request.method}."
        return _error(405, "wrong_method", message, headers={"Allow": method})

    return [Route(path, answer, methods=[method]), Route(path, wrong_method, methods=_ALL_METHODS)]


def _answer(get_service: GetService, body: bytes, watch: Stopwatch) -> dict[str, object]:
    service = get_service()
    asked: QueryRequest = query_request(body, service.settings, reranker_id=service.reranker.info.id)
    result = service.pipeline.search(
        asked.query,
        collection=asked.collection,
        retrieve_k=asked.retrieve_k,
        rerank=asked.rerank,
        document_id=asked.document_id,
        watch=watch,
    )
    return search_body(result, top_k=asked.top_k)


def _not_json(request: Request) -> Response | None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return None
    found = content_type or "none"
    return _error(415, "not_json", f"Expected the content type application/json, found {found}.")


async def _body(request: Request) -> bytes | None:
    """Return the request's body, None as soon as it is known to be too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


async def _unknown(request: Request) -> Response:
    return _error(404, "unknown_route", f"There is no route {request.url.path}.")


async def on_error(_request: Request, _exc: Exception) -> Response:
    """Answer for an error that nobody foresaw: it is in the server's log, and no secret leaves with it."""
    return _error(500, "internal", "Something went wrong on the server. Its log says what.")


def _refusal(exc: RagError) -> Response:
    match exc:
        case MalformedBodyError():
            return _error(400, "malformed", str(exc))
        case InvalidFieldError() | QueryError():
            return _error(422, "invalid", str(exc))
        case NotFoundError():
            return _error(404, "not_found", str(exc))
        case _:
            return _error(503, "unavailable", str(exc), headers={"Retry-After": "1"})


def _error(status: int, error_type: str, message: str, *, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"type": error_type, "message": message}}, status, headers=headers)
