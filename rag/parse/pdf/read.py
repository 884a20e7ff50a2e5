"""Read the text layer of PDF files, page by page."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from rag.errors import DamagedDocumentError, NoTextLayerError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.paged import check_page_count
from rag.parse.pdf.columns import reading_order
from rag.parse.pdf.forms import read_annotations
from rag.parse.pdf.headings import find_headings
from rag.parse.pdf.lines import flow, spacing
from rag.parse.pdf.open import loaded_page, opened
from rag.parse.pdf.outline import Entry, Span, read_outline
from rag.parse.pdf.running import fold_running
from rag.parse.pdf.words import Box, Line, frame_of, read_lines
from rag.records import Page

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_NO_TEXT = "have no text ({}): they are scans or drawings"
_NO_FRAME = Box(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _RawPage:
    """A page as pdfium reads it: its lines in reading order, its fields and comments."""

    lines: tuple[Line, ...]
    annotations: tuple[str, ...]
    frame: Box
    is_drawn: bool


def read_pdf(name: str, data: bytes, password: str | None = None) -> Content:
    """Return the text of every page that has some, under the page's number, with its headings.

    Lines that are printed on every page are kept once, page numbers left out. `notes` say so, and which
    pages could not be read, or are scans. Raises PasswordNeededError, NoTextLayerError (no page has text),
    TooManyPagesError, UnsupportedTypeError (an unknown encryption), WrongTypeError or DamagedDocumentError
    (no page is readable).
    """
    pages, outline = _read(name, data, password)
    unreadable = tuple(number for number, page in enumerate(pages, start=1) if page is None)
    if len(unreadable) == len(pages):
        raise DamagedDocumentError(
            f"{name} is damaged: it has {_pages(len(pages))}, but none can be read. "
            "Save or export it as a PDF again and add that."
        )
    folded, notes = fold_running(
        [page.lines if page else () for page in pages],
        [page.frame if page else _NO_FRAME for page in pages],
    )
    headings = find_headings(folded, outline)
    content = join_blocks(
        block
        for at, (page, lines, spans) in enumerate(zip(pages, folded, headings, strict=True))
        if page
        for block in _blocks(at + 1, lines, spans, page.annotations)
    )
    if not content.text:
        raise _no_text(name, pages)
    return replace(
        content,
        pages=_whole_pages(content.pages),
        page_count=len(pages),
        unreadable=unreadable,
        notes=(*_page_notes(pages, content.pages), *notes),
    )


def _read(name: str, data: bytes, password: str | None) -> tuple[list[_RawPage | None], list[Entry]]:
    """Return each page, None for one that pdfium cannot load, and the outline."""
    with opened(name, data, password) as pdf:
        check_page_count(name, len(pdf), "pages")
        return [_read_page(pdf, index) for index in range(len(pdf))], read_outline(pdf)


def _read_page(pdf: "PdfDocument", index: int) -> _RawPage | None:
    from pypdfium2 import PdfiumError

    with loaded_page(pdf, index) as page:
        if page is None:
            return None
        try:
            lines = reading_order(read_lines(page))
        except PdfiumError:
            return None
        # The words have served: those of thousands of pages would take gigabytes.
        bare = tuple(replace(line, words=()) if line.words else line for line in lines)
        is_drawn = bool(lines) or _shows_something(page)
        return _RawPage(bare, tuple(read_annotations(pdf, page)), frame_of(page), is_drawn)


def _shows_something(page: "PdfPage") -> bool:
    """Return whether there is more on a page than spaces, which word processors put on blank ones."""
    import pypdfium2.raw as pdfium

    objects = (pdfium.FPDFPage_GetObject(page, at) for at in range(pdfium.FPDFPage_CountObjects(page)))
    kinds = {pdfium.FPDFPageObj_GetType(each) for each in objects}
    if kinds - {pdfium.FPDF_PAGEOBJ_TEXT} or pdfium.FPDFPage_GetAnnotCount(page) > 0:
        return True
    with closing(page.get_textpage()) as text:
        # Of letters that nothing translates into characters, their codes are returned.
        return bool(text.get_text_range(errors="surrogatepass").strip())


def _no_text(name: str, pages: Sequence[_RawPage | None]) -> NoTextLayerError:
    count = _pages(len(pages))
    if any(page is None or page.is_drawn for page in pages):
        return NoTextLayerError(
            f"{name} has {count} but no text layer: it is probably a scan. "
            "Run OCR first (for example with OCRmyPDF) and add it again."
        )
    blank = "which is blank" if len(pages) == 1 else "all of them blank"
    return NoTextLayerError(f"{name} has {count}, {blank}. Save or export it as a PDF again and add that.")


def _blocks(
    number: int, lines: Sequence[Line], headings: Sequence[Span], annotations: Sequence[str]
) -> Iterator[Block]:
    """Yield the text of a page: its headings, what is between them, its fields and comments."""
    usual, start = spacing(lines), 0
    for heading in headings:
        yield Block(flow(lines[start : heading.first], usual), page=number)
        title = flow(lines[heading.first : heading.last + 1], usual)
        yield Block(title, level=heading.level, page=number)
        start = heading.last + 1
    yield Block(flow(lines[start:], usual), page=number)
    yield Block("\n".join(annotations), page=number)


def _whole_pages(parts: Sequence[Page]) -> tuple[Page, ...]:
    """Return one page for the parts of each."""
    groups = (list(group) for _, group in groupby(parts, key=lambda part: part.number))
    return tuple(Page(group[0].number, group[0].start, group[-1].end) for group in groups)


def _page_notes(pages: Sequence[_RawPage | None], with_text: Sequence[Page]) -> Iterator[str]:
    """Yield what has to be said of the pages that could not be read, and of those without text."""
    numbers = {page.number for page in with_text}
    lost = [number for number, page in enumerate(pages, start=1) if page is None]
    scans = [
        number
        for number, page in enumerate(pages, start=1)
        if page and page.is_drawn and number not in numbers
    ]
    if lost:
        which = "Page" if len(lost) == 1 else "Pages"
        yield f"{which} {_ranges(lost)} could not be read: the file is damaged there."
    if scans:
        what = "has no text ({}): it is a scan or a drawing" if len(scans) == 1 else _NO_TEXT
        yield (
            f"{len(scans)} of {_pages(len(pages))} {what.format(_ranges(scans))}. "
            "Run OCR and add the file again to find what is there."
        )


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers in words: "1, 3–5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
