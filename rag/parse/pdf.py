"""Read the text layer of PDF files, page by page."""

import re
import threading
from itertools import pairwise

from rag.errors import DamagedDocumentError, NoTextLayerError, PasswordNeededError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.sniff import seeming_type

# pdfium may be used by one thread at a time, whatever the document.
_PDFIUM_LOCK = threading.Lock()

# pdfium's error codes for a wrong password and for an encryption that it does not know.
_ENCRYPTED = (4, 5)

# pdfium writes U+FFFE for the hyphen at the end of a line that it joined to the next one.
_SPLIT_WORD = re.compile(r"(?<=[^\W\d_A-Z])(?:\ufffe|[-\u00ad\u2010] *\n)(?=[^\W\d_A-Z])")
# A line shorter than this share of the page's longest one ends its paragraph.
_FULL_LINE = 0.6
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "\u3002", "\uff01", "\uff1f")


def read_pdf(name: str, data: bytes) -> Content:
    """Return the text of every page that has some, under the page's number.

    Raises PasswordNeededError, NoTextLayerError (a scan) or DamagedDocumentError (no page is readable).
    """
    with _PDFIUM_LOCK:
        texts = _page_texts(name, data)
    pages = "1 page" if len(texts) == 1 else f"{len(texts)} pages"
    if all(text is None for text in texts):
        raise DamagedDocumentError(
            f"{name} is damaged: none of its {pages} can be read. Save it anew from a PDF viewer and add that."
        )
    content = join_blocks(
        Block(unwrap(text), page=number) for number, text in enumerate(texts, start=1) if text
    )
    if not content.text:
        raise NoTextLayerError(
            f"{name} has {pages} but no text layer: it is probably a scan. "
            "Run OCR on it (for example with OCRmyPDF) and add it again."
        )
    return content


def unwrap(text: str) -> str:
    """Return a page's text with split words whole again and with lines that clearly go on joined."""
    text = text.replace("\r\n", "\n")
    text = _SPLIT_WORD.sub("", text).replace("\ufffe", "-")
    lines = [line.strip() for line in text.split("\n")]
    full = _FULL_LINE * max(map(len, lines))
    joined = [lines[0]]
    for previous, line in pairwise(lines):
        goes_on = len(previous) >= full and not previous.endswith(_SENTENCE_ENDS) and line[:1].islower()
        joined += (" " if goes_on else "\n", line)
    return "".join(joined)


def _page_texts(name: str, data: bytes) -> list[str | None]:
    """Return each page's text as pdfium sees it; None for a page that it cannot load."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    from pypdfium2 import PdfDocument, PdfiumError

    def page_text(index: int) -> str | None:
        try:
            page = pdf[index]
        except PdfiumError:
            return None
        try:
            return str(page.get_textpage().get_text_range())
        finally:
            # Closed at once, with its text: finalizers would call pdfium after the lock is released.
            page.close()

    try:
        with PdfDocument(data) as pdf:
            return [page_text(index) for index in range(len(pdf))]
    except PdfiumError as exc:
        if exc.err_code in _ENCRYPTED:
            message = (
                f"{name} is encrypted. Remove its password, in the program that set it, and add it again."
            )
            raise PasswordNeededError(message) from exc
        what = seeming_type(data)
        found = (
            "is damaged" if what == "a PDF" else f"is not a PDF: it seems to be {what or 'something else'}"
        )
        raise DamagedDocumentError(f"{name} {found}. Save or export it as a PDF again and add that.") from exc
