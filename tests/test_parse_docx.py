from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docx.document import Document as WordDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from rag.errors import DamagedDocumentError, EmptyDocumentError, TooLargeError, WrongTypeError
from rag.parse import parse
from rag.parse.office.docx import read_docx
from rag.records import Document
from tests.office_files import parts_of, relations, retyped, with_part, word_file, zip_file


def parse_word(fill: Callable[[WordDocument], object]) -> Document:
    return parse("a.docx", word_file(fill))


def parse_body(xml: str) -> Document:
    """Return the document whose body is `xml`."""

    def fill(document: WordDocument) -> None:
        for element in parse_xml(f"<w:body {nsdecls('w')}>{xml}</w:body>"):
            document.element.body.append(element)

    return parse_word(fill)


def test_headings_paragraphs_and_lists_come_in_their_order() -> None:
    def fill(word: WordDocument) -> None:
        word.add_heading("Tea", 0)
        word.add_heading("Green", 2)
        word.add_paragraph("Steep it.")
        word.add_paragraph("sencha", style="List Bullet")
        word.add_paragraph("matcha", style="List Number")

    document = parse_word(fill)
    assert document.text == "Tea\n\nGreen\n\nSteep it.\n\n- sencha\n- matcha"
    assert [(h.level, h.title, h.start) for h in document.headings] == [(1, "Tea", 0), (2, "Green", 5)]


def test_a_style_is_a_heading_by_its_outline_level_or_its_base() -> None:
    def fill(word: WordDocument) -> None:
        own = word.styles.add_style("Überschrift Eigen", WD_STYLE_TYPE.PARAGRAPH)
        own.base_style = word.styles["Heading 3"]
        word.add_paragraph("By its base", style=own)
        word.add_paragraph("By itself").paragraph_format.element.get_or_add_pPr().append(
            parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="1"/>')
        )
        word.add_paragraph("Contents", style="TOC Heading")

    assert [(h.level, h.title) for h in parse_word(fill).headings] == [(3, "By its base"), (2, "By itself")]


def test_a_style_that_is_not_defined_is_a_heading_by_its_id() -> None:
    document = parse_body('<w:p><w:pPr><w:pStyle w:val="heading4"/></w:pPr><w:r><w:t>Four</w:t></w:r></w:p>')
    assert [(h.level, h.title) for h in document.headings] == [(4, "Four")]


def test_table_rows_are_lines_and_merged_cells_are_said_once() -> None:
    def fill(word: WordDocument) -> None:
        table = word.add_table(3, 3)
        for row in range(3):
            for column in range(3):
                table.cell(row, column).text = f"{row}{column}"
        table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
        table.cell(1, 2).merge(table.cell(2, 2)).text = "high"
        word.add_paragraph("After.")

    assert parse_word(fill).text == "wide | 02\n10 | 11 | high\n20 | 21\n\nAfter."


def tea_table(word: WordDocument, style: str | None = None) -> Any:
    table = word.add_table(3, 2, style)
    for row, texts in zip(table.rows, [("Tea", "Minutes"), ("green", "2"), ("black", "4")], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    return table


def repeated_on_each_page(word: WordDocument) -> None:
    row = tea_table(word).rows[0]._tr
    row.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))


def bold_above(word: WordDocument) -> None:
    for cell in tea_table(word).rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True


@pytest.mark.parametrize(
    "fill", [repeated_on_each_page, bold_above, lambda word: tea_table(word, "Light Grid Accent 1")]
)
def test_a_row_that_is_made_to_be_a_header_names_the_columns(fill: Callable[[WordDocument], None]) -> None:
    assert parse_word(fill).text == "Tea: green | Minutes: 2\nTea: black | Minutes: 4"


def test_a_table_whose_style_says_nothing_of_its_first_row_has_no_header() -> None:
    document = parse_word(lambda word: tea_table(word, "Table Grid"))
    assert document.text == "Tea | Minutes\ngreen | 2\nblack | 4"


def test_cells_merged_downwards_name_each_of_their_rows() -> None:
    def fill(word: WordDocument) -> None:
        table = tea_table(word, "Light Grid Accent 1")
        table.cell(1, 0).merge(table.cell(2, 0)).text = "any"

    assert parse_word(fill).text == "Tea: any | Minutes: 2\nTea: any | Minutes: 4"


def test_a_table_of_one_column_is_a_frame_around_paragraphs() -> None:
    def fill(word: WordDocument) -> None:
        cell = word.add_table(1, 1).cell(0, 0)
        cell.text = "First."
        cell.add_paragraph("Inside", style="Heading 1")

    document = parse_word(fill)
    assert document.text == "First.\n\nInside"
    assert [h.title for h in document.headings] == ["Inside"]


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("<w:p><w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink></w:p>", "linked"),
        ("<w:p><w:ins><w:r><w:t>added</w:t></w:r></w:ins></w:p>", "added"),
        (
            "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>",
            "kept",
        ),
        ("<w:sdt><w:sdtContent><w:p><w:r><w:t>control</w:t></w:r></w:p></w:sdtContent></w:sdt>", "control"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a b\nc"),
        (
            "<w:p><w:r><w:t>well</w:t><w:noBreakHyphen/><w:t>kn</w:t><w:softHyphen/><w:t>own</w:t></w:r></w:p>",
            "well-known",
        ),
        (
            "<w:p><w:r><w:t>around</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p>"
            "</w:txbxContent></w:pict></w:r></w:p>",
            "around\n\nboxed",
        ),
    ],
)
def test_all_text_that_a_reader_of_the_page_sees_is_read(xml: str, text: str) -> None:
    assert parse_body(xml).text == text


def with_notes(body: str, **notes: str) -> bytes:
    """Return a document whose body is `body`, with these parts beside it."""
    parts = {f"word/{kind}.xml": f"<w:{kind} {nsdecls('w')}>{xml}</w:{kind}>" for kind, xml in notes.items()}
    names = {kind: f"{kind}.xml" for kind in notes}
    return zip_file(
        {
            "_rels/.rels": relations(officeDocument="word/document.xml"),
            "word/document.xml": f"<w:document {nsdecls('w')}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relations(**names),
            **parts,
        }
    )


def paragraph(text: str, more: str = "") -> str:
    return f"<w:p><w:r><w:t>{text}</w:t>{more}</w:r></w:p>"


def test_footnotes_and_comments_follow_the_paragraph_that_they_belong_to() -> None:
    marks = '<w:footnoteReference w:id="2"/><w:commentReference w:id="0"/>'
    data = with_notes(
        paragraph("Steep it.", marks) + paragraph("Drink it."),
        footnotes=f'<w:footnote w:id="2">{paragraph("Twice.")}</w:footnote>',
        comments=f'<w:comment w:id="0" w:author="Ann">{paragraph("Why?")}</w:comment>',
    )
    assert (
        read_docx("a.docx", data).text == "Steep it.\n\nFootnote: Twice.\n\nComment (Ann): Why?\n\nDrink it."
    )


def test_damaged_footnotes_cost_the_footnotes_alone_and_are_noted() -> None:
    data = with_part(with_notes(paragraph("kept"), footnotes=""), "word/footnotes.xml", "<w:footnotes>")
    content = read_docx("a.docx", data)
    assert content.text == "kept"
    assert content.notes == ("A part of it could not be read: word/footnotes.xml.",)


DRAWN = {
    "chart": (
        "<c><chart><title><p><t>Cups</t></p></title><ser><tx><v>Tea</v></tx>"
        '<cat><pt idx="0"><v>May</v></pt></cat><val><pt idx="0"><v>3</v></pt></val></ser></chart></c>'
    ),
    "diagramData": (
        '<d><pt><t><p><t>Boil</t></p></t></pt><pt type="pres"/><pt><t><p><t>Steep</t></p></t></pt></d>'
    ),
}


@pytest.mark.parametrize(
    ("kind", "mark", "text"),
    [
        ("chart", '<w:chart r:id="r0"/>', "how\n\nCups\nMay | Tea: 3"),
        ("diagramData", '<w:relIds r:dm="r0"/>', "how\n\nBoil\nSteep"),
    ],
)
def test_charts_and_diagrams_are_read_where_they_are_anchored(kind: str, mark: str, text: str) -> None:
    body = paragraph("how", f"<w:drawing {nsdecls('r')}>{mark}</w:drawing>")
    data = with_part(with_notes(body), "word/drawn.xml", DRAWN[kind])
    data = with_part(data, "word/_rels/document.xml.rels", relations(**{kind: "drawn.xml"}))
    assert read_docx("a.docx", data).text == text


def test_page_headers_and_footers_come_once_without_mere_page_numbers() -> None:
    def fill(word: WordDocument) -> None:
        for number in (1, 2):
            section = word.sections[0] if number == 1 else word.add_section()
            section.header.is_linked_to_previous = section.footer.is_linked_to_previous = False
            section.header.paragraphs[0].text = f"The Tea Handbook, part {number}"
            section.footer.paragraphs[0].text = f"Page {number}"
        word.add_paragraph("Steep it.")

    assert parse_word(fill).text == "Page header: The Tea Handbook, part 1\n\nSteep it."


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ],
)
def test_documents_with_macros_and_templates_are_read_alike(kind: str) -> None:
    plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    data = word_file(lambda word: word.add_paragraph("text"))
    assert parse("a.dotm", retyped(data, plain, kind)).text == "text"


def test_parts_are_found_whatever_their_capitals_and_slashes() -> None:
    data = word_file(lambda word: word.add_paragraph("text"))
    parts = {name.replace("/document", "\\Document"): content for name, content in parts_of(data).items()}
    assert read_docx("a.docx", zip_file(parts)).text == "text"


def parse_with_entities(declarations: str, text: str) -> Document:
    body = f"<w:body><w:p><w:r><w:t>safe</w:t><w:t>{text}</w:t></w:r></w:p></w:body>"
    xml = f"<!DOCTYPE d [{declarations}]><w:document {nsdecls('w')}>{body}</w:document>"
    return parse("a.docx", with_part(word_file(), "word/document.xml", xml.encode()))


def test_entities_that_name_a_file_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    assert parse_with_entities(f'<!ENTITY file SYSTEM "{secret.as_uri()}">', "&file;").text == "safe"


def test_entities_within_entities_are_not_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    # The XML parser may also refuse the document as a whole.
    with suppress(DamagedDocumentError):
        assert parse_with_entities(f'<!ENTITY l0 "ha">{laughs}', "&l9;").text == "safe"


def test_a_zip_bomb_is_refused_unopened() -> None:
    data = bytearray(zip_file({"word/document.xml": "<document/>"}))
    # Where the archive's first directory entry declares the unpacked size.
    size_at = data.index(b"PK\x01\x02") + 24
    data[size_at : size_at + 4] = (301 * 10**6).to_bytes(4, "little")
    with pytest.raises(TooLargeError, match="unpacks to 301 MB, the limit is"):
        read_docx("a.docx", bytes(data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zip_file({"xl/workbook.xml": "text"}), "is not a Word document: it seems to be an Excel workbook"),
        (zip_file({"notes.txt": "text"}), "is not a Word document: it seems to be a ZIP archive"),
        (b"%PDF-1.7\n", "is not a Word document: it seems to be a PDF"),
    ],
)
def test_what_is_no_word_document_is_refused_by_what_it_seems_to_be(data: bytes, message: str) -> None:
    with pytest.raises(WrongTypeError, match=message):
        read_docx("report.docx", data)


@pytest.mark.parametrize(
    "data",
    [
        zip_file({"word/document.xml": "text"}),
        with_part(word_file(), "word/document.xml", b"<w:document>"),
        word_file(lambda word: word.add_paragraph("text"))[:4000],
    ],
)
def test_a_document_that_cannot_be_read_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedDocumentError, match=r"report\.docx is damaged"):
        read_docx("report.docx", data)


def test_a_document_without_text_is_empty() -> None:
    with pytest.raises(EmptyDocumentError, match=r"blank\.docx was read, but there is no text in it"):
        parse("blank.docx", word_file(lambda word: word.add_paragraph(" ")))
