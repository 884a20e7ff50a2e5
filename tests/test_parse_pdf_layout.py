from collections.abc import Callable
from itertools import zip_longest

import pytest
from pdf_files import HEIGHT, drawn, wrapped, write
from reportlab.pdfgen.canvas import Canvas

from rag.parse.pdf.read import read_pdf

ORCHARDS = (
    "Orchards want bees. Every spring the keeper counts the hives and writes the number into a green book "
    "that nobody else may open. When the weather turns, the bees stay inside and the keeper repairs frames, "
    "cleans the smoker and waits for the linden trees, which bloom in the second half of June and give the "
    "best honey of the whole year."
)
HARBOURS = (
    "Harbours want pilots. One of them boards each vessel before the breakwater and brings it to its berth, "
    "whatever the hour. Tugs push from behind, ropes are thrown, and the master notes the time of arrival in "
    "a ledger which goes back to the days of sail, when the wind alone decided who came first and who had "
    "to wait outside for days."
)
MOUNTAINS = (
    "Mountains want huts. Walkers who arrive after dark find a lamp above the door and soup on the stove, "
    "and nobody asks them where they come from before they have eaten, dried their boots and slept for as "
    "long as the bell in the valley lets them, which on a Sunday is until seven in the morning."
)

Draw = Callable[[Canvas], object]


def across(*columns: list[str], x: tuple[float, ...], y: float = 700, offset: float = 0) -> Draw:
    """Return what draws the columns as lines across the page: first the top line of each, then the next."""

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        for at, row in enumerate(zip_longest(*columns, fillvalue="")):
            for number, text in enumerate(row):
                canvas.drawString(x[number], y - 13 * at - offset * number, text)

    return draw


def text_of(*pages: Draw) -> str:
    return read_pdf("a.pdf", drawn(*pages)).text


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("offset", [0, 5])
def test_two_columns_written_across_the_page_are_read_one_after_the_other(offset: float) -> None:
    text = text_of(across(wrapped(ORCHARDS), wrapped(HARBOURS), x=(72, 316), offset=offset))
    assert plain(text) == f"{ORCHARDS} {HARBOURS}"


def test_three_columns_are_read_one_after_the_other() -> None:
    columns = [wrapped(text, 145) for text in (ORCHARDS, HARBOURS, MOUNTAINS)]
    assert plain(text_of(across(*columns, x=(60, 225, 390)))) == f"{ORCHARDS} {HARBOURS} {MOUNTAINS}"


def test_a_line_across_the_page_parts_the_columns_above_it_from_those_below() -> None:
    def page(canvas: Canvas) -> None:
        across(wrapped(ORCHARDS), wrapped(HARBOURS), x=(72, 316))(canvas)
        write(
            canvas, ["This line goes from the left margin to the right one and says something else."], y=540
        )
        across(wrapped(MOUNTAINS), wrapped(HARBOURS), x=(72, 316), y=510)(canvas)

    text = plain(text_of(page))
    places = [text.index(start) for start in ("Orchards", "Harbours", "This line", "Mountains")]
    assert places == sorted(places)
    assert text.endswith(f"{MOUNTAINS} {HARBOURS}")


def test_words_split_at_the_end_of_a_column_s_line_are_whole_again() -> None:
    left = [
        line + "-" * (line.endswith("conti")) for line in (*wrapped(ORCHARDS), "and the bees conti", "nue.")
    ]
    text = text_of(across(left, wrapped(HARBOURS), x=(72, 316)))
    assert "bees continue." in text


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            ["Apples", "Pears", "Plums and cherries", "Quinces", "Grapes", "Figs"],
            ["12.50", "3.00", "about 7 a kilogram", "9.00", "2.00", "1.00"],
        ),
        (
            ["Name of the applicant", "Date of birth", "Street and number", "Town", "Telephone", "Mail"],
            [
                "Mario Rossi",
                "12 March 1970",
                "Via Roma 12",
                "20121 Milano",
                "02 1234567",
                "mario@example.org",
            ],
        ),
    ],
)
def test_the_rows_of_a_table_stay_rows(left: list[str], right: list[str]) -> None:
    lines = text_of(across(left, right, x=(72, 300))).split("\n")
    assert lines == [f"{label} {value}" for label, value in zip(left, right, strict=True)]


def book(*, n_pages: int = 6, header: str = "", footer: str = "", body: str = "") -> bytes:
    """Return a PDF; in header, footer and body, {n} is the number of the page."""

    def page(number: int) -> Draw:
        def draw(canvas: Canvas) -> None:
            canvas.setFont("Helvetica", 10)
            canvas.drawString(72, HEIGHT - 36, header.format(n=number))
            write(canvas, [*body.format(n=number).split("|"), *wrapped(ORCHARDS, 400)], y=HEIGHT - 80)
            canvas.drawString(280, 30, footer.format(n=number))

        return draw

    return drawn(*(page(number) for number in range(1, n_pages + 1)))


def test_running_headers_are_kept_once_and_page_numbers_left_out() -> None:
    content = read_pdf("a.pdf", book(header="The Orchard Society", footer="{n} / 6"))
    assert content.text.count("The Orchard Society") == 1
    assert "/ 6" not in content.text
    assert content.notes == (
        '"The Orchard Society" is printed on 6 pages: it was kept once.',
        "The page numbers on 6 pages were left out.",
    )


def test_a_header_with_the_number_of_the_page_is_one_header() -> None:
    content = read_pdf("a.pdf", book(header="Report of 2024, page {n}"))
    assert content.text.count("Report of 2024") == 1
    assert content.notes == ('"Report of 2024, page" is printed on 6 pages: it was kept once.',)


@pytest.mark.parametrize("header", ["House rules «The Lindens» {n}", "{n} House rules «The Lindens»"])
def test_a_quotation_mark_beside_the_number_of_the_page_stays(header: str) -> None:
    content = read_pdf("a.pdf", book(header=header))
    assert content.notes == ('"House rules «The Lindens»" is printed on 6 pages: it was kept once.',)


def test_headers_of_left_and_right_pages_are_both_found() -> None:
    def page(number: int) -> Draw:
        header = ("Orchards", "The Society's Yearbook")[number % 2]
        return lambda canvas: (
            canvas.drawString(72, HEIGHT - 36, header),
            write(canvas, wrapped(f"Page {number}. {ORCHARDS}"), y=HEIGHT - 90),
        )

    content = read_pdf("a.pdf", drawn(*map(page, range(8))))
    assert content.text.count("The Society's Yearbook") == 1
    assert len(content.notes) == 2


def test_the_same_text_on_every_page_is_no_header() -> None:
    content = read_pdf("a.pdf", book(body="The same words begin every page."))
    assert content.text.count("The same words begin every page.") == 6
    assert content.text.count("Orchards want bees.") == 6
    assert content.notes == ()


def test_numbers_that_do_not_count_the_pages_keep_their_lines() -> None:
    def page(amount: int) -> Draw:
        return lambda canvas: (
            canvas.drawString(72, HEIGHT - 36, f"Carried over: {amount} euros"),
            write(canvas, wrapped(ORCHARDS), y=HEIGHT - 90),
        )

    content = read_pdf("a.pdf", drawn(*map(page, (120, 95, 410, 33, 87))))
    assert content.text.count("Carried over") == 5


def test_a_number_as_long_as_a_line_does_no_harm() -> None:
    content = read_pdf("a.pdf", book(header="{n}" + "7" * 5_000))
    assert content.text.count("7" * 5_000) == 6


def test_a_page_with_nothing_but_a_running_line_keeps_it() -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, HEIGHT - 36, "Confidential")

    assert text_of(*[page] * 4).count("Confidential") == 4


def chapter(canvas: Canvas, *lines: tuple[str, str, float]) -> None:
    """Draw headings, each a (text, font, size), with a paragraph below each of them."""
    y = HEIGHT - 80.0
    for text, font, size in lines:
        canvas.setFont(font, size)
        canvas.drawString(72, y - size, text)
        canvas.setFont("Helvetica", 10)
        y = write(canvas, wrapped(HARBOURS, 400), y=y - size - 22) - 14


def test_larger_and_bolder_lines_are_headings_with_levels() -> None:
    def page(canvas: Canvas) -> None:
        chapter(
            canvas,
            ("Sea and Land", "Helvetica", 20),
            ("Harbours", "Helvetica-Bold", 14),
            ("Pilots", "Helvetica-Bold", 10),
        )

    content = read_pdf("a.pdf", drawn(page))
    assert [(heading.level, heading.title) for heading in content.headings] == [
        (1, "Sea and Land"),
        (2, "Harbours"),
        (3, "Pilots"),
    ]
    assert all(content.text.startswith(heading.title, heading.start) for heading in content.headings)
    assert [(page.number, page.start, page.end) for page in content.pages] == [(1, 0, len(content.text))]


@pytest.mark.parametrize(
    "line",
    [
        ("1,250.00 €", "Helvetica-Bold", 16),
        ("Note:", "Helvetica-Bold", 10),
        ("A sentence in bold letters ends in a full stop.", "Helvetica-Bold", 10),
        ("Not a heading", "Helvetica-Oblique", 10),
    ],
)
def test_what_is_only_set_off_is_no_heading(line: tuple[str, str, float]) -> None:
    content = read_pdf("a.pdf", drawn(lambda canvas: chapter(canvas, line)))
    assert content.headings == ()
    assert line[0] in content.text


def test_the_outline_says_what_the_headings_are() -> None:
    titles = ("Bees", "Hives", "Honey", "Wax")

    def page(canvas: Canvas) -> None:
        for at, title in enumerate(titles):
            canvas.bookmarkPage(title)
            canvas.addOutlineEntry(title, title, level=min(at, 1))
        chapter(canvas, *((f"{at}. {title}", "Helvetica", 10) for at, title in enumerate(titles, start=1)))

    content = read_pdf("a.pdf", drawn(page))
    assert [(heading.level, heading.title) for heading in content.headings] == [
        (1, "1. Bees"),
        (2, "2. Hives"),
        (2, "3. Honey"),
        (2, "4. Wax"),
    ]


def test_an_outline_with_broken_letters_is_passed_over() -> None:
    def page(canvas: Canvas) -> None:
        canvas.bookmarkPage("Bees")
        canvas.addOutlineEntry("Bees \u03a9", "Bees")
        chapter(canvas, ("Bees", "Helvetica-Bold", 16))

    # Half of a surrogate pair in place of the omega.
    data = drawn(page).replace(b"\\003\\251", b"\\330\\065")
    assert b"\\330\\065" in data
    assert [heading.title for heading in read_pdf("a.pdf", data).headings] == ["Bees"]
