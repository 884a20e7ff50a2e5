"""Open a file as what it is: by its content first, by the ending of its name where that has to do."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rag.errors import EmptyDocumentError, TooLargeError, UnsupportedTypeError, WrongTypeError
from rag.parse.blocks import Content, Failed, Member
from rag.parse.decode import is_text
from rag.parse.formats import SUPPORTED, Format, Found, ending_of, format_of, named_format
from rag.parse.language import detect
from rag.parse.limits import MAX_DOCUMENT_CHARS
from rag.parse.office.lock import unlock_office
from rag.parse.seen import Seen
from rag.parse.sniff import LOCKED, looks_like_mail, recognise
from rag.records import Document

__all__ = ["SUPPORTED", "open_file", "parse"]

# Text by its bytes, but nothing to read: the inside of a PDF whose beginning is lost.
_PDF_SYNTAX = (b"endobj", b"endstream", b"startxref")


def parse(name: str, data: bytes) -> Document:
    """Return the first document in the file `name`, which is the only one in most.

    The same bytes under the same name make equal documents. Raises a DocumentError, as `open_file` does.
    """
    for item in open_file(name, data):
        if isinstance(item, Document):
            return item
    raise EmptyDocumentError(f"{name} holds no document of its own.")


def open_file(name: str, data: bytes, *, password: str | None = None) -> Iterator[Document | Member | Failed]:
    """Yield what is in the file `name`, in its order.

    Most files are one document. A mail is a document, and each file attached to it a member. An archive
    is all members, which are files to open in their turn. A file of records is a document for each.
    Raises a DocumentError that says, to the person who added the file, what is wrong with it as a whole;
    a part that cannot be read is yielded as failed, and the others still come.
    """
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        blank = ", all of them blank" if data else ""
        raise EmptyDocumentError(
            f"{name} is empty: it has {len(data):,} bytes{blank}. Check that it was saved or copied in full."
        )
    document_id = hashlib.sha256(data).hexdigest()
    if (seen := recognise(data)) == LOCKED:
        data = unlock_office(name, data, password)
        seen = recognise(data)
    form, note = _choose(name, data, seen)
    found = _finished(name, form.open(name, data, password), document_id, form.kind, note)
    yield from _or_empty(name, found)


def _choose(name: str, data: bytes, seen: Seen | None) -> tuple[Format, str]:
    """Return how to read a file, and the note that says so where its name says something else."""
    named = named_format(name)
    if seen is None:
        return _choose_unrecognised(name, data, named)
    if seen.kind is None:
        raise _unread(name, named, seen)
    form = format_of(seen.kind)
    if form is named:
        return form, ""
    ending = ending_of(name)
    if named is None and not ending:
        return form, f"Its name has no ending; it is {seen.what} and was read as one."
    says = named.what if named else ending
    return form, f"Its name says {says}, but it is {seen.what} and was read as one."


def _choose_unrecognised(name: str, data: bytes, named: Format | None) -> tuple[Format, str]:
    if named and (named.is_text or not _is_text(data)):
        return named, ""  # and if it is not that either, its reader knows best what is wrong
    if not _is_text(data):
        ending = ending_of(name)
        found = f"files ending in {ending}" if ending else "files without an ending"
        raise UnsupportedTypeError(
            f"{name} cannot be added: {found} are not read, unless they are text. Save it as one of "
            f"{', '.join(SUPPORTED)}."
        )
    if seen := looks_like_mail(data):
        return format_of(seen.kind or "txt"), f"Its name does not say so, but it is {seen.what}."
    if named:
        return format_of("txt"), f"Its name says {named.what}, but it is plain text and was read as that."
    return format_of("txt"), "Its name does not say what it is; it was read as plain text."


def _unread(name: str, named: Format | None, seen: Seen) -> WrongTypeError | UnsupportedTypeError:
    remedy = f" {seen.remedy}" if seen.remedy else ""
    if named:
        return WrongTypeError(f"{name} is named as a {named.what}, but is {seen.what}.{remedy}")
    return UnsupportedTypeError(f"{name} is {seen.what}, which is not read.{remedy}")


def _is_text(data: bytes) -> bool:
    return is_text(data) and not any(mark in data for mark in _PDF_SYNTAX)


def _finished(
    name: str, found: Iterable[Found], document_id: str, kind: str, note: str
) -> Iterator[Document | Member | Failed]:
    for item in found:
        if isinstance(item, Content):
            yield _document(name, item, document_id, kind, note)
        elif isinstance(item, Document):
            yield replace(item, language=detect(item.text), notes=(*item.notes, *_if_any(note)))
        else:
            yield item


def _document(name: str, content: Content, document_id: str, kind: str, note: str) -> Document:
    if not content.text:
        raise EmptyDocumentError(f"{name} was read, but there is no text in it to search.")
    if len(content.text) > MAX_DOCUMENT_CHARS:
        raise TooLargeError(
            f"{name} holds {len(content.text):,} characters of text; at most {MAX_DOCUMENT_CHARS:,} fit one "
            "document. Split it."
        )
    return Document(
        id=document_id,
        name=name,
        kind=kind,
        text=content.text,
        pages=content.pages,
        headings=content.headings,
        page_count=content.page_count or len(content.pages),
        unreadable=content.unreadable,
        encoding=content.encoding,
        language=detect(content.text),
        notes=(*content.notes, *_if_any(note)),
    )


def _if_any(note: str) -> tuple[str, ...]:
    return (note,) if note else ()


def _or_empty(name: str, items: Iterable[Document | Member | Failed]) -> Iterator[Document | Member | Failed]:
    is_empty = True
    for item in items:
        is_empty = False
        yield item
    if is_empty:
        raise EmptyDocumentError(f"{name} was read, but there is nothing in it to add.")
