"""`/api/documents/{id}/pages/{n}`: a page of a PDF as an image, with a passage marked on it."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from rag.api.desk import Desk
from rag.api.documents import COLLECTION, ID, collection_of, document_id_of
from rag.api.errors import RefusedError
from rag.api.http import Operation, Parameter
from rag.api.limits import DEFAULT_IMAGE_WIDTH, IMAGE_WIDTHS, MAX_OFFSET
from rag.errors import DamagedDocumentError, PasswordNeededError
from rag.page_links import PageLink, is_signed
from rag.parse.limits import MAX_PAGES
from rag.service import Service

_PAGE = Parameter("n", "path", "the page, counted from 1", numbers=(1, MAX_PAGES))
_START = Parameter("start", "query", "mark the text from this character on", numbers=(0, MAX_OFFSET))
_END = Parameter("end", "query", "mark the text up to this character", numbers=(0, MAX_OFFSET))
_WIDTH = Parameter("width", "query", f"pixels across, default: {DEFAULT_IMAGE_WIDTH}", numbers=IMAGE_WIDTHS)
_SIGNATURE = Parameter("signature", "query", "in place of the key, as the page's own addresses have it", 64)


def page_image(desk: Desk) -> Operation:
    """Return the operation that draws a page."""

    async def answer(request: Request) -> Response:
        link, width = _link(request), _number(request, _WIDTH, DEFAULT_IMAGE_WIDTH)
        image = await desk.image(partial(_image, link, width))
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


def _image(link: PageLink, width: int, service: Service) -> bytes:
    try:
        return service.page_images.image(link, width)
    except (DamagedDocumentError, PasswordNeededError) as exc:
        raise RefusedError(404, "not_found", str(exc)) from exc


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
