import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docx
import pytest
from docx.document import Document as WordDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from rag.errors import DamagedDocumentError, EmptyDocumentError, PasswordNeededError, TooLargeError
from rag.parse import parse
from rag.records import Document

OLE = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(504)


def parse_word(fill: Callable[[WordDocument], object]) -> Document:
    return parse("a.docx", word_file(fill))


def word_file(fill: Callable[[WordDocument], object]) -> bytes:
    document = docx.Document()
    fill(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def parse_body(xml: str) -> Document:
    """Return the document whose body is `xml`."""

    def fill(document: WordDocument) -> None:
        for element in parse_xml(f"<w:body {nsdecls('w')}>{xml}</w:body>"):
            document.element.body.append(element)

    return parse_word(fill)


def replace_part(data: bytes, name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    return buffer.getvalue()


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

    assert parse_word(fill).text == "wide | 02\n10 | 11 | high\n20 | 21 |\n\nAfter."


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


def parse_with_entities(declarations: str, text: str) -> Document:
    body = f"<w:body><w:p><w:r><w:t>safe</w:t><w:t>{text}</w:t></w:r></w:p></w:body>"
    xml = f"<!DOCTYPE d [{declarations}]><w:document {nsdecls('w')}>{body}</w:document>"
    return parse("a.docx", replace_part(word_file(lambda word: None), "word/document.xml", xml.encode()))


def test_entities_that_name_a_file_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    assert parse_with_entities(f'<!ENTITY file SYSTEM "{secret.as_uri()}">', "&file;").text == "safe"


def test_entities_within_entities_are_not_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    # The XML parser may also refuse the document as a whole.
    with suppress(DamagedDocumentError):
        assert parse_with_entities(f'<!ENTITY l0 "ha">{laughs}', "&l9;").text == "safe"


def test_an_encrypted_document_is_told_from_an_old_one() -> None:
    with pytest.raises(PasswordNeededError, match=r"a\.docx is encrypted"):
        parse("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(DamagedDocumentError, match=r"Word 97-2003 \(\.doc\)\. Save it as \.docx"):
        parse("a.docx", OLE + "WordDocument".encode("utf-16-le"))


def test_a_zip_bomb_is_refused_unopened() -> None:
    data = bytearray(word_file(lambda word: word.add_paragraph("text")))
    # Where the archive's first directory entry declares the unpacked size.
    size_at = data.index(b"PK\x01\x02") + 24
    data[size_at : size_at + 4] = (301 * 2**20).to_bytes(4, "little")
    with pytest.raises(TooLargeError, match="unpacks to 301 MB, the limit is 300 MB"):
        parse("a.docx", bytes(data))


def zip_of(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(name, "text")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zip_of("xl/workbook.xml"), "is not a Word document: it seems to be an Excel workbook"),
        (zip_of("notes.txt"), "is not a Word document: it seems to be a ZIP archive"),
        (zip_of("word/document.xml"), "is damaged"),
        (b"%PDF-1.7\n", "is not a Word document: it seems to be a PDF"),
        (replace_part(word_file(lambda word: None), "word/document.xml", b"<w:document>"), "is damaged"),
        (word_file(lambda word: word.add_paragraph("text"))[:4000], "is damaged"),
    ],
)
def test_what_is_no_word_document_is_refused_by_what_it_seems_to_be(data: bytes, message: str) -> None:
    with pytest.raises(DamagedDocumentError, match=message):
        parse("report.docx", data)


def test_a_document_without_text_is_empty() -> None:
    with pytest.raises(EmptyDocumentError, match=r"blank\.docx was read, but there is no text in it"):
        parse("blank.docx", word_file(lambda word: word.add_paragraph(" ")))
