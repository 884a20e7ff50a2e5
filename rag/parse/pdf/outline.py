"""Read the outline of a PDF (its bookmarks), and find its entries on the pages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from rag.parse.pdf.open import string_of
from rag.parse.pdf.words import Line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_MOST_ENTRIES = 10_000
_DEEPEST = 6
_MOST_LINES = 3  # of a heading
_LEAST_FOUND = 3
_FOUND_OF = 0.5
_NUMBERING = re.compile(
    r"^(?:chapter|section|part|art\.?|§)?\s*[\divxlc]{1,5}(?:[.)]\d*)*[.):]?\s+", re.IGNORECASE
)
_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a PDF's outline: a heading, and the page, counted from 0, that it leads to."""

    level: int
    title: str
    page: int


@dataclass(frozen=True, slots=True)
class Span:
    """The lines `first` to `last` of a page, as indices, which are one heading; level 1 is the highest."""

    first: int
    last: int
    level: int


def read_outline(pdf: "PdfDocument") -> list[Entry]:
    """Return the outline's entries that lead to a page, in their order."""
    import pypdfium2.raw as pdfium

    entries = []
    for bookmark in islice(pdf.get_toc(max_depth=_DEEPEST), _MOST_ENTRIES):
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        title = string_of(partial(pdfium.FPDFBookmark_GetTitle, bookmark))
        if page is not None and title:
            entries.append(Entry(bookmark.level + 1, title, page))
    return entries


def headings_by_outline(pages: Sequence[Sequence[Line]], outline: Sequence[Entry]) -> list[list[Span]]:
    """Return the entries that stand on their pages as lines of their own; none where few of them do."""
    found: list[list[Span]] = [[] for _ in pages]
    for entry in outline:
        if 0 <= entry.page < len(pages):
            after = found[entry.page][-1].last + 1 if found[entry.page] else 0
            if span := _find(pages[entry.page], entry, after):
                found[entry.page].append(span)
    if sum(map(len, found)) < max(_LEAST_FOUND, _FOUND_OF * len(outline)):
        return []
    return found


def _find(page: Sequence[Line], entry: Entry, after: int) -> Span | None:
    """Return the lines from the index `after` on that say the entry's title, with or without a number."""
    wanted = _letters(entry.title)
    for first in range(after, len(page)):
        text = ""
        for last in range(first, min(first + _MOST_LINES, len(page))):
            text = f"{text} {page[last].text}".strip()
            if wanted and _letters(text) == wanted:
                return Span(first, last, entry.level)
            if len(text) > 2 * len(entry.title) + 40:
                break
    return None


def _letters(title: str) -> str:
    """Return the title's letters and digits without the number before it."""
    return _NO_LETTER.sub("", _NUMBERING.sub("", title.strip())).casefold()
