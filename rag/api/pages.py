"""`/api/documents/{id}/pages/{n}`: a page of a PDF as an image, with a passage marked on it."""

import threading
from collections import OrderedDict
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from rag.api.desk import Desk
from rag.api.documents import COLLECTION, ID, collection_of, document_id_of
from rag.api.errors import RefusedError
from rag.api.http import Operation, Parameter
from rag.api.limits import DEFAULT_IMAGE_WIDTH, IMAGE_WIDTHS, MAX_IMAGES_WAITING, MAX_OFFSET
from rag.errors import BusyError, DamagedDocumentError, NotFoundError, PasswordNeededError
from rag.gate import Gate
from rag.page_links import PageLink, is_signed
from rag.parse.limits import MAX_PAGES
from rag.records import Document
from rag.service import Service

_PAGE = Parameter("n", "path", "the page, counted from 1", numbers=(1, MAX_PAGES))
_START = Parameter("start", "query", "mark the text from this character on", numbers=(0, MAX_OFFSET))
_END = Parameter("end", "query", "mark the text up to this character", numbers=(0, MAX_OFFSET))
_WIDTH = Parameter("width", "query", f"pixels across, default: {DEFAULT_IMAGE_WIDTH}", numbers=IMAGE_WIDTHS)
_SIGNATURE = Parameter("signature", "query", "in place of the key, as the page's own addresses have it", 64)


def page_image(desk: Desk) -> Operation:
    """Return the operation that draws a page."""
    images = Images()

    async def answer(request: Request) -> Response:
        link, width = _link(request), _number(request, _WIDTH, DEFAULT_IMAGE_WIDTH)
        image = await desk.image(partial(images.image, link, width))
        return Response(image, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    return Operation(
        "page_image",
        answer,
        "A page of a PDF as an image, with the place of a passage marked",
        media_type="image/png",
        parameters=(ID, _PAGE, COLLECTION, _START, _END, _WIDTH, _SIGNATURE),
        refuses=(404, 422, 503),
    )


def is_admitted(request: Request) -> bool:
    """Return whether the address of a page's image has the signature that this server gave it."""
    try:
        return is_signed(_link(request), request.query_params.get("signature", ""))
    except RefusedError:
        return False


class Images:
    """The pages that were drawn last, of at most `most_bytes` together; safe between threads.

    One is drawn at a time, and `queue` may wait: before their files are read, which may be large.
    """

    def __init__(self, most_bytes: int = 32_000_000, *, queue: int = MAX_IMAGES_WAITING) -> None:
        self._most_bytes = most_bytes
        self._gate = Gate(slots=1, queue=queue)
        self._kept: OrderedDict[tuple[PageLink, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def image(self, link: PageLink, width: int, service: Service) -> bytes:
        """Return the PNG of `link`, `width` pixels wide. Raises RefusedError, or what a library raises."""
        if kept := self._kept_image(link, width, service):
            return kept
        try:
            with self._gate.turn() as has_waited:
                if has_waited and (kept := self._kept_image(link, width, service)):
                    return kept
                image = _drawn(link, width, service)
        except BusyError as exc:
            message = "As many images of pages are waited for as may be. Try again in a few seconds."
            raise BusyError(message, retry_after_s=exc.retry_after_s) from exc
        with self._lock:
            self._kept[link, width] = image
            while sum(map(len, self._kept.values())) > self._most_bytes:
                self._kept.popitem(last=False)
        return image

    def _kept_image(self, link: PageLink, width: int, service: Service) -> bytes | None:
        if not service.library.store.name_of(link.collection, link.document_id):  # it is gone by now
            return None
        with self._lock:
            if kept := self._kept.get((link, width)):
                self._kept.move_to_end((link, width))
            return kept


def _drawn(link: PageLink, width: int, service: Service) -> bytes:
    document, _ = service.library.document(link.collection, link.document_id)
    original = service.library.original(link.collection, link.document_id)
    if document.kind != "pdf" or original is None:
        raise NotFoundError(_no_image(document))
    if link.page > document.page_count:
        raise NotFoundError(
            f"{document.name} has no page {link.page}: its last one is {document.page_count}."
        )
    marks = _marks(document, link)
    try:
        return service.library.parsers.page_image(original, link.page, marks=marks, width=width)
    except (DamagedDocumentError, PasswordNeededError) as exc:
        raise RefusedError(404, "not_found", str(exc)) from exc


def _no_image(document: Document) -> str:
    if document.kind != "pdf":
        return f"Only pages of PDF files can be drawn, and {document.name} is of kind {document.kind!r}."
    return f"The file of {document.name} is not kept. Delete it and add it again to see its pages."


def _marks(document: Document, link: PageLink) -> list[str]:
    """Return the lines of the passage that stand on the page."""
    if not link.start <= link.end <= len(document.text):
        message = (
            f"'start' and 'end' must be from 0 to {len(document.text)}, where the text of {document.name} "
            f"ends, in this order; found {link.start} and {link.end}."
        )
        raise RefusedError(422, "invalid", message)
    spans = [page for page in document.pages if page.number == link.page]
    parts = [document.text[max(link.start, page.start) : min(link.end, page.end)] for page in spans]
    return [line for part in parts for line in part.splitlines() if line.strip()]


def _link(request: Request) -> PageLink:
    return PageLink(
        collection_of(request),
        document_id_of(request),
        _number(request, _PAGE, 1),
        _number(request, _START, 0),
        _number(request, _END, 0),
    )


def _number(request: Request, parameter: Parameter, default: int) -> int:
    given = request.query_params if parameter.place == "query" else request.path_params
    text = given.get(parameter.name, str(default))
    least, most = parameter.numbers or (0, 0)
    # Only ASCII digits, and no more than the largest number has.
    if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    message = f"'{parameter.name}' must be a whole number from {least:,} to {most:,}, found {text[:50]!r}."
    raise RefusedError(422, "invalid", message)
