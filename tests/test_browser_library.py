"""The Library page in a real browser: table, preview, files on their way, and what a phone shows of it."""

import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

canvas = pytest.importorskip("reportlab.pdfgen.canvas", reason="reportlab makes the PDF that is uploaded")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = sync_api.expect

BREAD = "The dough rests for ninety minutes under a damp cloth."
HOSTILE = "<img src=x onerror=window.hacked=1> **b** :red[x] [l](javascript:window.hacked=2).txt"
LONG = "\n\n".join(
    f"# Part {part}\n\n"
    + " ".join(f"Sentence {n} of part {part} tells of lamp {n * part}." for n in range(40))
    for part in range(40)
)


@pytest.fixture
def page(browser: "Browser", base_url: str) -> "Iterator[Page]":
    """The Library page as a new visitor finds it."""
    with browser.new_context(viewport={"width": 1440, "height": 1800}) as context:
        visit = context.new_page()
        visit.set_default_timeout(20_000)
        visit.goto(f"{base_url}/library")
        expect(visit.get_by_role("heading", name="Library")).to_be_visible()
        yield visit
        assert visit.evaluate("window.hacked") is None


def settle(page: "Page") -> None:
    page.wait_for_timeout(100)  # a rerun that was asked for needs a moment to begin
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def press(page: "Page", name: str) -> None:
    page.get_by_role("button", name=name, exact=True).last.click()
    settle(page)


def begin(page: "Page", collection: str) -> None:
    """Make a collection and open it."""
    press(page, "New")
    page.get_by_role("dialog").get_by_label("Name").fill(collection)
    press(page, "Create")
    expect(page.get_by_role("heading", name="This collection is empty")).to_be_visible()
    settle(page)


def drop(page: "Page", *files: tuple[str, bytes]) -> None:
    payload: Any = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
    page.get_by_test_id("stFileUploader").first.locator("input[type=file]").set_input_files(payload)


def pdf_bytes() -> bytes:
    out = io.BytesIO()
    pdf = canvas.Canvas(out)
    for text in (BREAD, "The oven is cleaned on Fridays."):
        pdf.drawString(72, 720, text)
        pdf.showPage()
    pdf.save()
    return out.getvalue()


def test_documents_are_previewed_deleted_and_brought_back(page: "Page") -> None:
    begin(page, "Shelf")
    drop(page, ("bread.pdf", pdf_bytes()), (HOSTILE, b"<script>window.hacked = 3</script> Some calm words."))
    expect(page.get_by_text("2 of 2 files added.")).to_be_visible()
    settle(page)
    page.get_by_role("combobox", name="Document", exact=True).click()
    page.get_by_role("option", name="bread.pdf").click()
    image = page.get_by_role("img", name="Page 1")
    expect(image).to_be_visible()
    assert image.evaluate("e => e.naturalWidth") > 500
    expect(page.get_by_label("Text with the borders of its chunks")).to_contain_text(BREAD)
    settle(page)
    page.get_by_test_id("stDataFrame").click(position={"x": 17, "y": 52})  # the box before the first row
    settle(page)
    press(page, "Delete 1 document")
    expect(page.get_by_text("1 document, 1 chunk")).to_be_visible()
    press(page, "Undo")
    expect(page.get_by_text("2 documents, 2 chunks")).to_be_visible()


def test_a_reload_does_not_lose_the_files_on_their_way_and_cancelling_keeps_what_is_done(
    page: "Page",
) -> None:
    begin(page, "On their way")
    drop(page, ("first.txt", BREAD.encode()), ("long.md", LONG.encode()), ("never.txt", b"Nobody comes."))
    expect(page.get_by_text("2 files left")).to_be_visible()
    page.reload()
    page.get_by_role("combobox", name="Collection").fill("On their way")
    page.keyboard.press("Enter")
    expect(page.get_by_text("waiting: never.txt")).to_be_visible()
    press(page, "Cancel")
    expect(page.get_by_text("Cancelled: 2 files not added.")).to_be_visible()
    expect(page.get_by_label("Files", exact=True)).to_contain_text("not added: never.txt")
    expect(page.get_by_text("1 document, 1 chunk")).to_be_visible()


def test_a_collection_is_deleted_only_when_that_is_confirmed(page: "Page") -> None:
    begin(page, "To be gone")
    press(page, "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cannot be undone.")
    expect(dialog.get_by_role("button", name="Delete it")).to_be_disabled()
    dialog.get_by_text("Delete it with all that is in it").click()
    settle(page)
    dialog.get_by_role("button", name="Delete it").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("combobox", name="Collection")).not_to_have_value("To be gone")


def test_on_a_phone_nothing_is_cut_off(page: "Page") -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    begin(page, "Phone")
    drop(page, ("x" * 180 + ".txt", b"A text under a long name."), ("bread.pdf", pdf_bytes()))
    expect(page.get_by_text("2 of 2 files added.")).to_be_visible()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth <= e.clientWidth")
