"""Open PDF files with pdfium, one at a time, and say what is wrong with those that do not open."""

import ctypes
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag.errors import (
    DamagedDocumentError,
    DocumentError,
    PasswordNeededError,
    UnsupportedTypeError,
    WrongTypeError,
)
from rag.parse.sniff import seeming_type

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

# pdfium may be used by one thread at a time, whatever the document.
_PDFIUM_LOCK = threading.Lock()

# pdfium's error codes: a wrong password or none, and an encryption that it does not know.
_PASSWORD, _SECURITY = 4, 5
_HEADER = b"%PDF-"
_MOST_BYTES = 400_000
_ANEW = "Save or export it as a PDF again and add that."


@contextmanager
def opened(name: str, data: bytes, password: str | None = None) -> "Iterator[PdfDocument]":
    """Open a PDF for the body, which has pdfium to itself.

    Raises PasswordNeededError, UnsupportedTypeError (an unknown encryption), WrongTypeError or
    DamagedDocumentError, each with `name` in its message.
    """
    # Imported here, like every third-party parser: the server should start before it is needed.
    from pypdfium2 import PdfDocument, PdfiumError

    header = data.find(_HEADER)
    # pdfium looks for the header in the first kilobyte; some files have more before it than that.
    content = data if header < 0 else data[header:]
    # Forms in XFA are not read, which is no news to anyone; neither are outlines that run in circles.
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)
    with _PDFIUM_LOCK, PdfDocument(_load(name, content, password)) as pdf:
        if len(pdf) < 1:
            raise DamagedDocumentError(f"{name} is damaged: no page of it can be found. {_ANEW}")
        try:
            # Forms have to be known before the first page is loaded.
            pdf.init_forms()
            yield pdf
        except (PdfiumError, AssertionError) as exc:  # what pypdfium2 raises where pdfium gives up
            raise DamagedDocumentError(
                f"{name} is damaged and could not be read to its end. {_ANEW}"
            ) from exc


@contextmanager
def loaded_page(pdf: "PdfDocument", index: int) -> "Iterator[PdfPage | None]":
    """Load page `index`, counted from 0, for the body; it is None where pdfium cannot."""
    from pypdfium2 import PdfiumError

    try:
        page = pdf[index]
    except PdfiumError:
        yield None
        return
    try:
        yield page
    finally:
        # Closed at once, with its text: a finalizer would call pdfium after the lock is released.
        page.close()


def string_of(read: Callable[..., int]) -> str:
    """Return what a function of pdfium writes in UTF-16 into a buffer of as many bytes as it asks for.

    `read` takes the buffer and its size. A string of unlikely length is returned as an empty one.
    """
    needed = read(None, 0)
    if not 2 < needed <= _MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(needed)
    read(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), needed)
    return buffer.raw[: needed - 2].decode("utf-16-le", "replace").strip()


def _load(name: str, data: bytes, password: str | None) -> object:
    """Return pdfium's handle of the document in `data`, which the caller keeps alive."""
    import pypdfium2.raw as pdfium

    secret = None if password is None else password.encode("utf-8", "replace") + b"\0"
    handle = pdfium.FPDF_LoadMemDocument64(data, len(data), secret)
    if not handle:
        # The code is that of the last failure: without one, it would be another document's.
        raise _failure(name, data, pdfium.FPDF_GetLastError(), password)
    return handle


def _failure(name: str, data: bytes, code: int, password: str | None) -> DocumentError:
    if code == _PASSWORD and not password:
        return PasswordNeededError(f"{name} is encrypted: it opens with a password only. Give its password.")
    if code == _PASSWORD:
        return PasswordNeededError(f"{name} did not open with the password given. Give its right password.")
    if code == _SECURITY:
        return UnsupportedTypeError(
            f"{name} is encrypted in a way that is not read here, with or without its password. Save a copy "
            "without its password and add that."
        )
    what = seeming_type(data)
    if what == "a PDF":
        return DamagedDocumentError(f"{name} is damaged and could not be repaired. {_ANEW}")
    return WrongTypeError(f"{name} is not a PDF: it seems to be {what or 'something else'}. {_ANEW}")
