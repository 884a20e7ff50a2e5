"""Read the text layer of PDF files, page by page."""

import threading
from typing import TYPE_CHECKING

from rag.errors import DamagedDocumentError, NoTextLayerError, PasswordNeededError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.pdf_lines import Line, flow
from rag.parse.sniff import seeming_type

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfTextPage

# pdfium may be used by one thread at a time, whatever the document.
_PDFIUM_LOCK = threading.Lock()

# pdfium's error codes for a wrong password and for an encryption that it does not know.
_ENCRYPTED = (4, 5)

Lines = list[Line]


def read_pdf(name: str, data: bytes) -> Content:
    """Return the text of every page that has some, under the page's number.

    Raises PasswordNeededError, NoTextLayerError (a scan) or DamagedDocumentError (no page is readable).
    """
    pages = _read_pages(name, data)
    count = "1 page" if len(pages) == 1 else f"{len(pages)} pages"
    if all(lines is None for lines in pages):
        raise DamagedDocumentError(
            f"{name} is damaged: it has {count}, but none can be read. Save it anew and add that."
        )
    content = join_blocks(
        Block(flow(lines), page=number) for number, lines in enumerate(pages, start=1) if lines
    )
    if not content.text:
        raise NoTextLayerError(
            f"{name} has {count} but no text layer: it is probably a scan. "
            "Run OCR on it (for example with OCRmyPDF) and add it again."
        )
    return content


def _read_pages(name: str, data: bytes) -> list[Lines | None]:
    """Return the lines of each page, None for a page that pdfium cannot load."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        with _PDFIUM_LOCK, PdfDocument(data) as pdf:
            return [_read_page(pdf, index) for index in range(len(pdf))]
    except PdfiumError as exc:
        if exc.err_code in _ENCRYPTED:
            raise PasswordNeededError(
                f"{name} is encrypted. Save a copy without its password and add that."
            ) from exc
        what = seeming_type(data)
        found = (
            "is damaged" if what == "a PDF" else f"is not a PDF: it seems to be {what or 'something else'}"
        )
        raise DamagedDocumentError(f"{name} {found}. Save or export it as a PDF again and add that.") from exc


def _read_page(pdf: "PdfDocument", index: int) -> Lines | None:
    from pypdfium2 import PdfiumError

    try:
        page = pdf[index]
    except PdfiumError:
        return None
    try:
        return _read_lines(page.get_textpage())
    except PdfiumError:
        return None
    finally:
        # Closed at once, with its text: a finalizer would call pdfium after the lock is released.
        page.close()


def _read_lines(textpage: "PdfTextPage") -> Lines:
    text = textpage.get_text_range()
    # pdfium counts in UTF-16 units. Where it counts characters that it does not write, no height is sure.
    units = text.encode("utf-16-le", "surrogatepass")
    has_heights = len(units) // 2 == textpage.count_chars()
    lines, start = [], 0
    for raw in text.split("\r\n"):
        length = len(raw.encode("utf-16-le", "surrogatepass")) // 2
        if has_heights and raw.strip():
            first = start + len(raw) - len(raw.lstrip())
            last = start + length - 1 - (len(raw) - len(raw.rstrip()))
            lines.append(Line(raw, _height(textpage, first), _height(textpage, last)))
        else:
            lines.append(Line(raw))
        start += length + 2
    return lines


def _height(textpage: "PdfTextPage", index: int) -> float | None:
    from pypdfium2 import PdfiumError

    try:
        # The loose box is the font's, so that letters with and without descenders stand on one line.
        return float(textpage.get_charbox(index, loose=True)[1])
    except PdfiumError:
        return None
