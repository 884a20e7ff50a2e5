import io
import threading

import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from rag.errors import DamagedDocumentError, NoTextLayerError, PasswordNeededError
from rag.parse import parse
from rag.parse.pdf_lines import Line, flow

SENTENCE = (
    "The quick brown fox jumps over the lazy dog and runs away from the well-known hunters of the forest. "
)


def pdf_of(*pages: str, password: str | None = None) -> bytes:
    """Return a PDF with a line of text on each page, a drawing alone where the text is empty."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=password)
    for text in pages:
        canvas.rect(50, 50, 100, 100)
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def test_every_page_with_text_is_a_page_under_its_own_number() -> None:
    document = parse("a.pdf", pdf_of("First page.", "", "Third page."))
    assert document.text == "First page.\n\nThird page."
    assert [(page.number, document.text[page.start : page.end]) for page in document.pages] == [
        (1, "First page."),
        (3, "Third page."),
    ]


def test_wrapped_lines_are_joined_and_paragraphs_parted() -> None:
    buffer = io.BytesIO()
    style = getSampleStyleSheet()["BodyText"]
    SimpleDocTemplate(buffer).build([Paragraph(SENTENCE * n, style) for n in (4, 3)])
    paragraphs = parse("a.pdf", buffer.getvalue()).text.split("\n\n")
    assert [paragraph.replace("\n", " ") for paragraph in paragraphs] == [
        (SENTENCE * n).strip() for n in (4, 3)
    ]
    assert "away\n" not in "\n\n".join(paragraphs)


def test_letters_outside_of_the_basic_plane_do_not_shift_what_follows() -> None:
    lines = [Line("x \U0001d465 =", 100, 100), Line("next", 88, 88), Line("far below", 40, 40)]
    assert flow(lines) == "x \U0001d465 =\nnext\n\nfar below"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a hyphen splits a cate\ufffegory"], "a hyphen splits a category"),
        (["from Paris the Anglo\ufffeSaxon"], "from Paris the Anglo-Saxon"),
        (["this line ends in a compre-", "hensible way"], "this line ends in a comprehensible way"),
        (["years 2019-", "2021 and on"], "years 2019-\n2021 and on"),
        (["this long line goes on", "here below it"], "this long line goes on here below it"),
        (["this long line has ended.", "iPhones are next"], "this long line has ended.\niPhones are next"),
        (["short", "line after which a longer one begins"], "short\nline after which a longer one begins"),
        (
            ["a long line before a Name", "Names begin in capitals"],
            "a long line before a Name\nNames begin in capitals",
        ),
        ([], ""),
    ],
)
def test_lines_are_joined_only_where_a_sentence_clearly_goes_on(lines: list[str], expected: str) -> None:
    assert flow([Line(text) for text in lines]) == expected


def test_a_sentence_goes_on_in_the_next_column() -> None:
    lines = [Line("the first column ends in the", 100, 100), Line("middle of a sentence and the", 88, 88)]
    assert flow([*lines, Line("next column goes on with it.", 700, 700)]).count("\n") == 0
    assert flow([*lines, Line("Next Column Is Another Text.", 700, 700)]).endswith(
        "the\n\nNext Column Is Another Text."
    )


def test_a_scan_is_told_from_an_empty_file() -> None:
    with pytest.raises(NoTextLayerError, match=r"scan\.pdf has 2 pages but no text layer.* Run OCR"):
        parse("scan.pdf", pdf_of("", ""))


def test_an_encrypted_pdf_needs_its_password() -> None:
    with pytest.raises(PasswordNeededError, match=r"secret\.pdf is encrypted"):
        parse("secret.pdf", pdf_of("Hidden.", password="tiger"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html><title>404</title>", "is not a PDF: it seems to be an HTML page"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is not a PDF: it seems to be a PNG image"),
        (b"just words", "is not a PDF"),
        (b"%PDF-1.4\ngarbage", "is damaged"),
    ],
)
def test_what_is_no_pdf_is_refused_by_what_it_seems_to_be(data: bytes, message: str) -> None:
    with pytest.raises(DamagedDocumentError, match=message):
        parse("report.pdf", data)


def test_many_threads_may_read_pdfs_at_once() -> None:
    files = [pdf_of(*(f"File {n}, page {page}." for page in range(5))) for n in range(8)]
    texts: dict[int, str] = {}

    def read(n: int) -> None:
        texts[n] = parse("a.pdf", files[n]).text

    threads = [threading.Thread(target=read, args=(n,)) for n in range(len(files))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [texts[n].split(",")[0] for n in range(len(files))] == [f"File {n}" for n in range(len(files))]
