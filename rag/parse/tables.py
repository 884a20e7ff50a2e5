"""Write the rows of tables as lines that can stand alone: each value with the header of its column."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Merged(Enum):
    """What stands in a cell that is merged with the one to its left, or with the one above."""

    LEFT = 1
    ABOVE = 2


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells by their column, from left to right, empty ones left out.

    `stands_out` says that it looks like a header.
    """

    cells: Mapping[int, str | Merged]
    stands_out: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table's lines, and the header of each column, empty when none was found."""

    lines: tuple[str, ...]
    header: Mapping[int, str]


# A header is found by the rows up to here, and none of its names is longer.
_SAMPLE_ROWS = 30
_NAME_CHARS = 80
_YEAR = re.compile(r"(?:19|20)\d\d")
_LETTER = re.compile(r"[^\W\d_]")
_ADDRESS = re.compile(r"://|@|^(?:true|false)$", re.IGNORECASE)
# Words below a name this many times as long are no names themselves.
_LONGER = 2.5

NO_HEADER: Mapping[int, str] = MappingProxyType({})
# Of the widest table; a cell that says it spans more columns than this does not.
MAX_SPAN = 100


def write_table(
    rows: Sequence[Row], *, n_header: int | None = None, above: Mapping[int, str] = NO_HEADER
) -> Table:
    """Return each row as a line: "Header: value | Header: value", or "a | b" without a header.

    `n_header` is how many rows are the header, None to find it out. `above` is the header of the table
    above, which goes on for one that has the same columns and no header. Single cells above the header
    are lines of their own.
    """
    marked = rows[: n_header or 0]
    rows = [row for row in rows if _texts(row)]
    n_titles, n_header = _find_header(rows) if n_header is None else (0, sum(bool(_texts(r)) for r in marked))
    body = rows[n_titles + n_header :]
    header: Mapping[int, str] = _header(rows[n_titles : n_titles + n_header])
    if not body:
        return Table(tuple(_plain(row) for row in rows), header)
    if not header and _goes_on(above, body):
        header = above
    top = rows[:n_titles]
    if header is not above and not header.keys() <= {column for row in body for column in row.cells}:
        # Names that no row would repeat are said once.
        top = rows[: n_titles + n_header]
    return Table((*map(_plain, top), *_lines(body, header)), header)


def one_line(text: str) -> str:
    """Return `text` without line breaks, and with single spaces."""
    return " ".join(text.split())


def _goes_on(above: Mapping[int, str], body: Sequence[Row]) -> bool:
    """Return whether `body` has the columns of the table above it."""
    if not above or not {column for row in body for column in row.cells} <= above.keys():
        return False
    return len(above) > 2 or _differ(Row(above), body[:_SAMPLE_ROWS])


def _lines(body: Sequence[Row], header: Mapping[int, str]) -> list[str]:
    if not header:
        return [_plain(row) for row in body]
    lines, last = [], dict[int, str]()
    for row in body:
        cells = {
            column: last.get(column, "") if cell is Merged.ABOVE else cell
            for column, cell in row.cells.items()
        }
        texts = {column: cell for column, cell in cells.items() if isinstance(cell, str) and cell}
        last.update(texts)
        if len(texts) == 1 and Merged.LEFT in row.cells.values():
            lines.append(_plain(row))
        else:
            lines.append(" | ".join(_named(header.get(column, ""), text) for column, text in texts.items()))
    return lines


def _named(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _plain(row: Row) -> str:
    return " | ".join(cell for cell in row.cells.values() if isinstance(cell, str) and cell)


def _header(rows: Sequence[Row]) -> dict[int, str]:
    """Return the names of the columns, of one row or of several one above the other."""
    names: dict[int, list[str]] = {}
    for row in rows:
        left = ""
        for column, cell in row.cells.items():
            left = cell if isinstance(cell, str) else left if cell is Merged.LEFT else ""
            name = left.rstrip(": ")
            if name and name not in names.setdefault(column, []):
                names[column].append(name)
    return {column: " ".join(parts) for column, parts in names.items() if parts}


def _find_header(rows: Sequence[Row]) -> tuple[int, int]:
    """Return how many rows of titles and then of header a table begins with."""
    sample = rows[:_SAMPLE_ROWS]
    n_columns = max((len(_texts(row)) for row in sample), default=0)
    if n_columns < 2:
        return 0, 0
    top = next(number for number, row in enumerate(sample) if len(_texts(row)) > 1)
    names, below = sample[top], sample[top + 1 :]
    if not _are_names(names, n_columns, below) or (n_columns == 2 and below and not _differ(names, below)):
        return top, 0
    # Cells that span several columns name groups of columns, and the row below the columns.
    is_grouped = Merged.LEFT in names.cells.values()
    return top, 2 if is_grouped and below and _are_names(below[0], n_columns, below[1:]) else 1


def _recurs(names: Row, below: Sequence[Row]) -> bool:
    """Return whether a name is a value too, of its own column."""
    return any(
        isinstance(name, str) and row.cells.get(column) == name
        for column, name in names.cells.items()
        for row in below
    )


def _texts(row: Row) -> list[str]:
    return [cell for cell in row.cells.values() if isinstance(cell, str)]


def _are_names(row: Row, n_columns: int, below: Sequence[Row]) -> bool:
    """Return whether a row may be a header: short words, hardly two of them the same, no values."""
    texts = _texts(row)
    spanned = sum(cell is Merged.LEFT for cell in row.cells.values())
    if 2 * (len(texts) + spanned) < n_columns or not any(map(_is_name, texts)) or _recurs(row, below):
        return False
    return all(_is_name(text) or _YEAR.fullmatch(text) for text in texts) and 3 * len(set(texts)) > 2 * len(
        texts
    )


def _is_name(text: str) -> bool:
    return len(text) <= _NAME_CHARS and bool(_LETTER.search(text)) and not _ADDRESS.search(text)


def _differ(names: Row, below: Sequence[Row]) -> bool:
    """Return whether the rows below are of another kind than the names, in one column at least.

    Two columns of words may as well be names and values, side by side.
    """
    if names.stands_out:
        return True
    for column, name in names.cells.items():
        cells = [cell for row in below if isinstance(cell := row.cells.get(column), str)]
        if not isinstance(name, str) or len(cells) < 2:
            continue
        values = sum(not _is_name(cell) for cell in cells)
        mean_chars = sum(map(len, cells)) / len(cells)
        if 2 * values > len(cells) or (mean_chars > 20 and mean_chars > _LONGER * len(name)):
            return True
    return False
