"""Read Word documents (.docx, and .docm, .dotx and .dotm, which are the same inside).

python-docx opens them and finds their parts. Their paragraphs are read from its XML, in which they are in
their order: the library itself leaves out text boxes, content controls, tracked insertions and footnotes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.office.docx_notes import Notes
from rag.parse.office.docx_styles import Styles
from rag.parse.office.docx_text import children, read_paragraph
from rag.parse.office.drawing import chart_lines, diagram_lines
from rag.parse.office.ooxml import WORD, named_part, open_office, related
from rag.parse.tables import MAX_SPAN, Merged, Row, one_line, write_table
from rag.parse.xml_tree import attribute, tag

if TYPE_CHECKING:
    from docx.document import Document
    from lxml.etree import _Element


def read_docx(name: str, data: bytes) -> Content:
    """Return the paragraphs, lists ("- item") and tables of a document, in their order.

    Table rows are as in write_table. Paragraphs whose style or outline level makes them headings are
    headings. Page headers and footers come once, first; footnotes, endnotes and comments after the
    paragraph that they belong to. What tracked changes deleted is left out. Raises what
    open_office raises.
    """
    document, lost = open_office(name, data, WORD, _open)
    body = document.element.find("./{*}body")
    if body is None:
        return Content("")
    notes = tuple(f"A part of it could not be read: {part}." for part in lost)
    return replace(join_blocks(_Reader(document).document(body)), notes=notes)


def _open(package: IO[bytes]) -> "Document":
    # Imported here, like every third-party parser: the server should start before it is needed.
    import docx
    from docx.exceptions import PythonDocxError

    try:
        document = docx.Document(package)
    except PythonDocxError as exc:
        raise ValueError("python-docx does not open it") from exc
    if tag(document.element) != "document":
        raise ValueError("the main part is no document")
    return document


class _Reader:
    """Reads one document, with its styles and notes at hand."""

    def __init__(self, document: "Document") -> None:
        self._main = document.part
        self._notes = Notes(document.part)
        self._styles = Styles(next(related(document.part, "styles"), None))

    def document(self, body: "_Element") -> Iterator[Block]:
        for line in self._notes.page_lines():
            yield Block(line)
        yield from self._blocks(body)

    def _blocks(self, container: "_Element") -> Iterator[Block]:
        for element in children(container, ("p", "tbl")):
            if tag(element) == "tbl":
                yield from self._table(element)
            else:
                yield from self._paragraph(element)

    def _paragraph(self, paragraph: "_Element") -> Iterator[Block]:
        read = read_paragraph(paragraph)
        text = read.text
        level = self._styles.heading_level(paragraph)
        if not level and text.strip() and self._styles.is_list_item(paragraph):
            yield Block(f"- {text.strip()}", in_list=True)
        else:
            yield Block(text, level)
        for box in read.boxes:
            yield from self._box(box)
        for note in self._notes.of(read.notes):
            yield Block(note)

    def _box(self, box: "_Element") -> Iterator[Block]:
        """Yield what stands in a text box, a chart or a diagram."""
        match tag(box):
            case "txbxContent":
                yield from self._blocks(box)
            case "chart":
                yield from (Block(line, in_list=True) for line in self._drawn(box, "id", chart_lines))
            case "relIds":
                yield from (Block(line, in_list=True) for line in self._drawn(box, "dm", diagram_lines))

    def _drawn(
        self, box: "_Element", attribute_name: str, lines: Callable[["_Element"], list[str]]
    ) -> list[str]:
        """Return what the part that a drawing names says, nothing when it is not there to be read."""
        part = named_part(self._main, box, attribute_name)
        return [] if part is None else lines(part)

    def _table(self, table: "_Element") -> Iterator[Block]:
        rows = list(children(table, ("tr",)))
        cells = [list(children(row, ("tc",))) for row in rows]
        if all(len(row) < 2 for row in cells):
            # A frame around paragraphs.
            for cell in (cell for row in cells for cell in row):
                yield from self._blocks(cell)
        else:
            n_header = _n_marked(rows) or int(self._styles.sets_off_first_row(table) or _is_bold_above(rows))
            yield Block("\n".join(write_table([self._row(row) for row in cells], n_header=n_header).lines))

    def _row(self, cells: Iterable["_Element"]) -> Row:
        found: dict[int, str | Merged] = {}
        column = 0
        for cell in cells:
            span = _number(cell, "./{*}tcPr/{*}gridSpan")
            if _goes_on(cell):
                found[column] = Merged.ABOVE
            elif text := self._cell_text(cell):
                found[column] = text
                found.update(dict.fromkeys(range(column + 1, column + span), Merged.LEFT))
            column += span
        return Row(found)

    def _cell_text(self, cell: "_Element") -> str:
        return " ".join(one_line(block.text) for block in self._blocks(cell)).strip()


def _n_marked(rows: "list[_Element]") -> int:
    """Return how many rows at the top repeat on each page."""
    marks = (row.find("./{*}trPr/{*}tblHeader") for row in rows)
    flags = list(map(_is_on, marks))
    return flags.index(False) if False in flags else 0


def _is_bold_above(rows: "list[_Element]") -> bool:
    """Return whether the first row alone is bold throughout."""
    return len(rows) > 1 and _is_bold(rows[0]) and not _is_bold(rows[1])


def _is_bold(row: "_Element") -> bool:
    runs = [run for run in row.iterfind(".//{*}r") if run.find("./{*}t") is not None]
    return bool(runs) and all(_is_on(run.find("./{*}rPr/{*}b")) for run in runs)


def _is_on(mark: "_Element | None") -> bool:
    return mark is not None and attribute(mark, "val") not in ("0", "false", "off")


def _goes_on(cell: "_Element") -> bool:
    """Return whether `cell` is a lower one of a merged column."""
    merge = cell.find("./{*}tcPr/{*}vMerge")
    return merge is not None and attribute(merge, "val") != "restart"


def _number(element: "_Element", path: str) -> int:
    found = element.find(path)
    value = "" if found is None else attribute(found, "val")
    return max(1, min(int(value), MAX_SPAN)) if value.isascii() and value.isdecimal() else 1
