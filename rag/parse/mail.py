"""Read e-mails (.eml) and web pages saved in the same form (.mhtml)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.message import Message

from rag.errors import DamagedDocumentError, UnsupportedTypeError
from rag.parse.blocks import Block, Content, Member, join_blocks, join_contents
from rag.parse.decode import Decoded, decode
from rag.parse.html import read_html
from rag.parse.mail_parts import (
    MAIL_FAILURES,
    Part,
    charset_of,
    header,
    name_without,
    parse_mail,
    part_bytes,
    parts_of,
)

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_ENCRYPTED = ("application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
# Nothing in them to read: signatures, the marks of encryption, pictures in the text.
_UNREAD = ("image", "audio", "video", "font")
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
# Often the plain version only says that there is another.
_MORE = 4


def open_mail(name: str, data: bytes, password: str | None = None) -> Iterator[Content | Member]:
    """Yield a mail's content, and then each file attached to it as "mail.eml/file.pdf".

    The content is the subject as a heading, who wrote to whom and when, and the text, of the plain version
    where there are two. A mail attached is a file of its own. Attached pictures are not read, and named in
    a note. Raises UnsupportedTypeError for an encrypted mail, or DamagedDocumentError.
    """
    message, parts = _parse(name, data)
    if any(part.type in _ENCRYPTED for part in parts):
        raise UnsupportedTypeError(
            f"{name} is encrypted. Decrypt it in a mail program, save it from there and add that."
        )
    attached = [part for part in parts if not part.is_body]
    content = join_contents([_head(message), *_bodies(name, [part for part in parts if part.is_body])])
    files = [part for part in attached if _is_read(part)]
    if content.text or not files:
        yield replace(content, notes=(*content.notes, *_notes(message, attached)))
    for number, part in enumerate(files, start=1):
        yield Member(f"{name}/{part.file_name or name_without(part, number)}", _bytes(part))


def open_web_archive(name: str, data: bytes, password: str | None = None) -> Iterator[Content]:
    """Yield the content of the page that a browser saved in one file. Raises DamagedDocumentError."""
    _, parts = _parse(name, data)
    page = next((part for part in parts if part.type == "text/html"), None)
    if page is None:
        raise DamagedDocumentError(f"{name} should hold a web page, but there is none. Save the page anew.")
    yield _body(name, page)


def _parse(name: str, data: bytes) -> tuple[Message, list[Part]]:
    # Some programs save mails as UTF-16, of which the standards know nothing.
    if b"\0" in data[:200]:
        data = decode(name, data).text.encode()
    message = parse_mail(name, data.removeprefix(b"\xef\xbb\xbf").lstrip())
    try:
        return message, list(parts_of(message))
    except MAIL_FAILURES as exc:
        raise DamagedDocumentError(
            f"{name} is damaged: its parts cannot be told apart. Save it anew."
        ) from exc


def _head(message: Message) -> Content:
    shown = ((key, header(message, key)) for key in _SHOWN_HEADERS)
    lines = [Block(f"{key}: {value}", in_list=True) for key, value in shown if value]
    return join_blocks([Block(header(message, "Subject"), level=1), *lines])


def _bodies(name: str, parts: Sequence[Part]) -> list[Content]:
    """Return the texts of a mail, of those that say the same the plain one."""
    read = [(part, _body(name, part)) for part in parts]
    plain, rich = (
        sum(len(content.text) for part, content in read if part.is_version and part.type == kind)
        for kind in ("text/plain", "text/html")
    )
    dropped = "text/plain" if rich > _MORE * plain else "text/html"
    return [content for part, content in read if not (part.is_version and part.type == dropped)]


def _body(name: str, part: Part) -> Content:
    decoded = _decode(name, part)
    if part.type == "text/plain":
        content = join_blocks([Block(decoded.text)])
    else:
        content = read_html(name, decoded.text.encode("utf-8", "replace"))
    return replace(content, encoding=decoded.encoding, notes=decoded.notes)


def _decode(name: str, part: Part) -> Decoded:
    data = _bytes(part)
    if charset := charset_of(part.message):
        try:
            return Decoded(data.decode(charset), charset)
        except MAIL_FAILURES:
            pass
    return decode(name, data)


def _bytes(part: Part) -> bytes:
    try:
        return part_bytes(part.message)
    except MAIL_FAILURES:
        return b""


def _is_read(part: Part) -> bool:
    return part.type.partition("/")[0] not in _UNREAD and part.type not in _SIGNATURES


def _notes(message: Message, attached: Sequence[Part]) -> Iterator[str]:
    if not any(message.get(key) for key in ("From", "Subject", "To", "Date", "Message-ID")):
        yield "It has none of the headers of an e-mail."
    pictures = [part.file_name for part in attached if not _is_read(part) and part.file_name]
    if pictures:
        yield f"Attached, but not read: {', '.join(pictures)}."
