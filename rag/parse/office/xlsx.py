"""Read Excel workbooks (.xlsx, and .xlsm, .xltx and .xltm, which are the same inside)."""

from collections.abc import Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from rag.amounts import counted
from rag.parse.blocks import Block, Content
from rag.parse.office.ooxml import EXCEL, LIBRARY_FAILURES, open_office
from rag.parse.office.ooxml_mend import root_of
from rag.parse.office.xlsx_sheet import SheetReader
from rag.parse.paged import check_page_count, join_pages, named
from rag.parse.tables import NO_HEADER, write_table
from rag.parse.xml_tree import tag
from rag.parse.zips import damaged

if TYPE_CHECKING:
    from openpyxl.reader.excel import ExcelReader


def read_xlsx(name: str, data: bytes) -> Content:
    """Return the sheets of a workbook in their order, each a page under a heading: its name.

    Rows are as in write_table, values as Excel shows them but for dates, which are as in ISO 8601.
    Text boxes, the titles of charts, and comments end a sheet. Hidden sheets are included, and noted;
    so are formulas without a result. Sheets that cannot be read are in `unreadable`;
    DamagedDocumentError when none can. Raises TooManyPagesError and what open_office raises.
    """
    book, lost = open_office(name, data, EXCEL, _open)
    sheets = book.parser.sheets
    check_page_count(name, len(sheets), "sheets")
    blocks: list[Block] = []
    unreadable: list[int] = []
    uncalculated: dict[str, int] = {}
    for number, sheet in enumerate(sheets, start=1):
        try:
            reader = SheetReader(name, book, book.parser.rels[sheet.id].target)
            blocks += _blocks(reader, sheet.name, number)
        except LIBRARY_FAILURES:
            unreadable.append(number)
        else:
            uncalculated |= {sheet.name: reader.uncalculated} if reader.uncalculated else {}
    # Without the texts that all sheets share, hardly a cell would be left.
    if (sheets and len(unreadable) == len(sheets)) or any("sharedstrings" in part.lower() for part in lost):
        raise damaged(name)
    hidden = [sheet.name for sheet in sheets if sheet.state != "visible"]
    notes = _notes(hidden, uncalculated)
    return join_pages(blocks, page_count=len(sheets), unreadable=unreadable, notes=notes)


def _open(package: IO[bytes]) -> "ExcelReader":
    """Return a workbook that is open, none of its sheets read yet.

    load_workbook would look into each sheet, and fail as a whole for one that is damaged.
    """
    # Imported here, like every third-party parser: the server should start before it is needed.
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.reader.strings import read_string_table

    book = ExcelReader(package, read_only=True, data_only=True, keep_links=False)
    book.read_manifest()
    book.read_workbook()
    for part in _parts(book, "sharedStrings"):
        with book.archive.open(part) as source:
            book.shared_strings = read_string_table(source)
    # Without its styles, numbers are still shown plainly.
    with suppress(*LIBRARY_FAILURES):
        for part in _parts(book, "styles"):
            _read_styles(book, part)
    return book


def _parts(book: "ExcelReader", kind: str) -> list[str]:
    """Return the parts of one kind that the workbook relates to."""
    return [one.target for one in book.parser.rels.values() if one.Type.rpartition("/")[2] == kind]


def _read_styles(book: "ExcelReader", part: str) -> None:
    """Have the cells' styles read, as far as a reader needs them.

    Programs write fonts, fills and borders of which openpyxl refuses some, and all styles with them.
    """
    from openpyxl.styles.stylesheet import Stylesheet

    root = root_of(book.archive.read(part))
    for element in [*root, *root.iterfind("./{*}cellXfs/{*}xf/*")]:
        if tag(element) not in ("numFmts", "cellXfs"):
            element.getparent().remove(element)
    styles = Stylesheet.from_tree(root)
    book.wb._cell_styles, book.wb._number_formats = styles.cell_styles, styles.number_formats


def _blocks(reader: SheetReader, name: str, number: int) -> list[Block]:
    texts = []
    header = NO_HEADER
    for rows in reader.tables():
        table = write_table(rows, above=header)
        header = table.header
        texts.append("\n".join(table.lines))
    texts += reader.lines_above()
    if not texts:
        return []
    return [Block(name, level=1, page=number), *(Block(text, page=number) for text in texts)]


def _notes(hidden: list[str], uncalculated: dict[str, int]) -> Iterator[str]:
    if hidden:
        yield f"Also read, though hidden: {named('sheet', hidden)}."
    if uncalculated:
        formulas = counted(sum(uncalculated.values()), "formula")
        yield (
            f"Not read: the results of {formulas} on {named('sheet', list(uncalculated))}, "
            "which the file does not hold. Open it in Excel or LibreOffice, save it, and add it again."
        )
