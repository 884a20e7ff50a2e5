"""Read OpenDocument texts, spreadsheets and presentations (.odt, .ods, .odp)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.errors import TooLargeError, UnsupportedTypeError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.odf_blocks import blocks_of, on_one_line, table_lines
from rag.parse.paged import check_page_count, join_pages, named
from rag.parse.xml_tree import attribute, parse_xml, tag
from rag.parse.zips import damaged, open_package, read_part

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTENT = "content.xml"
# Each takes some hundred bytes of memory, and a text as long as one may be has a tenth of them.
_MAX_TAGS = 4_000_000
_MANIFEST = "META-INF/manifest.xml"


def read_odt(name: str, data: bytes) -> Content:
    """Return paragraphs, headings, lists ("- item") and tables, as in write_table, in their order.

    Footnotes and text boxes follow the paragraph that they belong to. What tracked changes deleted, and
    comments, are left out. Raises UnsupportedTypeError (encrypted), TooLargeError or DamagedDocumentError.
    """
    return join_blocks(blocks_of(_body(name, data, "text")))


def read_ods(name: str, data: bytes) -> Content:
    """Return the sheets in their order, each a page under a heading: its name; rows as in write_table.

    Raises TooManyPagesError, and as `read_odt` does.
    """
    sheets = _body(name, data, "spreadsheet").findall("./{*}table")
    check_page_count(name, len(sheets), "sheets")
    blocks: list[Block] = []
    for number, sheet in enumerate(sheets, start=1):
        if lines := table_lines(sheet):
            blocks.append(Block(attribute(sheet, "name") or f"Sheet {number}", level=1, page=number))
            blocks.append(Block("\n".join(lines), page=number))
    return join_pages(blocks, page_count=len(sheets))


def read_odp(name: str, data: bytes) -> Content:
    """Return the slides in their order, each a page under a heading: its title.

    Speaker notes ("Notes: …") end a slide. Raises TooManyPagesError, and as `read_odt` does.
    """
    slides = _body(name, data, "presentation").findall("./{*}page")
    check_page_count(name, len(slides), "slides")
    blocks = [block for number, slide in enumerate(slides, start=1) for block in _slide(slide, number)]
    hidden = [n for n, slide in enumerate(slides, start=1) if attribute(slide, "visibility") == "hidden"]
    notes = [f"Also read, though hidden: {named('slide', hidden)}."] if hidden else []
    return join_pages(blocks, page_count=len(slides), notes=notes)


def _body(name: str, data: bytes, kind: str) -> "_Element":
    """Return what holds a document's text. Raises as `read_odt` does."""
    with open_package(name, data) as package:
        if _MANIFEST in package.namelist() and b"encryption-data" in read_part(name, package, _MANIFEST):
            raise UnsupportedTypeError(
                f"{name} is encrypted, and files of its kind are not read with a password. Open it in "
                "LibreOffice, save a copy without its password and add that."
            )
        content = read_part(name, package, _CONTENT)
    if content.count(b"<") > _MAX_TAGS:
        raise TooLargeError(f"{name} holds more than can be read: over {_MAX_TAGS:,} tags. Split it.")
    root = parse_xml(content)
    body = None if root is None else root.find(f"./{{*}}body/{{*}}{kind}")
    if body is None:
        raise damaged(name)
    return body


def _slide(slide: "_Element", number: int) -> Iterator[Block]:
    title, texts, notes = "", [], []
    for shape in slide:
        if tag(shape) == "notes":
            notes = [on_one_line(part) for part in shape.iterfind("./{*}frame") if _has_text(part)]
        elif attribute(shape, "class") == "title" and not title:
            title = on_one_line(shape)
        else:
            texts += [block.text for block in blocks_of(shape)]
    texts += [f"Notes: {text}" for text in notes if text]
    if title or any(texts):
        yield Block(title or f"Slide {number}", level=1, page=number)
        yield Block("\n".join(text for text in texts if text.strip()), page=number)


def _has_text(frame: "_Element") -> bool:
    # The numbers, dates and footers of the notes pages are on all of them alike.
    return attribute(frame, "class") in ("notes", "")
