"""Read a request's JSON: within limits, and into the fields that its route wants."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar, get_args, get_type_hints

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from rag.api.errors import RefusedError, shutting_down
from rag.api.limits import BODY_PATIENCE_S, LEAST_BYTES_PER_S, MAX_BODY_BYTES, MAX_JSON_DEPTH

T = TypeVar("T")

_TICK_S = 0.5
_MAX_BRACKETS = 100_000  # of a thousand documents as objects there are 2,002

_MARKS = b'[]{}"'
_ALL_BUT_MARKS = bytes(set(range(256)) - set(_MARKS))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def require_json(request: Request) -> None:
    """Refuse what is not sent as JSON: a page of another origin can send forms, but not that, unasked."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        found = content_type[:100] or "none"
        raise RefusedError(415, "not_json", f"Expected the content type application/json, found {found}.")


Take = Callable[[int], None]


async def read_body(request: Request, *, take: Take, is_over: Callable[[], bool]) -> bytes:
    """Return the request's body, each part of which `take` is told before it is kept.

    It is refused as soon as it is known to be too large, when it stalls, and when the server `is_over`.
    """
    receive = checked(request, MAX_BODY_BYTES, is_over=is_over)
    body, more = bytearray(), True
    while more:
        message = await receive()
        part = message.get("body", b"")
        take(len(part))
        body += part
        more = message.get("more_body", False)
    return bytes(body)


def checked(
    request: Request,
    most_bytes: int,
    *,
    is_over: Callable[[], bool],
    advice: str = "",
    patience_s: float = BODY_PATIENCE_S,
) -> Receive:
    """Return what receives the request's body part by part, within its limits of size and time."""
    too_large = RefusedError(413, "too_large", f"The body is larger than {most_bytes:,} bytes.{advice}")
    if _announced_bytes(request) > most_bytes:
        raise too_large
    seen, began = 0, time.monotonic()

    async def receive() -> Message:
        nonlocal seen
        # A trickle of bytes would otherwise hold its place for ever.
        until = min(time.monotonic(), began + seen / LEAST_BYTES_PER_S) + patience_s
        message = await _received(request, until, is_over)
        if message is None:
            text = (
                f"The body comes too slowly: nothing for {patience_s:g} s, or less than "
                f"{LEAST_BYTES_PER_S:,} bytes a second after that."
            )
            raise RefusedError(408, "stalled", text, {"Connection": "close"})
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise too_large
        return message

    return receive


async def _received(request: Request, until: float, is_over: Callable[[], bool]) -> Message | None:
    """Return the next part of the body, None when it has not come `until` then."""
    while (left_s := until - time.monotonic()) > 0:
        if is_over():
            raise shutting_down()
        try:
            async with asyncio.timeout(min(left_s, _TICK_S)):
                return await request.receive()
        except TimeoutError:
            continue
    return None


def _announced_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


# From what msgspec says of a value, the refusal that a route has words of its own for; None for any other.
Explain = Callable[[str], RefusedError | None]


def decoded(body: bytes, fields: type[T], *, explain: Explain | None = None) -> T:
    """Return the `fields` that `body` holds; unknown ones are ignored."""
    message = (
        f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels, or has more than {_MAX_BRACKETS // 2:,} "
        "lists and objects."
    )
    too_deep = RefusedError(422, "too_deep", message)
    try:
        value = msgspec.json.decode(body, type=fields)
    except RecursionError as exc:
        raise too_deep from exc
    except msgspec.ValidationError as exc:
        explained = explain(str(exc)) if explain else None
        raise explained or RefusedError(422, "invalid", _sentence(exc, fields)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        half = " Half a surrogate pair is no character." if b"\\ud" in body.lower() else ""
        raise RefusedError(400, "malformed", f"The body is not JSON in UTF-8: {exc}.{half}") from exc
    if not _is_shallow(body):
        raise too_deep
    return value


def _sentence(exc: msgspec.ValidationError, fields: object) -> str:
    """Return what `exc` says, shortly, and where a value is none of a few, which those are."""
    message = str(exc).replace("`", "'")
    if message.startswith("Invalid enum value"):
        name = message.rpartition("'$.")[2].rstrip("'")
        kinds = get_args(get_type_hints(fields).get(name))
        choices = ", ".join(repr(choice) for kind in kinds for choice in get_args(kind))
        message = f"'{name}' must be one of: {choices}; found something else"
    what, _, where = message.partition(" - at '$")
    return f"'{where.lstrip('.').rstrip(chr(39))}': {what[0].lower()}{what[1:]}." if where else f"{message}."


def _is_shallow(body: bytes) -> bool:
    """Return whether `body`, which is JSON, is nested no deeper, and has no more brackets, than it may."""
    brackets = _brackets(body)
    if len(brackets) > _MAX_BRACKETS:
        return False
    for _ in range(MAX_JSON_DEPTH):
        if not brackets:
            return True
        # Each round takes away the innermost level, at the speed of a search.
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _brackets(body: bytes) -> bytes:
    """Return the brackets that stand outside the strings of `body`, which is JSON, as square ones.

    The whole process stands still meanwhile, so this goes at the speed of a search, too.
    """
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Where two quotation marks are neighbours now, a string is empty, or two may as well be one.
    marks = unescaped.translate(_ONE_KIND, _ALL_BUT_MARKS).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])
