"""Read a request's JSON: within limits, and into the fields that its route wants."""

import asyncio
import time
from typing import TypeVar, get_args, get_type_hints

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from rag.api.errors import RefusedError
from rag.api.limits import BODY_PATIENCE_S, LEAST_BYTES_PER_S, MAX_BODY_BYTES, MAX_JSON_DEPTH

T = TypeVar("T")

_MARKS = b'[]{}"'
_ALL_BUT_MARKS = bytes(set(range(256)) - set(_MARKS))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def require_json(request: Request) -> None:
    """Refuse what is not sent as JSON: a page of another origin can send forms, but not that, unasked."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        found = content_type[:100] or "none"
        raise RefusedError(415, "not_json", f"Expected the content type application/json, found {found}.")


async def read_body(request: Request, most_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return the request's body, refused as soon as it is known to be too large, or when it stalls."""
    receive = checked(request, most_bytes)
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def checked(
    request: Request, most_bytes: int, advice: str = "", patience_s: float = BODY_PATIENCE_S
) -> Receive:
    """Return what receives the request's body part by part, while it is neither too large nor stalled."""
    too_large = RefusedError(413, "too_large", f"The body is larger than {most_bytes:,} bytes.{advice}")
    if _announced_bytes(request) > most_bytes:
        raise too_large
    seen, began = 0, time.monotonic()

    async def receive() -> Message:
        nonlocal seen
        # A trickle of bytes would otherwise hold its place for ever.
        left_s = began + patience_s + seen / LEAST_BYTES_PER_S - time.monotonic()
        try:
            if left_s <= 0:
                raise TimeoutError
            async with asyncio.timeout(min(patience_s, left_s)):
                message = await request.receive()
        except TimeoutError as exc:
            text = (
                f"The body comes too slowly: nothing for {patience_s:g} s, or less than "
                f"{LEAST_BYTES_PER_S:,} bytes a second after that."
            )
            raise RefusedError(408, "stalled", text, {"Connection": "close"}) from exc
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise too_large
        return message

    return receive


def _announced_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def decoded(body: bytes, fields: type[T]) -> T:
    """Return the `fields` that `body` holds; unknown ones are ignored."""
    too_deep = RefusedError(422, "too_deep", f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels.")
    try:
        value = msgspec.json.decode(body, type=fields)
    except RecursionError as exc:
        raise too_deep from exc
    except msgspec.ValidationError as exc:
        raise RefusedError(422, "invalid", _sentence(exc, fields)) from exc
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
    """Return whether `body`, which is JSON, is nested no deeper than it may be."""
    brackets = _brackets(body)
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
