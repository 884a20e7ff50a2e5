"""What a Word document says beside its paragraphs: notes, comments, page headers and footers."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rag.parse.office.docx_text import read_paragraph
from rag.parse.office.ooxml import related
from rag.parse.tables import one_line
from rag.parse.xml_tree import attribute

if TYPE_CHECKING:
    from docx.opc.part import Part
    from lxml.etree import _Element

# Less than this is a page number, with words such as "Page 1 of 3" around it.
_LEAST_LETTERS = 12
_LEADERS = re.compile(r"\s*[_.·-]{4,}\s*")


class Notes:
    """The notes of the document whose main part is `part`."""

    def __init__(self, part: "Part") -> None:
        self._part = part
        self._by_mark = {
            (kind, attribute(note, "id")): line
            for kind in ("footnote", "endnote", "comment")
            for notes in related(part, f"{kind}s")
            for note in notes
            if (line := _note_line(kind, note))
        }

    def of(self, marks: Iterable[tuple[str, str]]) -> list[str]:
        """Return the notes that a paragraph refers to, each a line such as "Footnote: …"."""
        return [self._by_mark[mark] for mark in marks if mark in self._by_mark]

    def page_lines(self) -> list[str]:
        """Return what stands above and below the pages, each once, page numbers left out."""
        lines: dict[str, str] = {}
        for kind in ("header", "footer"):
            for root in related(self._part, kind):
                text = _LEADERS.sub(" ", _joined(root)).strip()
                # Sections have footers of their own, alike but for the numbers.
                letters = "".join(filter(str.isalpha, text)).lower()
                if len(letters) >= _LEAST_LETTERS:
                    lines.setdefault(letters, f"Page {kind}: {text}")
        return list(lines.values())


def _note_line(kind: str, note: "_Element") -> str:
    author = one_line(attribute(note, "author"))
    by = f" ({author})" if author and kind == "comment" else ""
    text = _joined(note)
    return f"{kind.capitalize()}{by}: {text}" if text else ""


def _joined(element: "_Element") -> str:
    paragraphs = (read_paragraph(paragraph).text for paragraph in element.iterfind(".//{*}p"))
    return one_line(" ".join(paragraphs))
