"""What the readers of all formats have in common: what they find in a file, and blocks of raw text."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rag.file_outcome import Reason
from rag.parse.clean import clean
from rag.records import Heading, Page


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or whatever else stands between blank lines, as its reader found it.

    `level` is a heading's, 0 for other text. `page` is the number of the page that the block is all of.
    `in_list` says that it is a list item or a table row: no blank line parts it from its neighbours.
    """

    text: str
    level: int = 0
    page: int | None = None
    in_list: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says: clean text, where in it pages and headings begin; the rest as in Document."""

    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    page_count: int = 0
    unreadable: tuple[int, ...] = ()
    encoding: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A file that lies in another, such as "archive.zip/notes/tea.pdf" or "mail.eml/menu.docx"."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A part of a file that could not be read; the rest of it still is. Fields as in FileOutcome."""

    name: str
    reason: Reason
    message: str


def join_blocks(blocks: Iterable[Block]) -> Content:
    """Return the blocks' clean text with the exact places of their pages and headings.

    Blocks with nothing left after cleaning are left out, so is a page or heading without text.
    """
    parts: list[str] = []
    pages: list[Page] = []
    headings: list[Heading] = []
    end, previous_in_list = 0, False
    for block in blocks:
        # Each block is cleaned before it is placed: offsets count the characters that stay.
        text = clean(block.text)
        if block.level:
            text = " ".join(text.split())
        if not text:
            continue
        gap = "" if not parts else "\n" if block.in_list and previous_in_list else "\n\n"
        start = end + len(gap)
        end = start + len(text)
        parts += (gap, text)
        previous_in_list = block.in_list
        if block.page is not None:
            pages.append(Page(block.page, start, end))
        if block.level:
            headings.append(Heading(block.level, text, start))
    return Content("".join(parts), tuple(pages), tuple(headings))


def join_contents(contents: Iterable[Content]) -> Content:
    """Return several contents one after the other as one; pages and headings stay with their texts.

    The encoding is that of the first that has one; every note is kept once.
    """
    contents = [content for content in contents if content.text]
    parts: list[str] = []
    pages: list[Page] = []
    headings: list[Heading] = []
    at = 0
    for content in contents:
        parts.append(content.text)
        pages += [replace(p, start=p.start + at, end=p.end + at) for p in content.pages]
        headings += [replace(h, start=h.start + at) for h in content.headings]
        at += len(content.text) + 2
    notes = dict.fromkeys(note for content in contents for note in content.notes)
    encoding = next((content.encoding for content in contents if content.encoding), None)
    return Content("\n\n".join(parts), tuple(pages), tuple(headings), encoding=encoding, notes=tuple(notes))
