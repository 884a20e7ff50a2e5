"""Take a mail apart: its headers as a person reads them, its texts, and what is attached to it."""

import mimetypes
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

from rag.errors import DamagedDocumentError
from rag.parse.clean import clean
from rag.parse.decode import declared_encoding

# What the email package lets through when parts are not as the standards have them.
MAIL_FAILURES = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MessageError)

_MAX_PARTS = 1000
_HEADER_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part that holds something. `is_version` says that another part may say the same in another type."""

    message: Message
    type: str
    file_name: str
    is_version: bool = False

    @property
    def is_body(self) -> bool:
        """Whether it is to be read with the mail, not apart from it."""
        attached = self.file_name or self.message.get_content_disposition() == "attachment"
        return self.type in ("text/plain", "text/html") and not attached


def parse_mail(name: str, data: bytes) -> Message:
    """Return the message in `data`. Raises DamagedDocumentError when it is nested beyond reason."""
    try:
        # The older policy on purpose: the newer one raises on headers that are not as they should be.
        return message_from_bytes(data)
    except MAIL_FAILURES as exc:
        raise DamagedDocumentError(
            f"{name} is damaged: its parts cannot be told apart. Save it anew."
        ) from exc


def parts_of(message: Message) -> Iterator[Part]:
    """Yield the parts that hold something, in their order; what is attached as a mail stays in one."""
    stack, count = [(message, False)], 0
    while stack and count < _MAX_PARTS:
        part, is_version = stack.pop()
        count += 1
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            is_version = is_version or part.get_content_subtype() == "alternative"
            stack += [(one, is_version) for one in reversed(inner) if isinstance(one, Message)]
        else:
            yield Part(part, part.get_content_type(), _file_name(part), is_version)


def header(message: Message, key: str) -> str:
    """Return what a header says, on one line; nothing where there is none."""
    # Unlike `message[key]`, this is what stands there, bytes outside of ASCII as surrogates.
    raw = next((value for name, value in message.raw_items() if name.lower() == key.lower()), "")
    return _words(str(raw)[:_HEADER_CHARS])


def part_bytes(part: Message) -> bytes:
    """Return what a part holds, as it was before it was encoded for transport."""
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        message = inner[0] if isinstance(inner, list) and inner else None
        return message.as_bytes() if isinstance(message, Message) else b""
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def charset_of(part: Message) -> str | None:
    """Return the encoding that a part says it is in, None where it says none that is known."""
    try:
        return declared_encoding(part.get_content_charset() or "")
    except MAIL_FAILURES:
        return None


def _words(raw: str) -> str:
    data = raw.encode("utf-8", "surrogateescape")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    with suppress(*MAIL_FAILURES):
        text = "".join(_word(word, charset) for word, charset in decode_header(text))
    return " ".join(clean(text).split())


def _word(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    # decode_header gives back as raw-unicode-escape what was not encoded.
    encoding = declared_encoding(charset) if charset else "raw-unicode-escape"
    try:
        return word.decode(encoding or "cp1252", "replace")
    except ValueError:
        return word.decode("cp1252", "replace")


def _file_name(part: Message) -> str:
    """Return the name of an attached file, without folders; nothing where it has none."""
    try:
        name = _words(part.get_filename() or "")
    except MAIL_FAILURES:
        name = ""
    return name.replace("\\", "/").rpartition("/")[2].strip(". ")


def name_without(part: Part, number: int) -> str:
    """Return a name for the attached file number `number`, which has none."""
    if part.type == "message/rfc822":
        return f"message-{number}.eml"
    return f"attachment-{number}{mimetypes.guess_extension(part.type) or ''}"
