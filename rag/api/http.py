"""One route as an ASGI application: who may ask, how, and how an error is spelled."""

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPMethod
from urllib.parse import urlsplit

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rag.api.errors import AbandonedError, RefusedError, Shape, own_shape, refusal
from rag.errors import RagError

Handler = Callable[[Request], Awaitable[Response]]
# Told each answer's route, method, status and seconds.
Observer = Callable[[str, str, int, float], None]

INTERNAL = "Something went wrong on the server. Its log says what."
CLIENT_GONE = 499  # nobody reads it; it is counted


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: with which key, if any, and from pages of which hosts besides this server's own."""

    api_key: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()

    def check(self, request: Request, *, is_open: bool) -> None:
        """Refuse a request without the key, or sent by a page of another origin."""
        if self.api_key and not is_open and not self._has_key(request):
            found = "another one" if "authorization" in request.headers else "none"
            message = (
                f"Expected the header 'Authorization: Bearer …' with the key (RAG_API_KEY), found {found}."
            )
            raise RefusedError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})
        origin = request.headers.get("origin")
        if (
            request.method not in ("GET", "HEAD")
            and origin
            and not self.is_own(origin, request.headers.get("host"))
        ):
            message = f"A page of {origin[:200]} may not ask this server to do anything."
            raise RefusedError(403, "foreign_origin", message)

    def _has_key(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        expected = (self.api_key or "").encode()
        return hmac.compare_digest(key.strip().encode(), expected) and scheme.lower() == "bearer"

    def is_own(self, origin: str, asked_host: str | None) -> bool:
        """Return whether a page of `origin` is this server's own, which was asked for as `asked_host`."""
        try:
            parts = urlsplit(origin)
            host = parts.hostname or ""
        except ValueError:
            return False
        # A proxy may have changed the Host header; then the origin's name is one that was allowed.
        return parts.netloc == asked_host or any(_covers(name, host) for name in self.hosts)


def _covers(name: str, host: str) -> bool:
    """Return whether `name` is this host, or *.example.org and covers it; "*" covers no page."""
    return host == name or (name.startswith("*.") and host.endswith(name[1:]))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a route: where it stands, and what it means.

    It is a text of at most `max_chars`, or with `numbers` a whole one from the first to the last of the two.
    """

    name: str
    place: str
    meaning: str
    max_chars: int = 0
    numbers: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a route: what answers it, and what `/openapi.json` says of it.

    `name` is its operationId, after which generated clients name their functions. `body` and `returns`
    are the types of JSON that go in and out, any of several; `media_type` is what comes out. `refuses` are
    the statuses with which it may be refused, besides those of every route.
    """

    name: str
    answer: Handler
    summary: str
    body: tuple[object, ...] = ()
    is_upload: bool = False
    returns: tuple[object, ...] = ()
    media_type: str = "application/json"
    parameters: tuple[Parameter, ...] = ()
    refuses: tuple[int, ...] = ()


class Resource:
    """Answers the methods of one route, and refuses the others.

    `is_open` routes need no key, and no request that `admits` lets in does.
    """

    def __init__(
        self,
        path: str,
        operations: Mapping[str, Operation],
        *,
        access: Access,
        shape: Shape = own_shape,
        is_open: bool = False,
        admits: Callable[[Request], bool] | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.path = path
        self.operations = dict(operations)
        self.is_open = is_open
        self.shape = shape
        self._access = access
        self._admits = admits
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        began, status = time.perf_counter(), 500
        try:
            try:
                response = await self._answer(request)
            except Exception:
                # Raised again for the server's log, which says more than whoever asked may know.
                await json_answer(self.shape(500, "internal", INTERNAL), status=500)(scope, receive, send)
                raise
            status = response.status_code
            await response(scope, receive, send)
        finally:
            if self._observe:
                # Any word may stand where a method should, but not each is worth a figure of its own.
                method = request.method if request.method in HTTPMethod.__members__ else "other"
                self._observe(self.path, method, status, time.perf_counter() - began)

    async def _answer(self, request: Request) -> Response:
        try:
            is_open = self.is_open or (self._admits is not None and self._admits(request))
            self._access.check(request, is_open=is_open)
            operation = self._operation(request)
            if operation is None:
                raise self._wrong_method(request)
            return await operation.answer(request)
        except (ClientDisconnect, AbandonedError):
            return Response(status_code=CLIENT_GONE)
        except RagError as exc:
            refused = refusal(exc)
            body = self.shape(refused.status, refused.type, str(refused))
            return json_answer(body, status=refused.status, headers=refused.headers)

    def _operation(self, request: Request) -> Operation | None:
        # Who answers GET answers HEAD, too; the server leaves the body out.
        return self.operations.get("GET" if request.method == "HEAD" else request.method)

    def _wrong_method(self, request: Request) -> RefusedError:
        allowed = ", ".join(self.operations)
        message = f"{self.path} answers {allowed or 'nothing'} only, found {request.method[:20]}."
        return RefusedError(405, "wrong_method", message, {"Allow": allowed})


class Unknown(Resource):
    """Says, to every method, that there is no such route."""

    def _operation(self, request: Request) -> Operation:
        return Operation("unknown", self._unknown, "There is no such route")

    async def _unknown(self, request: Request) -> Response:
        message = f"There is no route {request.url.path[:200]}. /openapi.json describes them all."
        raise RefusedError(404, "unknown_route", message)


def json_answer(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `body` as JSON."""
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
