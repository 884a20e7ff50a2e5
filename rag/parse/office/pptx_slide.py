"""Read one slide of a PowerPoint presentation.

python-pptx opens it, and knows its shapes, their places, tables and notes. What it has no notion of is
read from the XML: diagrams, comments, shapes that have a copy for old programs, and, as it reads only
some kinds of charts, the figures of charts.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.parse.blocks import Block
from rag.parse.office.drawing import chart_lines, diagram_lines, paragraphs
from rag.parse.office.ooxml import named_part, related
from rag.parse.office.pptx_order import in_reading_order
from rag.parse.tables import Merged, Row, one_line, write_table
from rag.parse.xml_tree import tag

if TYPE_CHECKING:
    from lxml.etree import _Element
    from pptx.shapes.base import BaseShape
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.slide import Slide

_TITLES = ("TITLE", "CENTER_TITLE")
_TRUE = ("1", "true")
# What stands on every slide alike.
_FURNITURE = ("DATE", "FOOTER", "HEADER", "SLIDE_NUMBER")


def is_hidden(slide: "Slide") -> bool:
    """Return whether a slide is left out when the presentation is shown."""
    return slide.element.get("show") in ("0", "false")


def read_slide(slide: "Slide", number: int) -> list[Block]:
    """Return what the slide says, under its title; nothing when it says nothing."""
    _choose(slide.element)
    shapes = in_reading_order(slide.shapes)
    titles = (one_line(" ".join(paragraphs(shape.element))) for shape in shapes if _role(shape) in _TITLES)
    title = next(titles, "")
    texts = [text for shape in shapes if _role(shape) not in _TITLES for text in _texts(shape)]
    texts += [*_notes(slide), *_comments(slide)]
    if not title and not any(texts):
        return []
    # Without a heading of its own, a slide would seem to belong under the one before.
    heading = Block(title or f"Slide {number}", level=1, page=number)
    return [heading, *(Block(text, page=number) for text in texts)]


def _choose(root: "_Element") -> None:
    """Put what is newer in the place of what holds it and its copy for old programs."""
    for holder in list(root.iter("{*}AlternateContent")):
        choices = (list(choice) for choice in holder if tag(choice) in ("Choice", "Fallback"))
        for element in next(filter(None, choices), []):
            holder.addprevious(element)
        holder.getparent().remove(holder)


def _role(shape: "BaseShape") -> str:
    """Return what a shape is to the layout of its slide, such as "TITLE"; nothing when it is of its own."""
    return shape.placeholder_format.type.name if shape.is_placeholder else ""


def _texts(shape: "BaseShape") -> Iterator[str]:
    """Yield what a shape says: a text frame, a table, a chart, a diagram, or a group of such."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.shapes.group import GroupShape

    match shape:
        case _ if _role(shape) in _FURNITURE:
            return
        case GroupShape():
            for inner in in_reading_order(shape.shapes):
                yield from _texts(inner)
        case Shape():
            yield "\n".join(paragraphs(shape.element))
        case GraphicFrame() if shape.has_table:
            rows = [_row(row) for row in shape.element.iterfind(".//{*}tbl/{*}tr")]
            yield "\n".join(write_table(rows, n_header=int(shape.table.first_row)).lines)
        case GraphicFrame():
            yield from _drawn(shape)


def _drawn(frame: "GraphicFrame") -> Iterator[str]:
    for element in frame.element.iterfind("./{*}graphic/{*}graphicData/*"):
        drawn = {"chart": ("id", chart_lines), "relIds": ("dm", diagram_lines)}.get(tag(element))
        part = None if drawn is None else named_part(frame.part, element, drawn[0])
        if drawn is not None and part is not None:
            yield "\n".join(drawn[1](part))


def _row(row: "_Element") -> Row:
    cells: dict[int, str | Merged] = {}
    for column, cell in enumerate(row.iterfind("./{*}tc")):
        if cell.get("vMerge") in _TRUE:
            cells[column] = Merged.ABOVE
        elif cell.get("hMerge") in _TRUE:
            cells[column] = Merged.LEFT
        elif text := one_line(" ".join(paragraphs(cell))):
            cells[column] = text
    return Row(cells)


def _notes(slide: "Slide") -> Iterator[str]:
    shape = slide.notes_slide.notes_placeholder if slide.has_notes_slide else None
    if shape is not None and (lines := list(paragraphs(shape.element))):
        yield "Notes: " + "\n".join(lines)


def _comments(slide: "Slide") -> Iterator[str]:
    for comments in related(slide.part, "comments"):
        for comment in comments.iterfind("./{*}cm"):
            text = one_line(comment.findtext("./{*}text") or " ".join(paragraphs(comment)))
            if text:
                yield f"Comment: {text}"
