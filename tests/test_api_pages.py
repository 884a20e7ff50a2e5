"""`/api/documents/{id}/pages/{n}`: a page is drawn for who has the key, or an address that was signed."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from files import text_file
from PIL import Image
from servers import ROOT
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rag.api.http import Access
from rag.api.routes import api_routes
from rag.errors import BusyError, NotFoundError
from rag.file_outcome import FileOutcome
from rag.ingest import SourceFile
from rag.page_images import PageImages
from rag.page_links import PageLink, address
from rag.service import Service

SHELF = "pages of a shelf"
KEY = "open-sesame-0123456789"
PDF = ROOT / "data" / "samples" / "regolamento-condominio.pdf"
YELLOW = (255, 236, 110)


@pytest.fixture(scope="module")
def added(service: Service) -> FileOutcome:
    """A PDF of five pages, in the collection `SHELF`."""
    data = PDF.read_bytes()
    source = SourceFile(PDF.name, len(data), lambda: data)
    (outcome,) = service.library.ingest([source], collection=SHELF)
    return outcome


@pytest.fixture
def link(service: Service, added: FileOutcome) -> PageLink:
    """The second page, with what the first chunk on it says marked."""
    _, chunks = service.library.document(SHELF, str(added.document_id))
    chunk = next(chunk for chunk in chunks if chunk.page == 2)
    return PageLink(SHELF, str(added.document_id), 2, chunk.start, chunk.end)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """A client of a server without a key."""
    with TestClient(Starlette(routes=api_routes(lambda: service))) as opened:
        yield opened


@pytest.fixture
def closed(service: Service) -> Iterator[TestClient]:
    """A client, without the key, of a server that wants one."""
    with TestClient(Starlette(routes=api_routes(lambda: service, Access(KEY)))) as opened:
        yield opened


def asked(link: PageLink, **query: object) -> str:
    """The address of `link`, without a signature."""
    of_link = {"collection": link.collection, "start": link.start, "end": link.end}
    parts = "&".join(f"{name}={value}" for name, value in (of_link | query).items())
    return f"/api/documents/{link.document_id}/pages/{link.page}?{parts}"


def yellow_pixels(png: bytes) -> int:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return int((pixels == YELLOW).all(axis=-1).sum())


def test_a_page_is_drawn_as_wide_as_was_asked_and_the_passage_is_marked(
    client: TestClient, link: PageLink
) -> None:
    marked = client.get(asked(link, width=400))
    assert (marked.status_code, marked.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(marked.content)).width == 400
    plain = client.get(asked(replace(link, start=0, end=0), width=400))
    assert (yellow_pixels(plain.content), yellow_pixels(marked.content) > 1000) == (0, True)


def test_what_stands_on_another_page_is_not_marked(client: TestClient, link: PageLink) -> None:
    assert yellow_pixels(client.get(asked(replace(link, page=4), width=400)).content) == 0


@pytest.mark.parametrize(
    ("other", "query", "status", "said"),
    [
        ({"page": 6}, {}, 404, "has no page 6: its last one is 5"),
        ({"document_id": "0" * 64}, {}, 404, "holds no document"),
        ({"collection": "nowhere"}, {}, 404, "nowhere"),
        ({"page": 0}, {}, 422, "'n' must be a whole number from 1 to 5,000, found '0'"),
        ({}, {"width": 99}, 422, "'width' must be a whole number from 100 to 2,000"),
        ({}, {"width": "²"}, 422, "found '²'"),
        ({}, {"start": -1}, 422, "'start' must be a whole number"),
        ({}, {"start": 7, "end": 5}, 422, "found 7 and 5"),
        ({}, {"end": 99_999}, 422, "ends, in this order"),
        ({}, {"end": "9" * 5000}, 422, "'end' must be a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(
    client: TestClient,
    link: PageLink,
    other: dict[str, Any],
    query: dict[str, object],
    status: int,
    said: str,
) -> None:
    got = client.get(asked(replace(link, **other), **query))
    assert got.status_code == status
    assert said in got.json()["error"]["message"]


def test_a_document_that_is_no_pdf_has_no_images(service: Service, client: TestClient) -> None:
    (outcome,) = service.library.ingest([text_file("note.txt", "A short note.")], collection=SHELF)
    got = client.get(asked(PageLink(SHELF, str(outcome.document_id), 1)))
    assert (got.status_code, "Only pages of PDF files" in got.json()["error"]["message"]) == (404, True)


def test_without_the_key_only_a_signed_address_is_answered(closed: TestClient, link: PageLink) -> None:
    signed = "/" + address(link, width=300)
    assert closed.get(signed).status_code == 200
    assert closed.get(asked(link)).status_code == 401
    assert closed.get(asked(link), headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("pages/2", "pages/3"),
        ("end=", "end=1"),
        ("start=", "start=1"),
        ("of+a+shelf", "of+another"),
        ("signature=", "x="),
    ],
)
def test_an_address_that_was_changed_is_not_answered(
    closed: TestClient, link: PageLink, was: str, now: str
) -> None:
    signed = "/" + address(link, width=300)
    assert was in signed
    assert closed.get(signed.replace(was, now)).status_code == 401


def test_a_signature_opens_no_other_route(closed: TestClient, link: PageLink) -> None:
    query = address(link, width=300).partition("?")[2]
    assert closed.get(f"/api/documents?{query}").status_code == 401
    assert closed.delete(f"/api/documents/{link.document_id}?{query}").status_code == 401


def test_no_more_images_are_kept_than_there_is_room_for(service: Service, link: PageLink) -> None:
    one, other = link, replace(link, page=3)
    size = len(PageImages(service.library).image(one, 300))
    images = PageImages(service.library, most_bytes=size + 1)
    first = images.image(one, 300)
    assert images.image(one, 300) is first
    images.image(other, 300)
    assert images.image(one, 300) is not first


def test_an_image_is_kept_but_not_longer_than_its_document(service: Service, link: PageLink) -> None:
    (outcome,) = service.library.ingest(
        [SourceFile("again.pdf", PDF.stat().st_size, PDF.read_bytes)], collection="pages kept"
    )
    images, here = PageImages(service.library), replace(link, collection="pages kept")
    first = images.image(here, 300)
    assert images.image(here, 300) is first
    service.library.delete(str(outcome.document_id), collection="pages kept")
    with pytest.raises(NotFoundError, match="holds no document"):
        images.image(here, 300)


def test_who_finds_no_place_in_the_queue_is_refused(service: Service, link: PageLink) -> None:
    images, together = PageImages(service.library, queue=1), threading.Barrier(8)

    def ask(width: int) -> str:
        together.wait(30)
        try:
            return str(bool(images.image(link, width)))
        except BusyError as exc:
            return str(exc)

    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(ask, range(600, 608)))
    refused = "As many images of pages are waited for as may be. Try again in a few seconds."
    assert answers == {"True", refused}


def test_documents_are_listed_while_many_wait_for_images(client: TestClient, link: PageLink) -> None:
    with ThreadPoolExecutor(60) as threads:
        asking = [threads.submit(client.get, asked(link, width=900 + n)) for n in range(60)]
        listed = client.get("/api/documents")
        waited_for = sum(not each.done() for each in asking)
        answers = [each.result() for each in asking]
    assert (listed.status_code, waited_for > 0) == (200, True)
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
