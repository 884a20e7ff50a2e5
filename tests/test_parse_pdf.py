import csv
import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pdf_files import drawn, pdf_of
from pypdfium2 import PdfDocument
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from rag.errors import (
    DamagedDocumentError,
    DocumentError,
    NoTextLayerError,
    PasswordNeededError,
    TooManyPagesError,
    UnsupportedTypeError,
    WrongTypeError,
)
from rag.parse.limits import MAX_PAGES
from rag.parse.pdf.lines import flow
from rag.parse.pdf.read import read_pdf
from rag.parse.pdf.words import Box, Line

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "files"
SENTENCE = (
    "The quick brown fox jumps over the lazy dog and runs away from the well-known hunters of the forest. "
)


def line(text: str, y: float) -> Line:
    return Line(text, Box(72, y, 300, y + 12))


def test_every_page_with_text_is_a_page_under_its_own_number() -> None:
    content = read_pdf("a.pdf", pdf_of("First page.", "", "Third page."))
    assert content.text == "First page.\n\nThird page."
    assert [(page.number, content.text[page.start : page.end]) for page in content.pages] == [
        (1, "First page."),
        (3, "Third page."),
    ]


def test_pages_without_text_are_counted_and_named() -> None:
    content = read_pdf("a.pdf", pdf_of("One.", "", "Three.", "", ""))
    assert content.page_count == 5
    assert content.notes == (
        "3 of 5 pages have no text (2, 4–5): they are scans or drawings. "
        "Run OCR and add the file again to find what is there.",
    )


def test_a_blank_page_is_nothing_to_speak_of() -> None:
    def blank(canvas: Canvas) -> None:
        pass

    content = read_pdf("a.pdf", drawn(lambda canvas: canvas.drawString(72, 700, "Text."), blank))
    assert (content.page_count, content.notes) == (2, ())


def test_wrapped_lines_are_joined_and_paragraphs_parted() -> None:
    buffer = io.BytesIO()
    style = getSampleStyleSheet()["BodyText"]
    SimpleDocTemplate(buffer).build([Paragraph(SENTENCE * n, style) for n in (4, 3)])
    paragraphs = read_pdf("a.pdf", buffer.getvalue()).text.split("\n\n")
    assert [paragraph.replace("\n", " ") for paragraph in paragraphs] == [
        (SENTENCE * n).strip() for n in (4, 3)
    ]
    assert "away\n" not in "\n\n".join(paragraphs)


def test_letters_outside_of_the_basic_plane_do_not_shift_what_follows() -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "x x x x x x =")
        canvas.drawString(72, 687, "End of it")
        canvas.drawString(72, 600, "far below")

    text = read_pdf("a.pdf", _with_formula_letters(page)).text
    assert (
        text == "\U0001d465 \U0001d465 \U0001d465 \U0001d465 \U0001d465 \U0001d465 =\nEnd of it\n\nfar below"
    )


def _with_formula_letters(draw: Callable[[Canvas], None]) -> bytes:
    """Return a PDF whose font says that its x is U+1D465, which takes two UTF-16 units."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    draw(canvas)
    canvas.save()
    cmap = (
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        b"1 beginbfchar <78> <D835DC65> endbfchar endcmap"
    )
    stream = b"99 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(cmap), cmap)
    data = buffer.getvalue().replace(b"/Type /Font", b"/ToUnicode 99 0 R /Type /Font")
    # Without a table of its objects that is right, the file is searched for them.
    return data.replace(b"xref\n0", stream + b"xref\n0").replace(b"startxref", b"startxxxx")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a hyphen splits a cate\ufffe", "gory"], "a hyphen splits a category"),
        (["from Paris the Anglo\ufffe", "Saxon"], "from Paris the Anglo-Saxon"),
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
    lines = [line("the first column ends in the", 100), line("middle of a sentence and the", 88)]
    assert flow([*lines, line("next column goes on with it.", 700)]).count("\n") == 0
    assert flow([*lines, line("Next Column Is Another Text.", 700)]).endswith(
        "the\n\nNext Column Is Another Text."
    )


def test_a_scan_is_told_from_an_empty_file() -> None:
    with pytest.raises(NoTextLayerError, match=r"scan\.pdf has 2 pages but no text layer.* Run OCR first"):
        read_pdf("scan.pdf", pdf_of("", ""))


@pytest.mark.parametrize(
    ("texts", "message"), [([""], "1 page, which is blank"), (["", " "], "2 pages, all of them blank")]
)
def test_blank_pages_are_no_scan(texts: list[str], message: str) -> None:
    def page(text: str) -> Callable[[Canvas], object]:
        return lambda canvas: text and canvas.drawString(72, 700, text)

    with pytest.raises(NoTextLayerError, match=rf"^blank\.pdf has {message}\."):
        read_pdf("blank.pdf", drawn(*map(page, texts)))


def test_an_encryption_that_is_not_known_asks_for_no_password() -> None:
    data = pdf_of("Hidden.", password="tiger").replace(b"/Filter /Standard", b"/Filter /Unheard0")
    with pytest.raises(UnsupportedTypeError, match=r"^secret\.pdf is encrypted in a way that is not read"):
        read_pdf("secret.pdf", data, "tiger")


def test_an_encrypted_pdf_opens_with_its_password_alone() -> None:
    data = pdf_of("Hidden.", password="tiger")
    with pytest.raises(PasswordNeededError, match=r"^secret\.pdf is encrypted.* Give its password"):
        read_pdf("secret.pdf", data)
    with pytest.raises(PasswordNeededError, match=r"^secret\.pdf did not open with the password given"):
        read_pdf("secret.pdf", data, "lion")
    assert read_pdf("secret.pdf", data, "tiger").text == "Hidden."


def test_a_password_that_is_not_needed_does_no_harm() -> None:
    assert read_pdf("a.pdf", pdf_of("Open."), "tiger").text == "Open."


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"<!DOCTYPE html><title>404</title>", WrongTypeError, "is not a PDF: it seems to be an HTML page"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), WrongTypeError, "is not a PDF: it seems to be a PNG image"),
        (b"just words", WrongTypeError, "is not a PDF"),
        (b"%PDF-1.4\ngarbage", DamagedDocumentError, "is damaged"),
    ],
)
def test_what_is_no_pdf_is_refused_by_what_it_seems_to_be(
    data: bytes, error: type[DocumentError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_pdf("report.pdf", data)


def test_a_file_with_junk_around_it_and_without_its_table_of_objects_is_read() -> None:
    data = b"junk\n" * 1_000 + pdf_of("Still here.").replace(b"startxref", b"startxxxx") + bytes(3_000)
    assert read_pdf("a.pdf", data).text == "Still here."


def test_pages_that_cannot_be_read_are_named_and_the_others_kept() -> None:
    # The second, third and fifth page claim to be something else.
    first, *rest = pdf_of("One.", "Two.", "Three.", "Four.", "Five.").split(b"/Type /Page\n")
    kinds = [b"/Type /Paxx\n" if at in (1, 2, 4) else b"/Type /Page\n" for at in range(5)]
    content = read_pdf("a.pdf", first + b"".join(kind + part for kind, part in zip(kinds, rest, strict=True)))
    assert (content.text, content.page_count, content.unreadable) == ("One.\n\nFour.", 5, (2, 3, 5))
    assert content.notes == ("Pages 2–3, 5 could not be read: the file is damaged there.",)


def test_a_file_none_of_whose_pages_can_be_read_is_damaged() -> None:
    data = pdf_of("One.", "Two.").replace(b"/Type /Page\n", b"/Type /Paxx\n")
    with pytest.raises(DamagedDocumentError, match="it has 2 pages, but none can be read"):
        read_pdf("a.pdf", data)


def test_too_many_pages_are_refused() -> None:
    buffer = io.BytesIO()
    with PdfDocument.new() as pdf:
        for _ in range(MAX_PAGES + 1):
            pdf.new_page(100, 100)
        pdf.save(buffer)
    with pytest.raises(TooManyPagesError, match="has 5,001 pages, the limit is 5,000"):
        read_pdf("a.pdf", buffer.getvalue())


def test_the_values_of_a_form_and_comments_are_read() -> None:
    def form(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Application")
        fields = canvas.acroForm
        fields.textfield(name="town", tooltip="Town of birth", value="Bari", x=72, y=600)
        fields.textfield(name="empty", tooltip="Nothing", value="", x=72, y=550)
        fields.checkbox(name="agree", tooltip="I agree", checked=True, x=72, y=500)
        canvas.textAnnotation("A remark in the margin", Rect=[10, 10, 50, 50])

    text = read_pdf("a.pdf", drawn(form)).text
    assert text == "Application\n\nTown of birth: Bari\nI agree: Yes\nA remark in the margin"


def test_many_threads_may_read_pdfs_at_once() -> None:
    files = [pdf_of(*(f"File {n}, page {page}." for page in range(5))) for n in range(8)]
    texts: dict[int, str] = {}

    def read(n: int) -> None:
        texts[n] = read_pdf("a.pdf", files[n]).text

    threads = [threading.Thread(target=read, args=(n,)) for n in range(len(files))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [texts[n].split(",")[0] for n in range(len(files))] == [f"File {n}" for n in range(len(files))]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the collection of real files is not here")
def test_real_files_are_read_or_refused_as_what_they_are() -> None:
    with (SHARED / "index.csv").open(encoding="utf-8") as index:
        rows = [row for row in csv.DictReader(index) if row["kind"] == "pdf" and row["expect"]]
    wrong = [row["file"] for row in rows if _outcome(row["file"]) not in _MEANT[row["expect"]]]
    assert len(rows) >= 30
    assert len(wrong) <= 0.05 * len(rows), wrong


_MEANT = {
    "password": {"password_needed"},
    # An owner's password alone keeps nobody from opening a file, but there may be no text in it.
    "opens": {"read", "no_text_layer"},
    "no-text": {"no_text_layer"},
    "damaged-or-recovered": {"damaged", "read", "no_text_layer", "not_what_it_says"},
}


def _outcome(file: str) -> str:
    try:
        read_pdf(file, (SHARED / file).read_bytes())
    except DocumentError as exc:
        return exc.reason
    return "read"
