"""Read Word documents (.docx)."""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from rag.errors import DamagedDocumentError, DocumentError, PasswordNeededError, TooLargeError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.docx_styles import Styles, attribute, local_name
from rag.parse.sniff import OLE_MAGIC, seeming_type

if TYPE_CHECKING:
    from lxml.etree import _Element

_UNPACKED_LIMIT_MB = 300
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")

# What may stand around paragraphs, rows and cells without a meaning of its own.
_WRAPPERS = frozenset(
    {"sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "AlternateContent", "Choice"}
)
# Properties, what tracked changes took away, phonetic guides, and the copy of a drawing for old programs.
_UNREAD = frozenset({"pPr", "rPr", "sdtPr", "del", "moveFrom", "rt", "Fallback"})
_CHARACTERS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}

# What python-docx lets through, besides lxml's errors, when a package is not as it expects.
_FAILURES = (
    *(KeyError, IndexError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError),
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error),
)


def read_docx(name: str, data: bytes) -> Content:
    """Return the paragraphs, lists ("- item") and tables ("a | b") of a document, in their order.

    Paragraphs whose style or outline level makes them headings are headings. What tracked changes
    deleted is left out. Raises PasswordNeededError, TooLargeError or DamagedDocumentError.
    """
    # Imported here, like every third-party parser: the server should start before they are needed.
    from docx import Document
    from docx.exceptions import PythonDocxError
    from lxml.etree import LxmlError

    if data.startswith(OLE_MAGIC):
        raise _not_zipped(name, data)
    try:
        _refuse_bombs(name, data)
        document = Document(BytesIO(data))
        return join_blocks(_blocks(document.element.body, Styles(document.styles.element)))
    except (*_FAILURES, PythonDocxError, LxmlError) as exc:
        what = seeming_type(data)
        is_word = what is None or "DOCX" in what
        found = "is damaged" if is_word else f"is not a Word document: it seems to be {what}"
        raise DamagedDocumentError(
            f"{name} {found}. Save it as .docx in Word or LibreOffice and add it again."
        ) from exc


def _not_zipped(name: str, data: bytes) -> DocumentError:
    if _ENCRYPTED_PACKAGE in data:
        return PasswordNeededError(f"{name} is encrypted. Save a copy without its password and add that.")
    return DamagedDocumentError(
        f"{name} is in the format of Word 97-2003 (.doc). Save it as .docx and add it again."
    )


def _refuse_bombs(name: str, data: bytes) -> None:
    # The sizes that a ZIP file declares can be relied on: zipfile reads no further.
    with zipfile.ZipFile(BytesIO(data)) as package:
        unpacked_mb = sum(entry.file_size for entry in package.infolist()) // 2**20
    if unpacked_mb > _UNPACKED_LIMIT_MB:
        raise TooLargeError(
            f"{name} unpacks to {unpacked_mb} MB, the limit is {_UNPACKED_LIMIT_MB} MB. "
            "Remove what is not text, or split it."
        )


def _blocks(container: "_Element", styles: Styles) -> Iterator[Block]:
    for element in _children(container, ("p", "tbl")):
        if local_name(element) == "tbl":
            yield from _table(element, styles)
        else:
            yield from _paragraph(element, styles)


def _children(parent: "_Element", names: Iterable[str]) -> Iterator["_Element"]:
    """Yield the children with one of these names, also where a wrapper holds them."""
    for child in parent:
        name = local_name(child)
        if name in names:
            yield child
        elif name in _WRAPPERS:
            yield from _children(child, names)


def _paragraph(paragraph: "_Element", styles: Styles) -> Iterator[Block]:
    text, boxes = _text_and_boxes(paragraph)
    level = styles.heading_level(paragraph)
    if not level and text.strip() and styles.is_list_item(paragraph):
        yield Block(f"- {text.strip()}", in_list=True)
    else:
        yield Block(text, level)
    for box in boxes:
        yield from _blocks(box, styles)


def _table(table: "_Element", styles: Styles) -> Iterator[Block]:
    rows = [list(_children(row, ("tc",))) for row in _children(table, ("tr",))]
    is_frame = all(len(cells) < 2 for cells in rows)
    for cells in rows:
        if is_frame:
            for cell in cells:
                yield from _blocks(cell, styles)
        elif any(texts := [_cell_text(cell, styles) for cell in cells]):
            yield Block(" | ".join(texts), in_list=True)


def _cell_text(cell: "_Element", styles: Styles) -> str:
    """Return a cell's text on one line; nothing for the lower cells of a merged column."""
    merge = cell.find("./{*}tcPr/{*}vMerge")
    if merge is not None and attribute(merge, "val") != "restart":
        return ""
    return " ".join(" ".join(block.text.split()) for block in _blocks(cell, styles)).strip()


def _text_and_boxes(paragraph: "_Element") -> tuple[str, list["_Element"]]:
    """Return a paragraph's own text, and the text boxes anchored in it."""
    from lxml.etree import iterwalk

    parts: list[str] = []
    boxes: list[_Element] = []
    walk = iterwalk(paragraph, events=("start",))
    for _, element in walk:
        name = local_name(element)
        if name == "t":
            parts.append(element.text or "")
        elif name == "txbxContent":
            boxes.append(element)
            walk.skip_subtree()
        elif name in _UNREAD:
            walk.skip_subtree()
        else:
            parts.append(_CHARACTERS.get(name, ""))
    return "".join(parts), boxes
