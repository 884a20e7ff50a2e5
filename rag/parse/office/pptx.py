"""Read PowerPoint presentations (.pptx, and .pptm, .potx, .ppsx and the like, which are the same inside)."""

from typing import IO, TYPE_CHECKING

from rag.parse.blocks import Block, Content
from rag.parse.office.ooxml import LIBRARY_FAILURES, POWERPOINT, open_office
from rag.parse.office.pptx_slide import is_hidden, read_slide
from rag.parse.paged import check_page_count, join_pages, named
from rag.parse.xml_tree import tag
from rag.parse.zips import damaged

if TYPE_CHECKING:
    from pptx.presentation import Presentation


def read_pptx(name: str, data: bytes) -> Content:
    """Return the slides of a presentation in their order, each a page under a heading: its title.

    On a slide, what stands higher comes first, then what stands further left; tables are as in
    write_table. Speaker notes ("Notes: …") and comments end a slide. Hidden slides are included, and
    noted. Slides that cannot be read are in `unreadable`; DamagedDocumentError when none can. Raises
    TooManyPagesError, WrongTypeError, and what open_office raises.
    """
    # Imported here, like every third-party parser: the server should start before it is needed.
    from pptx.exc import PythonPptxError

    presentation, _ = open_office(name, data, POWERPOINT, _open)
    marks = presentation.element.findall("./{*}sldIdLst/{*}sldId")
    check_page_count(name, len(marks), "slides")
    blocks: list[Block] = []
    hidden: list[int] = []
    unreadable: list[int] = []
    for number, mark in enumerate(marks, start=1):
        try:
            slide = presentation.part.related_slide(mark.rId)
            blocks += read_slide(slide, number)
        except (PythonPptxError, *LIBRARY_FAILURES):
            unreadable.append(number)
        else:
            hidden += [number] if is_hidden(slide) else []
    if marks and len(unreadable) == len(marks):
        raise damaged(name)
    notes = [f"Also read, though hidden: {named('slide', hidden)}."] if hidden else []
    return join_pages(blocks, page_count=len(marks), unreadable=unreadable, notes=notes)


def _open(package: IO[bytes]) -> "Presentation":
    import pptx
    from pptx.exc import PythonPptxError

    try:
        presentation = pptx.Presentation(package)
    except PythonPptxError as exc:
        raise ValueError("python-pptx does not open it") from exc
    if tag(presentation.element) != "presentation":
        raise ValueError("the main part is no presentation")
    return presentation
