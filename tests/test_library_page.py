"""The Library page as a visitor uses it, without a browser: the real script over a real library."""

import io
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest
import recorded
from pdf_files import pdf_of
from streamlit.testing.v1 import AppTest

from rag.chunk import TARGETS
from rag.ingest import SourceFile
from rag.jobs.ingest import start_ingest
from rag.library import Library
from rag.records import Chunking
from rag.transfer import export_collection
from rag.ui import state
from rag.ui.resources import get_service

ROOT = Path(__file__).resolve().parents[1]
BREAD = ("bread.txt", b"The dough rests for ninety minutes under a damp cloth.")
BOILER = ("boiler.txt", b"If the boiler stops, read the pressure gauge and open the filling tap.")
CLOCKS = ("clocks.md", b"# Clocks\n\nThe tower clock of the museum strikes every quarter of an hour.")
HOSTILE = "<img src=x onerror=alert(1)> **b** :red[r] $x$.txt"
SECTIONS = "\n\n".join(
    f"# Part {number}\n\n" + " ".join(f"Sentence {at} of part {number} says little." for at in range(40))
    for number in range(24)
).encode()


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests; each fills a collection of its own."""
    with recorded.own_library(tmp_path_factory.mktemp("shelves")):
        yield


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> str:
    """The name of a collection of three small documents."""
    name = re.sub(r"\W+", " ", request.node.name).strip()[-60:].strip()
    add(name, BREAD, BOILER, CLOCKS)
    return name


def library() -> Library:
    return get_service().library


def add(collection: str, *files: tuple[str, bytes]) -> None:
    sources = [SourceFile(name, len(data), partial(bytes, data)) for name, data in files]
    library().ingest(sources, collection=collection)


def visit(collection: str) -> AppTest:
    """The page as a new visitor sees it, on `collection`."""
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    page.session_state[state.COLLECTION] = collection
    run(page)
    page.switch_page("rag/ui/pages/library.py")
    return run(page)


def run(page: AppTest) -> AppTest:
    """Draw the page, and again when all jobs have ended."""
    began = datetime.now(UTC)
    page.run()
    wait_for_jobs()
    if any(job.ended_at and job.ended_at >= began for job in get_service().jobs.all()):
        page.run()
    assert not page.exception, page.exception[0].value
    return page


def wait_for_jobs() -> None:
    deadline = time.monotonic() + 60
    while any(job.running for job in get_service().jobs.all()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def click(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return run(page)


def select(page: AppTest, *rows: int) -> AppTest:
    table = page.dataframe[0]
    page.session_state[str(table.key)] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return run(page)


def names(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["Name"])


def shown(page: AppTest) -> str:
    """Everything that can be read on the page, from top to bottom."""
    html = " ".join(_html(element) for block in (page.main, *page.get("dialog")) for element in block)
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", html)))


def _html(element: object) -> str:
    if getattr(element, "type", "") == "html":
        return str(getattr(element, "value", ""))
    return re.sub("<", "&lt;", f"{getattr(element, 'label', '')} {getattr(element, 'value', '')}")


def test_whoever_has_not_a_locked_file_any_more_is_told_to_add_it_again(shelf: str) -> None:
    locked = pdf_of("The secret recipe.", password="sesame")
    start_ingest(get_service(), [SourceFile("locked.pdf", len(locked), lambda: locked)], collection=shelf)
    wait_for_jobs()
    page = visit(shelf)
    assert "opens with a password only" in shown(page)
    assert "To be asked for a password here, add the file again." in shown(page)


def test_only_such_chunk_sizes_are_offered_as_can_be_applied(shelf: str) -> None:
    page = visit(shelf)
    page.session_state["chunking"] = True
    field = run(page).number_input(key=f"{state.CHUNK_TARGET} {shelf}")
    assert (field.min, field.max) == (TARGETS[0], TARGETS[-1])


def test_an_empty_collection_says_what_to_do() -> None:
    page = visit("nothing yet")
    assert "This collection is empty Drop files below, or begin with the sample documents" in shown(page)
    assert page.button(key="open_sample")
    assert not page.dataframe


def test_the_table_says_what_each_document_is(shelf: str) -> None:
    page = visit(shelf)
    table = page.dataframe[0].value
    assert list(table["Name"]) == ["boiler.txt", "bread.txt", "clocks.md"]
    assert list(table["Type"]) == ["txt", "txt", "md"]
    assert list(table["Size"]) == [len(data) for _, data in (BOILER, BREAD, CLOCKS)]
    assert "3 documents, 3 chunks" in shown(page)


def test_the_search_box_filters_by_name_type_and_language(shelf: str) -> None:
    add(shelf, ("oven.txt", b"The oven is cleaned on Fridays."), ("deep.md", b"# Deep\n\nThe sea is deep."))
    page = visit(shelf)
    page.text_input(key=state.SEARCH).set_value("MD")
    assert names(run(page)) == ["clocks.md", "deep.md"]
    page.text_input(key=state.SEARCH).set_value("no such thing")
    assert "No document's name, type or language has these words." in shown(run(page))


def test_the_document_selected_in_the_table_is_shown(shelf: str) -> None:
    page = select(visit(shelf), 1)
    assert page.selectbox(key=state.SHOWN).value == sha256(BREAD[1]).hexdigest()
    assert BREAD[1].decode() in shown(page)
    assert "chunk 1" in shown(page)


def test_deleted_documents_come_back_by_one_click(shelf: str) -> None:
    page = click(select(visit(shelf), 0, 2), "delete_selected")
    assert names(page) == ["bread.txt"]
    assert "Deleted: boiler.txt and 1 other" in shown(page)
    assert names(click(page, "undo")) == ["boiler.txt", "bread.txt", "clocks.md"]
    assert "Deleted:" not in shown(page)


def test_nothing_selected_is_nothing_to_delete(shelf: str) -> None:
    assert visit(shelf).button(key="delete_selected").disabled


def test_a_document_that_somebody_else_deleted_first_is_no_accident(shelf: str) -> None:
    page = select(visit(shelf), 1)
    library().delete(sha256(BREAD[1]).hexdigest(), collection=shelf)
    assert names(click(page, "delete_selected")) == ["boiler.txt", "clocks.md"]


def test_a_replaced_document_can_be_had_back(shelf: str) -> None:
    add(shelf, ("bread.txt", b"The newer bread needs no rest."))
    page = visit(shelf)
    assert re.fullmatch(
        r"bread\.txt \(1 chunk, deleted [-\d]{10} \d\d:\d\d, kept until [-\d]{10} \d\d:\d\d\)",
        page.selectbox(key="to_restore").options[0],
    )
    page.selectbox(key="to_restore").select_index(0)
    click(run(page), "restore")
    ids = {document.id for document in library().documents(shelf)}
    assert sha256(BREAD[1]).hexdigest() in ids
    assert len(ids) == 3


def test_a_long_document_is_shown_a_part_at_a_time_with_the_borders_of_its_chunks() -> None:
    add("a long one", ("long.md", SECTIONS))
    page = visit("a long one")
    document, chunks = library().document("a long one", sha256(SECTIONS).hexdigest())
    html = " ".join(element.value for element in page.html)
    assert f"Chunks 1 to 20 of {len(chunks)} chunks" in shown(page)
    assert html.count("<b>chunk ") == 20
    assert 'title="In the chunks 1 and 2"' in html
    assert document.text[-40:] not in shown(page)


def test_another_chunk_size_is_tried_before_it_is_applied(shelf: str) -> None:
    add(shelf, ("long.md", SECTIONS))
    page = visit(shelf)
    page.session_state["chunking"] = True
    page.selectbox(key=state.SHOWN).set_value(sha256(SECTIONS).hexdigest())
    run(page).number_input(key=f"{state.CHUNK_TARGET} {shelf}").set_value(60)
    before = next(one.chunks for one in library().documents(shelf) if one.name == "long.md")
    said = re.search(
        r"long.md: (\d+) chunks of \d+ tokens .* now; (\d+) chunks of (\d+) tokens", shown(run(page))
    )
    assert said
    assert int(said[1]) == before < int(said[2])
    assert next(one.chunks for one in library().documents(shelf) if one.name == "long.md") == before
    click(page, "apply_chunks")
    assert next(one.chunks for one in library().documents(shelf) if one.name == "long.md") == int(said[2])
    assert "4 documents cut anew" in shown(page)


def test_documents_of_the_former_size_are_told_and_can_follow(shelf: str) -> None:
    library().store.shelves.set_chunking(shelf, Chunking(100, 10))
    page = visit(shelf)
    assert "3 of 3 documents have chunks of the former size." in shown(page)
    assert "former size" not in shown(click(page, "continue_chunks"))
    assert {document.chunking for document in library().documents(shelf)} == {Chunking(100, 10)}


def test_a_collection_is_made_renamed_and_deleted(shelf: str) -> None:
    page = click(visit(shelf), "new_collection")
    page.text_input(key=state.NEW_NAME).set_value("A new *shelf*")
    click(page, "create")
    assert page.selectbox(key=state.COLLECTION).value == "A new *shelf*"
    click(page, "rename_collection").text_input(key="rename A new *shelf*").set_value("An old one")
    click(page, "rename")
    assert page.selectbox(key=state.COLLECTION).value == "An old one"
    click(page, "delete_collection").checkbox(key=f"{state.SURE} An old one").check()
    assert "With it go: 0 documents, 0 chunks. This cannot be undone." in shown(page)


def test_a_name_that_is_taken_is_refused(shelf: str) -> None:
    page = click(visit(shelf), "new_collection")
    page.text_input(key=state.NEW_NAME).set_value(shelf)
    assert "Choose another name" in shown(click(page, "create"))


def test_uploaded_files_are_added_and_failures_come_first(shelf: str) -> None:
    page = visit(shelf)
    uploader = next(one for one in page.file_uploader if str(one.key).startswith("upload_"))
    uploader.upload("oven.txt", b"The oven is cleaned on Fridays.")
    uploader.upload("blank.txt", b"")
    run(page)
    told = shown(page)
    assert "1 of 2 files added; 1 could not be added." in told
    assert told.index("blank.txt") < told.index("oven.txt:")


def test_another_visitor_sees_what_became_of_the_files(shelf: str) -> None:
    start_ingest(get_service(), [SourceFile("blank.txt", 0, bytes)], collection=shelf)
    wait_for_jobs()
    page = visit(shelf)
    assert "0 of 1 file added; 1 could not be added." in shown(page)
    dismiss = next(button for button in page.button if button.label == "Dismiss")
    dismiss.click()
    assert "could not be added" not in shown(run(page))


def test_a_cancelled_upload_keeps_what_is_done_and_names_the_rest(shelf: str) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def slow() -> bytes:
        reached.set()
        assert go_on.wait(30)
        return b"It is read at last."

    files = [
        SourceFile("first.txt", 30, lambda: b"The first file says a little."),
        SourceFile("slow.txt", 19, slow),
        SourceFile("never.txt", 19, lambda: b"Nobody comes to me."),
    ]
    job = start_ingest(get_service(), files, collection=shelf)
    assert reached.wait(30)
    deadline = time.monotonic() + 30
    while not (now := get_service().jobs.get(job.key)) or not now.report.outcomes:
        assert time.monotonic() < deadline  # the next file is read while the first is embedded
        time.sleep(0.02)
    get_service().jobs.cancel(job.key)
    time.sleep(0.5)  # it asks several times a second whether it was cancelled
    go_on.set()
    wait_for_jobs()
    told = shown(visit(shelf))
    assert "Cancelled: 2 files not added." in told
    assert "not added: never.txt" in told
    assert "first.txt" in {document.name for document in library().documents(shelf)}


def test_hostile_names_and_texts_are_shown_as_they_are() -> None:
    add(HOSTILE[:40], (HOSTILE, b"<script>alert(2)</script> A text of some words."))
    page = visit(HOSTILE[:40])
    raw = " ".join(element.value for element in page.html)
    assert "<script" not in raw
    assert "<img" not in raw
    assert HOSTILE in shown(page)


def test_an_export_that_there_is_no_room_for_is_said(shelf: str) -> None:
    resource = pytest.importorskip("resource")
    page, limits = visit(shelf), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        page = click(page, "export")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be written: File too large. Make room there" in shown(page)


def test_a_collection_is_exported_and_imported_under_another_name(shelf: str) -> None:
    page = click(visit(shelf), "export")
    assert any("Download the export" in str(getattr(one, "label", "")) for one in page.main)
    out = io.BytesIO()
    export_collection(library(), shelf, out)
    assert zipfile.is_zipfile(out)
    uploader = next(one for one in page.file_uploader if str(one.key).startswith("import_"))
    uploader.upload("shelf.zip", out.getvalue())
    run(page).text_input(key=f"import_as {shelf}").set_value("Taken along")
    assert "'Taken along' is here now: 3 documents" in shown(click(page, "import"))
    assert len(library().documents("Taken along")) == 3
