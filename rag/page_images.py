"""Draw pages of PDF files, a passage marked on them, for whoever looks at one."""

import threading
from collections import OrderedDict

from rag.errors import BusyError, NotFoundError, QueryError
from rag.gate import Gate
from rag.library import Library
from rag.page_links import PageLink
from rag.records import Document

MOST_WAITING = 15  # for the one that is drawn


class PageImages:
    """The pages that were drawn last, of at most `most_bytes` together; safe between threads.

    One is drawn at a time, and `queue` may wait: before their files are read, which may be large.
    """

    def __init__(self, library: Library, *, most_bytes: int = 32_000_000, queue: int = MOST_WAITING) -> None:
        self._library = library
        self._most_bytes = most_bytes
        self._gate = Gate(slots=1, queue=queue)
        self._kept: OrderedDict[tuple[PageLink, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def image(self, link: PageLink, width: int) -> bytes:
        """Return the PNG of `link`, `width` pixels wide.

        Raises NotFoundError where there is no such page, or no file of it; QueryError for a passage that is
        not in the text; BusyError where too many wait; a DocumentError where it cannot be drawn.
        """
        if kept := self._kept_image(link, width):
            return kept
        try:
            with self._gate.turn() as has_waited:
                if has_waited and (kept := self._kept_image(link, width)):
                    return kept
                image = self._drawn(link, width)
        except BusyError as exc:
            message = "As many images of pages are waited for as may be. Try again in a few seconds."
            raise BusyError(message, retry_after_s=exc.retry_after_s) from exc
        with self._lock:
            self._kept[link, width] = image
            while sum(map(len, self._kept.values())) > self._most_bytes:
                self._kept.popitem(last=False)
        return image

    def _kept_image(self, link: PageLink, width: int) -> bytes | None:
        if not self._library.store.name_of(link.collection, link.document_id):  # it is gone by now
            return None
        with self._lock:
            if kept := self._kept.get((link, width)):
                self._kept.move_to_end((link, width))
            return kept

    def _drawn(self, link: PageLink, width: int) -> bytes:
        document, _ = self._library.document(link.collection, link.document_id)
        original = self._library.original(link.collection, link.document_id)
        if document.kind != "pdf" or original is None:
            raise NotFoundError(_no_image(document))
        if link.page > document.page_count:
            raise NotFoundError(
                f"{document.name} has no page {link.page}: its last one is {document.page_count}."
            )
        marks = _marks(document, link)
        return self._library.parsers.page_image(original, link.page, marks=marks, width=width)


def _no_image(document: Document) -> str:
    if document.kind != "pdf":
        return f"Only pages of PDF files can be drawn, and {document.name} is of kind {document.kind!r}."
    return f"The file of {document.name} is not kept. Delete it and add it again to see its pages."


def _marks(document: Document, link: PageLink) -> list[str]:
    """Return the lines of the passage that stand on the page."""
    if not link.start <= link.end <= len(document.text):
        raise QueryError(
            f"'start' and 'end' must be from 0 to {len(document.text)}, where the text of {document.name} "
            f"ends, in this order; found {link.start} and {link.end}."
        )
    spans = [page for page in document.pages if page.number == link.page]
    parts = [document.text[max(link.start, page.start) : min(link.end, page.end)] for page in spans]
    return [line for part in parts for line in part.splitlines() if line.strip()]
