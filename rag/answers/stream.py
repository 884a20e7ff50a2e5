"""Read what an OpenAI-compatible server writes, piece by piece; no network here."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from rag.remote.line import Incoming
from rag.remote.server import Server, message_in, parsed_json

EVENT_STREAM = "text/event-stream"
# Of one event, or of an answer that does not stream. Parsed, a megabyte may be thirty.
MAX_JSON_BYTES = 2**20
_DONE = b"[DONE]"
_THINK, _THOUGHT = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text, often a word, often nothing; `end` says why it was the last, such as "stop"."""

    text: str = ""
    end: str | None = None


async def pieces(server: Server, incoming: Incoming) -> AsyncIterator[Piece]:
    """Yield what `server` writes: as its stream of events comes, or in one piece where it does not stream.

    Raises RemoteError for what is neither, for an error among the events, and for a stream that ends
    before its end.
    """
    if not incoming.headers.get("content-type", "").lower().startswith(EVENT_STREAM):
        whole = _Growing(server)
        async for piece in incoming.body:
            whole.add(piece)
        yield _whole(server, whole.taken())
        return
    ended = False
    async for data in _events(server, incoming.body):
        if data == _DONE:
            return
        said = _piece(server, data)
        ended = ended or said.end is not None
        yield said
    if not ended:  # some servers leave out the mark of the end, but then they tell the reason
        raise server.error("broken_off", "broke off in the middle of its answer. Ask again.")


async def spoken(written: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Yield `written` without the thoughts before it, which some servers send in the text itself."""
    begun, thinks = "", None
    async for piece in written:
        if thinks is False:
            yield piece
            continue
        begun += piece.text
        if thinks is None:
            head = begun.lstrip()
            thinks = None if _THINK.startswith(head) else head.startswith(_THINK)
        if thinks is False:
            yield Piece(begun, piece.end)
        elif _THOUGHT in begun:
            thinks = False
            yield Piece(begun.partition(_THOUGHT)[2], piece.end)
        else:
            begun = begun[-len(_THINK) - len(_THOUGHT) :] if thinks else begun
            yield Piece("", piece.end)


async def _events(server: Server, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each server-sent event; comments and other fields are skipped.

    Every server of this kind puts the data of an event on one line.
    """
    async for line in _lines(server, body):
        if line.startswith(b"data:"):
            yield line.removeprefix(b"data:").strip()


async def _lines(server: Server, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    line = _Growing(server)
    async for piece in body:
        first, *rest = piece.split(b"\n")
        line.add(first)
        for following in rest:
            yield line.taken()
            line.add(following)
    yield line.taken()


class _Growing:
    """What is not whole yet: a list of its pieces, since it may come in a million."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take one more piece. Raises RemoteError, where it becomes larger than anything to be parsed."""
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > MAX_JSON_BYTES:
            found = f"gave no usable answer: expected at most {MAX_JSON_BYTES:,} bytes at once, found more. "
            raise self._server.error("answer_too_large", found + _check(self._server))

    def taken(self) -> bytes:
        """Return all of it, and begin anew."""
        whole = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return whole


def _piece(server: Server, data: bytes) -> Piece:
    found = parsed_json(data)
    if not isinstance(found, dict):
        expected = "expected JSON in each event of its stream, found something else. "
        raise server.error("not_json", "gave no usable answer: " + expected + _check(server))
    if found.get("error"):
        raise server.error("failed", f"stopped with an error: “{server.quote(message_in(found))}”.")
    choice = _choice(found)  # there may be none, as in an event that counts tokens
    return Piece(_content(choice, "delta"), _end(choice))


def _whole(server: Server, body: bytes) -> Piece:
    found = parsed_json(body)
    if isinstance(found, dict) and _choice(found):
        choice = _choice(found)
        return Piece(_content(choice, "message"), _end(choice) or "stop")
    what = (
        "a web page"
        if body[:200].lstrip().startswith(b"<")
        else "something else"
        if body.strip()
        else "nothing"
    )
    expected = f"expected a chat completion, found {what}. "
    raise server.error("not_a_completion", "gave no usable answer: " + expected + _check(server))


def _choice(found: Mapping[str, object]) -> Mapping[str, object]:
    choices = found.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _content(choice: Mapping[str, object], key: str) -> str:
    inner = choice.get(key)
    content = inner.get("content") if isinstance(inner, dict) else None
    return content if isinstance(content, str) else ""


def _end(choice: Mapping[str, object]) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason else None


def _check(server: Server) -> str:
    return f"Check that {server.terms.address} leads to a server that speaks OpenAI's chat completions."
