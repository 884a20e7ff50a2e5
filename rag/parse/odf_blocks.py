"""Walk the XML of OpenDocument files in the order of reading and break it into blocks."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.parse.blocks import Block
from rag.parse.tables import Merged, Row, one_line, write_table
from rag.parse.xml_tree import attribute, tag

if TYPE_CHECKING:
    from lxml.etree import _Element

# Holds no text of the document: what was deleted, comments, declarations, indexes made of the headings.
_UNREAD = frozenset(
    {
        "tracked-changes",
        "annotation",
        "annotation-end",
        "forms",
        "sequence-decls",
        "variable-decls",
        "ruby-text",
    }
    | {
        "table-of-content",
        "desc",
        "title",
        "event-listeners",
        "notes",
        "binary-data",
        "bibliography-mark-source",
    }
)
# Stands in a paragraph, but is read after it.
_ASIDE = frozenset({"note", "frame", "custom-shape", "text-box", "rect"})
_WHITE_SPACE = re.compile(r"[ \t\r\n]+")
# Spreadsheets repeat empty cells and rows up to the edges of the sheet, and bombs full ones.
_MAX_REPEATS = 100
_MAX_SPACES = 100
_MAX_LEVEL = 10


def blocks_of(root: "_Element") -> Iterator[Block]:
    """Yield the blocks below `root`: headings, paragraphs, "- item" for each of a list, rows of tables."""
    # A stack of its own instead of recursion: elements may be nested deeper than Python calls can be.
    stack = [(root, False)]
    while stack:
        element, in_list = stack.pop()
        kind = tag(element)
        if kind in ("h", "p"):
            text, asides = _text(element)
            yield _paragraph(element, text, in_list=in_list)
            stack += [(aside, False) for aside in reversed(asides)]
        elif kind == "table":
            yield from (Block(line, in_list=True) for line in table_lines(element))
        elif kind not in _UNREAD:
            in_list = kind == "list-item" or (in_list and kind != "note")
            stack += [(child, in_list) for child in reversed(element)]


def table_lines(table: "_Element") -> tuple[str, ...]:
    """Return the rows of a table, as in write_table."""
    header = list(_rows(table, "table-header-rows"))
    rows = [*header, *_rows(table, "")] if header else list(_rows(table, ""))
    return write_table(rows, n_header=len(header) or None).lines


def on_one_line(root: "_Element") -> str:
    """Return all text below `root` on one line."""
    return one_line(" ".join(block.text for block in blocks_of(root)))


def _paragraph(element: "_Element", text: str, *, in_list: bool) -> Block:
    if tag(element) == "h":
        level = attribute(element, "outline-level")
        return Block(text, level=min(int(level), _MAX_LEVEL) if level.isdecimal() and level != "0" else 1)
    if in_list and text.strip():
        return Block(f"- {text.strip()}", in_list=True)
    return Block(text)


def _text(paragraph: "_Element") -> tuple[str, list["_Element"]]:
    """Return a paragraph's own text, and the notes and boxes anchored in it."""
    parts: list[str] = []
    asides: list[_Element] = []
    # The text after an element lies outside of it, so it is put back onto the stack by itself.
    stack: list[_Element | str] = [paragraph]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        kind = tag(item)
        if kind in _ASIDE and item is not paragraph:
            asides.append(item)
        elif kind and kind not in _UNREAD:
            parts += (_character(item, kind), _WHITE_SPACE.sub(" ", item.text or ""))
            for child in reversed(item):
                stack += [_WHITE_SPACE.sub(" ", child.tail or ""), child]
    return "".join(parts), asides


def _character(element: "_Element", kind: str) -> str:
    if kind == "s":
        count = attribute(element, "c")
        return " " * min(int(count) if count.isdecimal() else 1, _MAX_SPACES)
    return {"tab": " ", "line-break": "\n"}.get(kind, "")


def _rows(table: "_Element", inside: str) -> Iterator[Row]:
    """Yield the rows of a table: those of its header when `inside` says so, else the others."""
    stack = [(child, False) for child in reversed(table)]
    while stack:
        element, in_header = stack.pop()
        kind = tag(element)
        if kind == "table-row":
            if in_header == bool(inside):
                yield from [_row(element)] * _repeats(element, "number-rows-repeated")
        elif kind in ("table-rows", "table-row-group", "table-header-rows"):
            in_header = in_header or kind == "table-header-rows"
            stack += [(child, in_header) for child in reversed(element)]


def _row(row: "_Element") -> Row:
    cells: dict[int, str | Merged] = {}
    column, spanned = 0, 0
    for cell in row:
        kind = tag(cell)
        if kind not in ("table-cell", "covered-table-cell"):
            continue
        value = _cell(cell) if kind == "table-cell" else ""
        for _ in range(_repeats(cell, "number-columns-repeated")):
            if kind == "covered-table-cell":
                cells[column] = Merged.LEFT if spanned > 0 else Merged.ABOVE
                spanned -= 1
            elif value:
                cells[column] = value
            column += 1
        if kind == "table-cell":
            spanned = _number(cell, "number-columns-spanned") - 1
    return Row(cells)


def _cell(cell: "_Element") -> str:
    texts = [block.text for block in blocks_of_children(cell) if block.text.strip()]
    if len(texts) == 1:
        return one_line(texts[0].removeprefix("- "))  # one item makes no list
    return one_line(" ".join(texts)) or _value(cell)


def _value(cell: "_Element") -> str:
    """Return the value of a cell that shows none."""
    return next((v for key in ("date-value", "string-value", "value") if (v := attribute(cell, key))), "")


def blocks_of_children(element: "_Element") -> Iterator[Block]:
    """Yield the blocks in `element`, whatever it is itself."""
    for child in element:
        yield from blocks_of(child)


def _repeats(element: "_Element", name: str) -> int:
    return min(_number(element, name), _MAX_REPEATS)


def _number(element: "_Element", name: str) -> int:
    value = attribute(element, name)
    return int(value) if value.isdecimal() and len(value) < 10 else 1
