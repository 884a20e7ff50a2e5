"""What a Word document's styles say about its paragraphs: headings and list items."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

# Built-in styles keep their English names in the file, whatever the language of the program. Their ids
# are translated, but are all there is where the style itself is missing.
_HEADING = re.compile(r"heading ?([1-9])", re.IGNORECASE)
_BODY_TEXT = 9


class Styles:
    """The paragraph styles of one document."""

    def __init__(self, styles: "_Element") -> None:
        self._by_id = {attribute(style, "styleId"): style for style in styles.iterfind("./{*}style")}

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

    def _styles_of(self, paragraph: "_Element") -> list["_Element"]:
        """Return the paragraph's style and those that it is based on, nearest first."""
        chain: list[_Element] = []
        style_id = _value(paragraph, "./{*}pPr/{*}pStyle")
        while (style := self._by_id.get(style_id)) is not None and style not in chain:
            chain.append(style)
            style_id = _value(style, "./{*}basedOn")
        return chain


def local_name(element: "_Element") -> str:
    """Return an element's name without its namespace; nothing for a comment or an entity."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: "_Element", name: str) -> str | None:
    """Return an attribute by its name in the element's own namespace."""
    namespace = str(element.tag).rpartition("}")[0]
    value = element.get(f"{namespace}}}{name}")
    return None if value is None else str(value)


def _value(element: "_Element", path: str) -> str | None:
    found = element.find(path)
    return None if found is None else attribute(found, "val")


def _outline_level(element: "_Element") -> int | None:
    """Return 1 to 9 for an outline level, 0 for what is marked as body text, None when nothing is said."""
    value = _value(element, "./{*}pPr/{*}outlineLvl")
    if value is None or not value.isdecimal():
        return None
    return int(value) + 1 if int(value) < _BODY_TEXT else 0


def _named_level(name: str) -> int | None:
    if name.lower() == "title":
        return 1
    match = _HEADING.fullmatch(name)
    return int(match[1]) if match else None
