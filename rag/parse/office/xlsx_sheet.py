"""Read one sheet of a workbook: its rows as they are shown, then what lies over them.

openpyxl reads the cells. Its sheets keep to themselves which cells are merged, which rows are headers
and which formulas have no result, so its parser of sheets is driven here row by row.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

from rag.errors import TooLargeError
from rag.parse.limits import MAX_DOCUMENT_CHARS
from rag.parse.office.drawing import chart_title, paragraphs
from rag.parse.office.ooxml import LIBRARY_FAILURES
from rag.parse.office.ooxml_mend import root_of
from rag.parse.office.xlsx_numbers import show
from rag.parse.tables import MAX_SPAN, Merged, Row, one_line
from rag.parse.xml_tree import tag

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lxml.etree import _Element
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet._reader import WorkSheetParser

# The first column and row of an area and the last ones; they start at 1.
_Area = tuple[int, int, int, int]

# As many areas of merged cells are heeded, and marked in as many rows and columns.
_MAX_MERGED = 100_000
_MAX_MARKED = 1_000_000

# Formats that files name by these numbers alone; openpyxl takes them for plain numbers.
_EAST_ASIAN_DATES = (*range(27, 37), *range(50, 59))


@dataclass(frozen=True, slots=True)
class _Style:
    """How a cell looks: the format of its numbers, and a number each for its font and its fill."""

    number_format: str = "General"
    font: int = 0
    fill: int = 0


@dataclass(slots=True)
class SheetRow:
    """The cells of one row that say something, and how the last of them looks."""

    number: int
    cells: dict[int, str | Merged] = field(default_factory=dict)
    look: _Style = _Style()


class SheetReader:
    """Reads the sheet in `part`. `uncalculated` counts formulas whose result the file does not hold."""

    def __init__(self, name: str, book: "ExcelReader", part: str) -> None:
        self.uncalculated = 0
        self._name = name
        self._book = book
        self._part = part
        self._room = MAX_DOCUMENT_CHARS
        self._headers: set[int] = set()
        self._styles: dict[str, _Style] = {}

    def tables(self) -> Iterator[list[Row]]:
        """Yield the rows of each table; an empty row ends one."""
        rows = self._rows()
        first = 0
        for last in range(1, len(rows) + 1):
            if last == len(rows) or rows[last].number > rows[last - 1].number + 1:
                yield [self._row(rows, at, last) for at in range(first, last)]
                first = last

    def lines_above(self) -> Iterator[str]:
        """Yield what text boxes, charts and comments say."""
        for kind, part in self._related(self._part):
            if kind == "drawing":
                yield from self._drawn(part)
            elif kind == "comments":
                yield from self._comments(part)

    def _rows(self) -> list[SheetRow]:
        # Imported here, like every third-party parser: the server should start before it is needed.
        from openpyxl.worksheet._reader import WorkSheetParser
        from openpyxl.xml.functions import iterparse

        rows: list[SheetRow] = []
        merged: list[_Area] = []
        with self._book.archive.open(self._part) as source:
            # It is told of no date formats: what a date shows depends on more than its being one.
            parser = WorkSheetParser(source, self._book.shared_strings, data_only=True)
            for _, element in iterparse(source):
                match tag(element):
                    case "row":
                        row = self._read(parser, element)
                        rows += [row] if row.cells else []
                        element.clear()
                    case "mergeCell" if len(merged) < _MAX_MERGED:
                        merged += _areas(element)
                    case "autoFilter":
                        self._headers |= {area[1] for area in _areas(element)}
        rows.sort(key=lambda row: row.number)
        _mark_merged(rows, merged)
        self._headers |= {area[1] for area in self._table_areas()}
        return rows

    def _row(self, rows: Sequence[SheetRow], at: int, last: int) -> Row:
        row = rows[at]
        below = rows[at + 1] if at + 1 < last else row
        looks = (row.look.font, row.look.fill) != (below.look.font, below.look.fill)
        return Row(row.cells, stands_out=looks or row.number in self._headers)

    def _read(self, parser: "WorkSheetParser", element: "Element") -> SheetRow:
        number = element.get("r", "")
        row = SheetRow(int(number) if number.isdecimal() and len(number) < 8 else parser.row_counter + 1)
        parser.row_counter, parser.col_counter = row.number, 0
        for cell in element:
            if text := one_line(self._text(parser, cell)):
                row.cells[parser.col_counter] = text
                row.look = self._look(cell)
                self._room -= len(text) + 2
        if self._room < 0:
            raise TooLargeError(
                f"{self._name} holds more than {MAX_DOCUMENT_CHARS:,} characters of text on one "
                "sheet, the limit of a document. Split it and add the pieces."
            )
        return row

    def _text(self, parser: "WorkSheetParser", cell: "Element") -> str:
        """Return what a cell shows."""
        try:
            value = parser.parse_cell(cell)["value"]
            if value is None:
                self.uncalculated += cell.find("./{*}f") is not None
                return ""
            since_1904 = self._book.wb.epoch.year == 1904
            return show(value, self._look(cell).number_format, since_1904=since_1904)
        except LIBRARY_FAILURES:
            # A word where a number should be is still a word; the number of a missing text says nothing.
            return "" if cell.get("t") == "s" else cell.findtext("./{*}v") or ""

    def _look(self, cell: "Element") -> _Style:
        index = cell.get("s", "0")
        if index not in self._styles:
            self._styles[index] = _style(self._book.wb, index)
        return self._styles[index]

    def _related(self, part: str) -> list[tuple[str, str]]:
        """Return the parts that belong to `part`, with their kinds."""
        from openpyxl.packaging.relationship import get_dependents, get_rels_path

        path = get_rels_path(part)
        relations = get_dependents(self._book.archive, path) if path in self._book.valid_files else ()
        return [(relation.Type.rpartition("/")[2], relation.target) for relation in relations]

    def _xml(self, part: str) -> "_Element":
        return root_of(self._book.archive.read(part))

    def _table_areas(self) -> Iterator[_Area]:
        """Yield the areas that the workbook itself calls tables with a header."""
        tables = (self._xml(part) for kind, part in self._related(self._part) if kind == "table")
        for table in tables:
            if table.get("headerRowCount") != "0":
                yield from _areas(table)

    def _drawn(self, part: str) -> Iterator[str]:
        for body in self._xml(part).iterfind(".//{*}txBody"):
            yield "\n".join(paragraphs(body))
        for kind, chart in self._related(part):
            yield from chart_title(self._xml(chart)) if kind == "chart" else ()

    def _comments(self, part: str) -> Iterator[str]:
        for comment in self._xml(part).iterfind(".//{*}comment"):
            texts = (text.text or "" for text in comment.iterfind("./{*}text//{*}t"))
            if said := one_line(show("".join(texts))):
                yield f"Comment on {comment.get('ref', 'a cell')}: {said}"


def _style(book: "Workbook", index: str) -> _Style:
    """Return how cells look that refer to the style `index`."""
    from openpyxl.cell.read_only import ReadOnlyCell

    try:
        cell = ReadOnlyCell(SimpleNamespace(parent=book), 1, 1, None, style_id=int(index))
        look = cell.style_array
        is_date = look.numFmtId in _EAST_ASIAN_DATES
        return _Style("yyyy-mm-dd" if is_date else cell.number_format, look.fontId, look.fillId)
    except LIBRARY_FAILURES:
        return _Style()


def _areas(element: "Element | _Element") -> Iterator[_Area]:
    """Yield the area, such as "A1:D20", that an element is about, unless it is of whole columns or rows."""
    from openpyxl.utils import range_boundaries

    with suppress(ValueError):
        area = range_boundaries(element.get("ref", ""))
        if None not in area:
            yield area


def _mark_merged(rows: Sequence[SheetRow], merged: Sequence[_Area]) -> None:
    """Mark the cells that go on from the first one of their area, in the rows that say something."""
    by_number = {row.number: row for row in rows}
    left = _MAX_MARKED
    for first, top, last, bottom in merged:
        row = by_number.get(top)
        left -= min(bottom - top, len(rows)) + 1
        if row is None or first not in row.cells or left < 0:
            continue
        across = range(first + 1, min(last, first + MAX_SPAN) + 1)
        row.cells = dict(sorted({**dict.fromkeys(across, Merged.LEFT), **row.cells}.items()))
        for number in range(top + 1, bottom + 1) if bottom - top < len(rows) else list(by_number):
            below = by_number.get(number)
            if below is not None and top < number <= bottom and first not in below.cells:
                below.cells = dict(sorted({first: Merged.ABOVE, **below.cells}.items()))
