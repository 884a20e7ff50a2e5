"""The text of a Word document's paragraphs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.parse.xml_tree import attribute, tag

if TYPE_CHECKING:
    from lxml.etree import _Element

# What may stand around paragraphs, rows and cells without a meaning of its own.
_WRAPPERS = frozenset(
    {"sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "AlternateContent", "Choice"}
)
# Properties, what tracked changes took away, phonetic guides, and the copy of a drawing for old programs.
_UNREAD = frozenset({"pPr", "rPr", "sdtPr", "del", "moveFrom", "rt", "Fallback"})
_CHARACTERS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_BOXES = frozenset({"txbxContent", "chart", "relIds"})
_NOTES = {
    "footnoteReference": "footnote",
    "endnoteReference": "endnote",
    "commentReference": "comment",
}


@dataclass(frozen=True, slots=True)
class ParagraphText:
    """A paragraph's own text, what is anchored in it, and which notes it refers to, by kind and id."""

    text: str
    boxes: list["_Element"] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def read_paragraph(paragraph: "_Element") -> ParagraphText:
    """Return what a paragraph says, in the order in which it is read."""
    from lxml.etree import iterwalk

    parts: list[str] = []
    read = ParagraphText("")
    walk = iterwalk(paragraph, events=("start",))
    for _, element in walk:
        name = tag(element)
        if name == "t":
            parts.append(element.text or "")
        elif name in _BOXES:
            read.boxes.append(element)
            walk.skip_subtree()
        elif name in _NOTES:
            read.notes.append((_NOTES[name], attribute(element, "id")))
        elif name in _UNREAD:
            walk.skip_subtree()
        else:
            parts.append(_CHARACTERS.get(name, ""))
    return ParagraphText("".join(parts), read.boxes, read.notes)


def children(parent: "_Element", names: Iterable[str]) -> Iterator["_Element"]:
    """Yield the children with one of these names, also where a wrapper holds them."""
    for child in parent:
        name = tag(child)
        if name in names:
            yield child
        elif name in _WRAPPERS:
            yield from children(child, names)
