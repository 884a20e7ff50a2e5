"""Read tables kept as text: a row on each line, its cells apart by commas, semicolons, tabs or bars."""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from io import StringIO
from pathlib import PurePath

from rag.parse.blocks import Content
from rag.parse.clean import clean
from rag.parse.decode import decode
from rag.parse.tables import Row, one_line, write_table

# Those that text hardly has by chance come first.
_DELIMITERS = ("\t", ";", "|", ",")
_SAMPLE_ROWS = 100
_SAMPLE_CHARS = 50_000
# So much of the rows have the same number of cells where a delimiter is the right one.
_ALIKE = 0.8

# What Excel writes, and reads, to name the delimiter.
_NAMED_DELIMITER = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def read_csv(name: str, data: bytes) -> Content:
    """Return the rows of a table as in write_table, with the encoding that it was read in.

    A delimiter is found by its making rows of the same length. Raises WrongTypeError for what is not text.
    """
    decoded = decode(name, data)
    # A quote may hold several lines, so only their ends are made alike here.
    text = _LINE_END.sub("\n", decoded.text).replace("\0", "").lstrip("\n")
    if named := _NAMED_DELIMITER.match(text):
        text = text[named.end() :]
    delimiter = named[1] if named else _delimiter(text, is_tabbed=PurePath(name).suffix.lower() == ".tsv")
    rows = [row for cells in _rows(text, delimiter) if (row := _row(cells)).cells]
    if rows:
        # Tables kept like this nearly always have a header.
        rows[0] = Row(rows[0].cells, stands_out=True)
    lines = write_table(rows).lines
    return Content(clean("\n".join(lines)), encoding=decoded.encoding, notes=decoded.notes)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    rows = _parsed(text, delimiter)
    # A quote that does not end would make one cell of the rest of the file.
    is_open = text.count('"') % 2 and rows and any("\n" in cell for cell in rows[-1])
    return [line.split(delimiter) for line in text.split("\n")] if is_open or not rows else rows


def _parsed(text: str, delimiter: str) -> list[list[str]]:
    """Return the cells of each row; nothing when one is longer than the csv module reads."""
    try:
        return list(csv.reader(StringIO(text, newline="\n"), delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []


def _row(cells: Iterable[str]) -> Row:
    lines = ((column, one_line(cell)) for column, cell in enumerate(cells))
    return Row({column: line for column, line in lines if line})


def _delimiter(text: str, *, is_tabbed: bool) -> str:
    """Return the delimiter that makes most rows alike; a comma where none makes any."""
    sample = text[:_SAMPLE_CHARS]
    if is_tabbed and "\t" in sample:
        return "\t"
    shares = {delimiter: _share_alike(sample, delimiter) for delimiter in _DELIMITERS if delimiter in sample}
    likely = next((delimiter for delimiter, share in shares.items() if share >= _ALIKE), None)
    return likely or max(shares, key=lambda delimiter: shares[delimiter], default=",")


def _share_alike(sample: str, delimiter: str) -> float:
    """Return how many of the first rows have the same number of cells, of those with any; 0 when it is one.

    Where the first row has another number of cells, half of that.
    """
    counts = [len(row) for row in _parsed(sample, delimiter)[:_SAMPLE_ROWS] if any(row)]
    (n_cells, n_rows), *_ = Counter(counts).most_common(1) or [(0, 0)]
    if n_cells < 2:
        return 0.0
    return n_rows / len(counts) / (1 if counts[0] == n_cells else 2)
