"""What every answer carries, the page's own files among them."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.api.errors import own_shape
from rag.api.http import INTERNAL, Access, json_answer

# The page: its own files, styles in its elements, and the one line of script in Streamlit's index.html.
# blob: is where Streamlit's components have their code.
_PAGE_POLICY = (
    "default-src 'self'; "
    "script-src 'self' blob: 'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
# What a program is sent is never a page.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


class SecurityHeaders:
    """Adds a Content-Security-Policy and its like to every answer of `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = secured(message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class OwnPagesOnly:
    """Refuses websockets to pages of other origins: another port of this machine is one, too."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is no websocket, and a websocket of this server's own page."""
        if scope["type"] == "websocket" and not self._may(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _may(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        # Whoever lets the server answer to every name has a proxy that knows better.
        return origin is None or "*" in self._access.hosts or self._access.is_own(origin, headers.get("host"))


def secured(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return an answer's `headers` with those that keep a browser from more than was meant."""
    kept = {name.lower(): value for name, value in headers}
    is_page = not kept.get(b"content-type", b"").startswith((b"application/json", b"text/plain"))
    own = {
        b"content-security-policy": (_PAGE_POLICY if is_page else _DATA_POLICY).encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"no-referrer",
    }
    return [*headers, *((name, value) for name, value in own.items() if name not in kept)]


async def on_error(_request: Request, _exc: Exception) -> Response:
    """Answer for an error that nobody foresaw: it is in the server's log, and no secret leaves with it."""
    response = json_answer(own_shape(500, "internal", INTERNAL), status=500)
    # It is answered outside every middleware.
    response.raw_headers = secured(response.raw_headers)
    return response
