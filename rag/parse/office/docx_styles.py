"""What a Word document's styles say about its paragraphs: headings and list items; and about tables."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.parse.xml_tree import attribute

if TYPE_CHECKING:
    from lxml.etree import _Element

# Built-in styles keep their English names in the file, whatever the language of the program. Their ids
# are translated, but are all there is where the style itself is missing.
_HEADING = re.compile(r"heading ?([1-9])", re.IGNORECASE)
_BODY_TEXT = 9
_FIRST_ROW_BIT = 0x20


class Styles:
    """The paragraph and table styles of one document."""

    def __init__(self, styles: "_Element | None") -> None:
        found = () if styles is None else styles.iterfind("./{*}style")
        self._by_id = {attribute(style, "styleId"): style for style in found}

    def heading_level(self, paragraph: "_Element") -> int:
        """Return the level of the heading that `paragraph` is, 0 when it is none."""
        level = _outline_level(paragraph)
        for style in self._styles_of(paragraph) if level is None else ():
            level = _outline_level(style)
            if level is None:
                level = _named_level(_value(style, "./{*}name") or "")
            if level is not None:
                return level
        if level is None:
            level = _named_level(_value(paragraph, "./{*}pPr/{*}pStyle") or "")
        return level or 0

    def is_list_item(self, paragraph: "_Element") -> bool:
        """Return whether `paragraph` or the nearest of its styles that says so is numbered or bulleted."""
        for element in (paragraph, *self._styles_of(paragraph)):
            number = _value(element, "./{*}pPr/{*}numPr/{*}numId")
            if number is not None:
                # The number 0 takes an item out of the list that its style puts it in.
                return number != "0"
        return False

    def sets_off_first_row(self, table: "_Element") -> bool:
        """Return whether the first row of `table` is made to look like a header, by the table's style."""
        look = table.find("./{*}tblPr/{*}tblLook")
        if look is None or not _is_first_row(look):
            return False
        styles = self._chain(_value(table, "./{*}tblPr/{*}tblStyle"))
        parts = (part for style in styles for part in style.iterfind("./{*}tblStylePr"))
        return any(attribute(part, "type") == "firstRow" for part in parts)

    def _styles_of(self, paragraph: "_Element") -> Iterator["_Element"]:
        return self._chain(_value(paragraph, "./{*}pPr/{*}pStyle"))

    def _chain(self, style_id: str | None) -> Iterator["_Element"]:
        """Yield the style and those that it is based on, nearest first."""
        seen = set[str]()
        while style_id and style_id not in seen and (style := self._by_id.get(style_id)) is not None:
            seen.add(style_id)
            yield style
            style_id = _value(style, "./{*}basedOn")


def _value(element: "_Element", path: str) -> str | None:
    found = element.find(path)
    return None if found is None else attribute(found, "val")


def _outline_level(element: "_Element") -> int | None:
    """Return 1 to 9 for an outline level, 0 for what is marked as body text, None when nothing is said."""
    value = _value(element, "./{*}pPr/{*}outlineLvl")
    if value is None or not value.isdecimal():
        return None
    return int(value) + 1 if int(value) < _BODY_TEXT else 0


def _is_first_row(look: "_Element") -> bool:
    if said := attribute(look, "firstRow"):
        return said in ("1", "true", "on")
    # Until Word 2010, bits of one number.
    bits = attribute(look, "val") or "0"
    return bool(re.fullmatch("[0-9A-Fa-f]{1,8}", bits) and int(bits, 16) & _FIRST_ROW_BIT)


def _named_level(name: str) -> int | None:
    if name.lower() == "title":
        return 1
    match = _HEADING.fullmatch(name)
    return int(match[1]) if match else None
