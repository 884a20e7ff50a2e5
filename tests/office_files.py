"""Small Office files, made with the libraries that write them, or of XML that no library would write."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import docx
import msoffcrypto.format.ooxml
import openpyxl
import pptx
from docx.document import Document as WordDocument
from pptx.presentation import Presentation

_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEETS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


class _Saves(Protocol):
    def save(self, target: Any, /) -> object: ...


def saved(document: _Saves) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word_file(fill: Callable[[WordDocument], object] = lambda word: None) -> bytes:
    document = docx.Document()
    fill(document)
    return saved(document)


def slides_file(fill: Callable[[Presentation], object]) -> bytes:
    presentation = pptx.Presentation()
    fill(presentation)
    return saved(presentation)


def book_file(*sheets: list[list[object]]) -> bytes:
    """Return a workbook with these rows on the sheets "Sheet1", "Sheet2" and so on."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(row)
    return saved(book)


def sheet_file(rows: str, styles: str = "", after: str = "") -> bytes:
    """Return a workbook of one sheet, "S", whose rows are this XML."""
    sheet = f"<worksheet {_SHEETS}><sheetData>{rows}</sheetData>{after}</worksheet>"
    sheets = '<sheets><sheet name="S" sheetId="1" r:id="r0"/></sheets>'
    book = f'<workbook {_SHEETS} xmlns:r="{_KINDS}">{sheets}</workbook>'
    return zip_file(
        {
            "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": relations(worksheet="sheet.xml", styles="styles.xml"),
            "xl/sheet.xml": sheet,
            "xl/styles.xml": f"<styleSheet {_SHEETS}>{styles}</styleSheet>",
        }
    )


def relations(**targets: str) -> str:
    """Return a part of relations, with the ids r0, r1 and so on."""
    each = (
        f'<Relationship Id="r{number}" Type="{_KINDS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items())
    )
    return f'<Relationships xmlns="{_RELATIONS}">{"".join(each)}</Relationships>'


def zip_file(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return buffer.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def with_part(data: bytes, name: str, content: str | bytes) -> bytes:
    """Return a package with one part replaced, or added."""
    return zip_file({**parts_of(data), name: content})


def retyped(data: bytes, old: str, new: str) -> bytes:
    """Return a package whose main part is declared to be of another type, such as a template."""
    types = parts_of(data)["[Content_Types].xml"]
    return with_part(data, "[Content_Types].xml", types.replace(old.encode(), new.encode()))


def encrypted(data: bytes, password: str) -> bytes:
    buffer = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(data)).encrypt(password, buffer)
    return buffer.getvalue()


def shared_files(*names: str) -> list[Path]:
    """Return real files from beside the repository, where it has such a neighbour."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "files"
    return [path for name in names for path in sorted(folder.rglob(name))]
