"""Write CSV that no spreadsheet takes for formulas, and read it back."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO, StringIO

from rag.errors import InputFileError
from rag.trec import decoded_lines

# A spreadsheet calculates a cell that begins with one of these; an apostrophe before it keeps it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return `header` and `rows` as CSV; what a spreadsheet would calculate has an apostrophe before it."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return out.getvalue()


def csv_rows(path: str, data: bytes, *, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file with the numbers of their lines, as texts by the names in its header.

    Raises InputFileError where the header lacks a `required` name, or a row is not as long as it.
    """
    # Decoded whole first: a cell may hold line ends.
    for _ in decoded_lines(path, BytesIO(data)):
        pass
    reader = csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in required if name not in header]:
            found = ", ".join(header)[:200] or "nothing"
            message = (
                f"expected the columns {', '.join(required)}; {', '.join(missing)} not found in: {found}."
            )
            raise InputFileError(path, message, line=1)
        for row in reader:
            if row and len(row) != len(header):
                message = f"expected {len(header)} cells, as in the header, found {len(row)}."
                raise InputFileError(path, message, line=reader.line_num)
            if row:
                yield reader.line_num, dict(zip(header, map(_bare, row), strict=True))
    except csv.Error as exc:
        raise InputFileError(path, f"expected CSV, found {exc}.", line=reader.line_num) from exc


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
