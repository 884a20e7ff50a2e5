import io

import pytest
from pdf_files import drawn, pdf_of, wrapped, write
from PIL import Image
from reportlab.pdfgen.canvas import Canvas
from test_parse_pdf_layout import HARBOURS, ORCHARDS, across

from rag.errors import DamagedDocumentError, PasswordNeededError
from rag.parse.pdf.page import render_page
from rag.parse.pdf.read import read_pdf


def image_of(data: bytes, *marks: str, page: int = 1, width: int = 612) -> Image.Image:
    """Return a page's image; 612 pixels wide, a pixel is a point."""
    return Image.open(io.BytesIO(render_page(data, page, marks=marks, width=width)))


def marked(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the box around the yellow of an image: left, upper, right, lower; None where there is none."""
    _, _, blue = image.split()
    red = image.getchannel("R")
    yellow = Image.new("L", image.size)
    yellow.putdata([255 * (r > 200 > b) for r, b in zip(red.tobytes(), blue.tobytes(), strict=True)])
    return yellow.getbbox()


def three_lines(canvas: Canvas) -> None:
    write(canvas, ["An early line.", "A late one.", "An early line."], pitch=100)


def test_a_page_is_drawn_as_wide_as_asked_for() -> None:
    image = image_of(pdf_of("One.", "Two."), page=2, width=300)
    assert (image.format, image.size) == ("PNG", (300, 389))
    assert marked(image) is None


def test_the_place_of_a_text_is_marked() -> None:
    found = marked(image_of(drawn(three_lines), "A late one."))
    assert found is not None
    left, upper, right, lower = found
    # The line stands 600 points above the lower edge of a page of 792, and 72 from the left.
    assert (70 <= left <= 72, 178 <= upper < lower <= 197, 120 <= right <= 140) == (True, True, True)


def test_of_two_equal_lines_the_one_after_the_line_before_is_marked() -> None:
    data = drawn(three_lines)
    first, second = (
        marked(image_of(data, "An early line.")),
        marked(image_of(data, "late one.", "An early line.")),
    )
    assert first is not None
    assert second is not None
    assert first[3] < 110
    assert second[1] > 150


def test_lines_are_found_where_reading_has_joined_and_ordered_them() -> None:
    data = drawn(across(wrapped(ORCHARDS), wrapped(HARBOURS), x=(72, 316)))
    text = read_pdf("a.pdf", data).text
    left_half = marked(image_of(data, *text[: text.index("Harbours")].split("\n")))
    assert left_half is not None
    assert left_half[2] < 310
    assert marked(image_of(data, *text.split("\n"))) is not None


def test_words_split_by_a_hyphen_are_marked_on_both_lines() -> None:
    def page(canvas: Canvas) -> None:
        write(canvas, ["The keeper counts the hives and the fami-", "lies in them, and writes."], pitch=14)

    data = drawn(page)
    assert "families" in read_pdf("a.pdf", data).text
    found = marked(image_of(data, "families"))
    assert found is not None
    assert found[3] - found[1] > 20


def test_a_text_that_is_not_on_the_page_is_passed_over() -> None:
    assert marked(image_of(pdf_of("One."), "Something else.", "")) is None


def test_marks_turn_with_their_page() -> None:
    def page(canvas: Canvas) -> None:
        canvas.setPageRotation(180)
        canvas.drawString(72, 700, "Upside down.")

    found = marked(image_of(drawn(page), "Upside down."))
    assert found is not None
    # Turned by 180 degrees, what is 700 points high is 700 pixels from the top.
    assert 690 < found[1] < 700 < found[3] < 720


@pytest.mark.parametrize("size", [(10, 14_400), (14_400, 10), (1e7, 1e7), (0.1, 0.1)])
def test_no_page_is_so_large_that_its_image_fills_the_memory(size: tuple[float, float]) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size)
    canvas.drawString(1, 1, "x")
    canvas.save()
    image = image_of(buffer.getvalue(), width=100_000)
    assert image.width * image.height <= 9_100_000


@pytest.mark.parametrize("page", [0, 3, -1])
def test_a_page_that_is_not_there_is_not_drawn(page: int) -> None:
    with pytest.raises(DamagedDocumentError, match=r"no page .* to draw: the document has pages 1 to 2"):
        render_page(pdf_of("One.", "Two."), page, marks=(), width=300)


def test_an_encrypted_page_is_drawn_with_its_password() -> None:
    data = pdf_of("Hidden.", password="tiger")
    assert render_page(data, 1, marks=("Hidden.",), width=300, password="tiger").startswith(b"\x89PNG")
    with pytest.raises(PasswordNeededError):
        render_page(data, 1, marks=(), width=300)
