"""What the process that reads files and the one that asks it say to each other.

Messages are msgpack and typed: a process that a file has broken into can say untrue things with them, but
can run nothing. Each is a frame, its length before it; the bytes of a file are a frame of their own.
"""

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from rag.file_outcome import Reason
from rag.parse.blocks import Failed
from rag.records import Document

OUT_OF_MEMORY = 86  # the exit status of a process without even the memory for saying so
RECORDS = 1000  # of a file of records, that many may take as long as any other file
MOST_BYTES = 500_000_000  # of one frame
_LENGTH_BYTES = 8


class ReadFile(msgspec.Struct, frozen=True, tag=True):
    """Asks for what is in a file, whose bytes follow. Files in it are refused with `refusal`, if any."""

    name: str
    password: str | None
    refusal: str = ""


class DrawPage(msgspec.Struct, frozen=True, tag=True):
    """Asks for a page of a PDF file, whose bytes follow, as an image."""

    page: int
    marks: Sequence[str]
    width: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The process has started."""


class Found(msgspec.Struct, frozen=True, tag=True):
    """A document in the file."""

    document: Document


class Inside(msgspec.Struct, frozen=True, tag=True):
    """A file in the file; its bytes follow."""

    name: str


class Unread(msgspec.Struct, frozen=True, tag=True):
    """A part of the file that could not be read."""

    failed: Failed


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """The image that was asked for; its bytes follow."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """That was all. `ends`: the process does so too, and reads nothing more."""

    ends: bool


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The file cannot be read: `reason` and `message` as of a DocumentError; the rest is for the log."""

    reason: Reason
    message: str
    details: str = ""
    ends: bool = False


Request = ReadFile | DrawPage
Answer = Ready | Found | Inside | Unread | Drawn | Done | Refused

_encode = msgspec.msgpack.Encoder().encode
_request = msgspec.msgpack.Decoder(Request)
_answer = msgspec.msgpack.Decoder(Answer)


def send(stream: BinaryIO, message: Request | Answer, data: bytes | None = None) -> None:
    """Write `message`, and `data` behind it if there is any. Raises OSError when nobody listens."""
    frames = [_encode(message)] if data is None else [_encode(message), data]
    for frame in frames:
        stream.write(len(frame).to_bytes(_LENGTH_BYTES))
        stream.write(frame)
    stream.flush()


def next_request(stream: BinaryIO) -> tuple[Request, bytes]:
    """Return what is asked, and the file it is about. Raises EOFError when nobody asks any more."""
    return _request.decode(_frame(stream)), _frame(stream)


def next_answer(stream: BinaryIO) -> tuple[Answer, bytes]:
    """Return an answer, and the bytes that belong to it, empty where none do.

    Raises EOFError when there is none, msgspec.DecodeError or OverflowError for what is none.
    """
    answer = _answer.decode(_frame(stream))
    return answer, _frame(stream) if isinstance(answer, Inside | Drawn) else b""


def _frame(stream: BinaryIO) -> bytes:
    length = int.from_bytes(_exactly(stream, _LENGTH_BYTES))
    if length > MOST_BYTES:
        raise OverflowError(f"a frame of {length:,} bytes")
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, n_bytes: int) -> bytes:
    data = stream.read(n_bytes)
    if len(data) < n_bytes:
        raise EOFError
    return data
