from typing import Any

import pytest
from lxml import etree
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.presentation import Presentation
from pptx.util import Inches

from rag.errors import DamagedDocumentError, WrongTypeError
from rag.parse.office.pptx import read_pptx
from tests.office_files import relations, retyped, slides_file, with_part, word_file

MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
TITLE_AND_CONTENT, TITLE_ONLY, BLANK = 1, 5, 6


def add_slide(presentation: Presentation, layout: int = TITLE_ONLY, title: str = "") -> Any:
    slide = presentation.slides.add_slide(presentation.slide_layouts[layout])
    if title:
        slide.shapes.title.text = title
    return slide


def add_box(shapes: Any, text: str, left: float, top: float, height: float = 1) -> None:
    box = shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(height))
    box.text_frame.text = text


def two_slides(presentation: Presentation) -> None:
    add_slide(presentation, TITLE_AND_CONTENT, "Tea").placeholders[1].text = "Steep it."
    add_slide(presentation, TITLE_AND_CONTENT, "Coffee").placeholders[1].text = "Grind it."


def test_each_slide_is_a_page_under_its_title() -> None:
    content = read_pptx("a.pptx", slides_file(two_slides))
    assert content.text == "Tea\n\nSteep it.\n\nCoffee\n\nGrind it."
    assert [(h.level, h.title) for h in content.headings] == [(1, "Tea"), (1, "Coffee")]
    assert [(p.number, content.text[p.start : p.end]) for p in content.pages] == [
        (1, "Tea\n\nSteep it."),
        (2, "Coffee\n\nGrind it."),
    ]


def test_a_slide_without_a_title_has_its_number_for_a_heading_and_an_empty_one_counts() -> None:
    def fill(presentation: Presentation) -> None:
        add_slide(presentation, BLANK)
        add_box(add_slide(presentation, BLANK).shapes, "text", 1, 1)

    content = read_pptx("a.pptx", slides_file(fill))
    assert content.text == "Slide 2\n\ntext"
    assert (content.page_count, [page.number for page in content.pages]) == (2, [2])


def test_shapes_are_read_row_by_row_and_groups_as_one() -> None:
    def fill(presentation: Presentation) -> None:
        shapes = add_slide(presentation, title="Order").shapes
        add_box(shapes, "bottom", 0, 5)
        add_box(shapes, "right", 5, 2)
        add_box(shapes, "left", 1, 2.2)
        group = shapes.add_group_shape()
        add_box(group.shapes, "second", 1, 4)
        add_box(group.shapes, "first", 1, 3.3, 0.5)

    content = read_pptx("a.pptx", slides_file(fill))
    assert content.text.split("\n\n") == ["Order", "left", "right", "first", "second", "bottom"]


def test_a_shape_without_a_place_of_its_own_stands_where_the_layout_puts_it() -> None:
    def fill(presentation: Presentation) -> None:
        slide = add_slide(presentation, TITLE_AND_CONTENT, "Places")
        add_box(slide.shapes, "above", 1, 1.2, 0.3)
        add_box(slide.shapes, "below", 1, 7)
        slide.placeholders[1].text = "content"

    content = read_pptx("a.pptx", slides_file(fill))
    assert content.text.split("\n\n") == ["Places", "above", "content", "below"]


def add_table(slide: Any) -> Any:
    table = slide.shapes.add_table(3, 2, Inches(1), Inches(2), Inches(5), Inches(2)).table
    for cell, text in zip(table.iter_cells(), ["Tea", "Minutes", "Green", "2", "Black", "4"], strict=True):
        cell.text = text
    return table


@pytest.mark.parametrize(
    ("has_header", "lines"),
    [
        (True, "Tea: Green | Minutes: 2\nTea: Black | Minutes: 4"),
        (False, "Tea | Minutes\nGreen | 2\nBlack | 4"),
    ],
)
def test_table_rows_come_with_the_header_that_the_table_has(has_header: bool, lines: str) -> None:
    def fill(presentation: Presentation) -> None:
        add_table(add_slide(presentation, title="Table")).first_row = has_header

    assert read_pptx("a.pptx", slides_file(fill)).text == f"Table\n\n{lines}"


def test_cells_merged_downwards_name_each_of_their_rows() -> None:
    def fill(presentation: Presentation) -> None:
        table = add_table(add_slide(presentation, title="Table"))
        table.cell(1, 0).merge(table.cell(2, 0))

    text = read_pptx("a.pptx", slides_file(fill)).text
    assert text.splitlines()[-2:] == ["Tea: Green Black | Minutes: 2", "Tea: Green Black | Minutes: 4"]


def test_speaker_notes_end_a_slide() -> None:
    def fill(presentation: Presentation) -> None:
        add_slide(presentation, title="Tea").notes_slide.notes_text_frame.text = "Smile."

    assert read_pptx("a.pptx", slides_file(fill)).text == "Tea\n\nNotes: Smile."


def test_charts_are_read_as_tables_under_their_title() -> None:
    def fill(presentation: Presentation) -> None:
        data = CategoryChartData()
        data.categories = ["Q1", "Q2"]
        data.add_series("Cups", (3, 5))
        place = (Inches(1), Inches(2), Inches(5), Inches(3))
        shapes = add_slide(presentation, title="Sales").shapes
        chart = shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data).chart
        chart.chart_title.text_frame.text = "Cups sold"

    text = read_pptx("a.pptx", slides_file(fill)).text
    assert text == "Sales\n\nCups sold\nQ1 | Cups: 3\nQ2 | Cups: 5"


def test_hidden_slides_are_read_and_noted() -> None:
    def fill(presentation: Presentation) -> None:
        two_slides(presentation)
        presentation.slides[1].element.set("show", "0")

    content = read_pptx("a.pptx", slides_file(fill))
    assert "Grind it." in content.text
    assert content.notes == ("Also read, though hidden: slide 2.",)


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    ],
)
def test_presentations_with_macros_templates_and_shows_are_read_alike(kind: str) -> None:
    plain = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    data = slides_file(two_slides)
    assert read_pptx("a.ppsx", retyped(data, plain, kind)) == read_pptx("a.pptx", data)


def test_a_damaged_slide_costs_that_slide_alone() -> None:
    data = with_part(slides_file(two_slides), "ppt/slides/slide1.xml", "<p:sld>")
    content = read_pptx("a.pptx", data)
    assert (content.text, content.unreadable, content.page_count) == ("Coffee\n\nGrind it.", (1,), 2)


def test_slides_that_are_all_damaged_are_a_damaged_file() -> None:
    data = with_part(slides_file(two_slides), "ppt/_rels/presentation.xml.rels", relations())
    with pytest.raises(DamagedDocumentError, match=r"a\.pptx is damaged"):
        read_pptx("a.pptx", data)


def test_another_office_file_is_not_a_presentation() -> None:
    with pytest.raises(
        WrongTypeError, match="is not a PowerPoint presentation: it seems to be a Word document"
    ):
        read_pptx("a.pptx", word_file())


def test_what_has_a_copy_for_old_programs_is_read_once() -> None:
    def fill(presentation: Presentation) -> None:
        slide = add_slide(presentation, title="Sums")
        add_box(slide.shapes, "one and one", 1, 2)
        shape = slide.shapes[-1].element
        copy = f"<mc:Fallback>{etree.tostring(shape).decode()}</mc:Fallback>"
        holder = etree.fromstring(
            f'<mc:AlternateContent xmlns:mc="{MC}"><mc:Choice/>{copy}</mc:AlternateContent>'
        )
        shape.addprevious(holder)
        holder[0].append(shape)

    assert read_pptx("a.pptx", slides_file(fill)).text == "Sums\n\none and one"


def test_slides_of_pictures_alone_say_nothing() -> None:
    def fill(presentation: Presentation) -> None:
        add_slide(presentation, BLANK).shapes.add_group_shape()

    assert read_pptx("a.pptx", slides_file(fill)).text == ""
