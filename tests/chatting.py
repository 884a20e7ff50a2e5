"""A server on this machine that speaks OpenAI's chat completions, well or in one known wrong way.

Real HTTP over a real socket, as in `misbehaving`, whose server this is.
"""

import json
import time
from collections.abc import Iterable

import misbehaving as bad
from misbehaving import Behaviour, Exchange, Row

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n"
)
DONE = b"data: [DONE]\n\n"


def delta(text: str | None = None, end: str | None = None) -> Row:
    """What an event says, with a piece of the text, or the reason for which it ends."""
    return {
        "choices": [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": end}]
    }


def event(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def streaming(*said: str | Row | bytes, every_s: float = 0.0) -> Behaviour:
    """A stream of these: a text, an event, or raw bytes; the connection ends with the last."""

    def behave(exchange: Exchange) -> None:
        exchange.wfile.write(_STREAM_HEAD)
        for one in said:
            data = one if isinstance(one, bytes) else event(delta(one) if isinstance(one, str) else one)
            exchange.wfile.write(data)
            exchange.wfile.flush()
            if exchange.server.stopping.wait(every_s):
                break
        exchange.close_connection = True

    return behave


def writing(text: str, *, every_s: float = 0.0) -> Behaviour:
    """The whole protocol: a role, the text word by word, the reason, how many tokens, the end."""
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1].rstrip(" ")
    role: Row = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
    usage: Row = {"choices": [], "usage": {"total_tokens": 9}}
    return streaming(role, b": ping\r\n\r\n", *words, delta(end="stop"), usage, DONE, every_s=every_s)


def writing_at_once(text: str) -> Behaviour:
    """What a server answers that does not stream."""
    message = {"role": "assistant", "content": text}
    return bad.replying(
        {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]},
        Content_Type="application/json",
    )


def stalling(*said: str) -> Behaviour:
    """Writes these, then nothing more, and notes when the client gives up."""

    def behave(exchange: Exchange) -> None:
        streaming(*said)(exchange)
        bad.waiting_for_the_hang_up(exchange)

    return behave


def in_small_pieces(text: str) -> Behaviour:
    """The stream byte by byte: no event comes as a whole, nor any character beyond ASCII."""

    def behave(exchange: Exchange) -> None:
        exchange.wfile.write(_STREAM_HEAD)
        for one in event(delta(text)) + event(delta(end="stop")) + DONE:
            exchange.wfile.write(bytes([one]))
        exchange.close_connection = True

    return behave


def without_end(piece: str) -> Behaviour:
    """Writes the same for ever."""

    def behave(exchange: Exchange) -> None:
        exchange.wfile.write(_STREAM_HEAD)
        while not exchange.server.stopping.is_set():
            exchange.wfile.write(event(delta(piece)))
            time.sleep(0.001)

    return behave


def asked_passages(body: Row) -> list[Row]:
    """The passages that a request put before the model, as it can read them."""
    return [line for line in _json_lines(body) if "passage" in line]


def asked_question(body: Row) -> str:
    """The question in a request."""
    (question,) = (line["question"] for line in _json_lines(body) if "question" in line)
    return str(question)


def _json_lines(body: Row) -> Iterable[Row]:
    (user,) = (message["content"] for message in body["messages"] if message["role"] == "user")
    return [json.loads(line) for line in user.splitlines() if line.startswith("{")]
