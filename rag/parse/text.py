"""Read plain text and Markdown."""

import re

from rag.parse.blocks import Content
from rag.parse.clean import clean
from rag.parse.decode import decode
from rag.records import Heading

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?: +(.*?))??(?: +#+)? *")
_SETEXT = re.compile(r" {0,3}(=+|-+) *")
# The time that the patterns above take grows with the square of a line's length.
_HEADING_CHARS = 2000
# What cannot be the first line of a paragraph, and so not of an underlined heading either.
_NOT_A_PARAGRAPH = re.compile(r" {4}| {0,3}(?:[-*+>|]|\d+[.)])(?: |$)")


def read_text(name: str, data: bytes) -> Content:
    """Return the text of a plain text file; it has no pages and no headings."""
    decoded = decode(name, data)
    return Content(clean(decoded.text), encoding=decoded.encoding, notes=decoded.notes)


def read_markdown(name: str, data: bytes) -> Content:
    """Return Markdown as it is written, marks and all, without its front matter; with its headings."""
    decoded = decode(name, data)
    text = clean(_FRONT_MATTER.sub("", clean(decoded.text)))
    return Content(text, headings=tuple(_headings(text)), encoding=decoded.encoding, notes=decoded.notes)


def _headings(text: str) -> list[Heading]:
    headings: list[Heading] = []
    fence, start, previous = "", 0, ""
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line)
        if fence:
            fence = "" if mark and _closes(fence, mark) else fence
            previous = ""
        elif mark and "`" not in mark[2]:
            fence, previous = mark[1], ""
        else:
            if heading := _heading(line, start, previous):
                headings.append(heading)
            previous = "" if heading else line
        start += len(line) + 1
    return headings


def _closes(fence: str, mark: re.Match[str]) -> bool:
    return mark[1].startswith(fence) and not mark[2].strip()


def _heading(line: str, start: int, previous: str) -> Heading | None:
    """Return the heading that `line` is, or that it makes of the `previous` line by underlining it."""
    if len(line) > _HEADING_CHARS:
        return None
    if (atx := _ATX.fullmatch(line)) and atx[2]:
        return Heading(len(atx[1]), atx[2], start)
    underline = _SETEXT.fullmatch(line)
    if underline and previous.strip() and not _NOT_A_PARAGRAPH.match(previous):
        return Heading(1 if underline[1][0] == "=" else 2, previous.strip(), start - len(previous) - 1)
    return None
