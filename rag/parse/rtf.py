"""Read rich text files (.rtf)."""

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import groupby

from rag.errors import DamagedDocumentError, TooLargeError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.limits import MAX_PART_BYTES
from rag.parse.tables import Row, one_line, write_table

_CODE_PAGE = re.compile(rb"\\ansicpg(\d{3,5})")
_CODE_PAGE_WITHIN = 2000
# Pictures take most of the bytes and none of the text; as binary they also hold braces.
_DIGITS = re.compile(rb"(?:\r?\n?[0-9a-fA-F]{64,})+")
_PICTURE_BYTES = 1000  # a text may hold a checksum

# What striprtf lets through when a file is not as it expects.
_FAILURES = (ValueError, TypeError, LookupError, OverflowError, AttributeError)


def read_rtf(name: str, data: bytes) -> Content:
    """Return the text of a file: paragraphs, and tables as in write_table; it has no pages and no headings.

    Raises TooLargeError or DamagedDocumentError.
    """
    # Imported here, like every third-party parser: the server should start before it is needed.
    from striprtf.striprtf import rtf_to_text

    encoding = _encoding(data)
    data = _DIGITS.sub(lambda run: b"" if len(run[0]) > _PICTURE_BYTES else run[0], data)
    # striprtf would look for the end of each link up to the end of the line, which takes hours on a bad one.
    data = data.replace(b"\\fldinst{", b"\\fldinst {")
    if len(data) > MAX_PART_BYTES:
        raise TooLargeError(f"{name} has more text than can be read. Split it.")
    convert: Callable[..., str] = rtf_to_text  # it has no types of its own
    try:
        text = convert(data.decode(encoding, "replace"), encoding=encoding, errors="replace")
    except _FAILURES as exc:
        raise DamagedDocumentError(
            f"{name} is damaged: it breaks off, or holds what no RTF file may. Save it anew and add that."
        ) from exc
    return join_blocks(_blocks(text))


def _encoding(data: bytes) -> str:
    """Return the code page of the bytes outside of ASCII, of which there should be none."""
    found = _CODE_PAGE.search(data, 0, _CODE_PAGE_WITHIN)
    # Binary data is skipped by its length in bytes: there each has to become one character.
    if found is None or b"\\bin" in data:
        return "cp1252"
    try:
        return codecs.lookup(f"cp{found[1].decode()}").name
    except LookupError:
        return "cp1252"


def _blocks(text: str) -> Iterator[Block]:
    # striprtf ends each cell in a bar, and so each row.
    for is_table, group in groupby(text.split("\n"), lambda line: line.rstrip().endswith("|")):
        lines = list(group)
        if is_table:
            rows = [line.rstrip().removesuffix("|").split("|") for line in lines]
            table = write_table([_row(cells) for cells in rows])
            yield from (Block(line, in_list=True) for line in table.lines)
        else:
            yield Block("\n".join(lines))


def _row(cells: list[str]) -> Row:
    return Row({column: text for column, cell in enumerate(cells) if (text := one_line(cell))})
