"""Read the tables of an HTML page: those that hold data, not those that arrange a page."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from rag.parse.tables import MAX_SPAN, Merged, Row, write_table

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# A row with one of these inside arranges a page; it is not a row of data.
NOT_IN_DATA = "table, h1, h2, h3, h4, h5, h6, pre, article, section, main"
SIDE_BY_SIDE = "td + td, td + th, th + td, th + th"

_MAX_COLUMNS = 1000


def table_lines(
    table: "LexborNode", skipped: Collection[int], text_of: Callable[["LexborNode"], str]
) -> tuple[str, ...] | None:
    """Return the caption and the rows of `table`, as in write_table; None when it is not a table of data.

    Rows in a `thead`, and first rows of nothing but `th`, are its header; without them it has none.
    """
    rows = [(row, in_head) for row, in_head in _rows(table) if row.mem_id not in skipped]
    if table.css_first(SIDE_BY_SIDE) is None or any(row.css_first(NOT_IN_DATA) for row, _ in rows):
        return None
    cells = [[cell for cell in row.iter() if cell.mem_id not in skipped] for row, _ in rows]
    n_header = 0
    while n_header < len(rows) and (rows[n_header][1] or _are_names(cells[n_header])):
        n_header += 1
    caption = table.css_first("caption")
    captions = (text_of(caption),) if caption is not None and caption.mem_id not in skipped else ()
    return (*captions, *write_table(list(_placed(cells, text_of)), n_header=n_header).lines)


def _rows(table: "LexborNode") -> Iterator[tuple["LexborNode", bool]]:
    for part in table.iter():
        if part.tag == "tr":
            yield part, False
        elif part.tag in ("thead", "tbody", "tfoot"):
            yield from ((row, part.tag == "thead") for row in part.iter() if row.tag == "tr")


def _are_names(cells: Sequence["LexborNode"]) -> bool:
    return len(cells) > 1 and all(cell.tag == "th" for cell in cells)


def _placed(rows: Sequence[Sequence["LexborNode"]], text_of: Callable[["LexborNode"], str]) -> Iterator[Row]:
    """Yield the rows with each cell in its column, beside those that reach down from above."""
    below: dict[int, int] = {}  # by column, how many more rows a cell above reaches down
    for cells in rows:
        placed: dict[int, str | Merged] = dict.fromkeys(below, Merged.ABOVE)
        below = {column: more - 1 for column, more in below.items() if more > 1}
        column = 0
        for cell in cells:
            while column in placed:
                column += 1
            if column >= _MAX_COLUMNS:
                break
            if text := text_of(cell):
                placed[column] = text
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            placed.update(dict.fromkeys(range(column + 1, column + width), Merged.LEFT))
            if height > 1:
                below.update(dict.fromkeys(range(column, column + width), height - 1))
            column += width
        yield Row(dict(sorted(placed.items())))


def _span(cell: "LexborNode", name: str) -> int:
    value = cell.attributes.get(name) or ""
    return min(max(int(value), 1), MAX_SPAN) if value.isdecimal() and len(value) < 10 else 1
