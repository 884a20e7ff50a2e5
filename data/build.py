"""Build the PDF and Word samples from their Markdown sources: the same sources give the same bytes.

`python data/build.py` rewrites the files in `samples/`. The sources use a small part of Markdown:
`#` and `##` headings, paragraphs of one line, tables, and `<<<` for a new page.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import docx
from docx.enum.style import WD_STYLE_TYPE
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate

DATA = Path(__file__).resolve().parent
PDF_SOURCES = {
    "ricettario-di-casa": "it",
    "regolamento-condominio": "it",
    "espresso-machine-manual": "en",
    "clock-museum-guide": "en",
}
DOCX_SOURCES = {"dispense-corso-di-cucina": "it", "museo-della-carta": "it", "employee-handbook": "en"}

_TABLE_STYLE = "Light Grid Accent 1"
_AUTHOR = "RerankLens samples"
_DATE = datetime(2026, 3, 2, 9, 0, 0)
_TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=13, leading=18, spaceAfter=12)
_HEADING = ParagraphStyle(
    "heading",
    fontName="Helvetica-Bold",
    fontSize=12,
    leading=16,
    spaceBefore=14,
    spaceAfter=6,
    keepWithNext=1,
)
_BODY = ParagraphStyle(
    "body", fontName="Times-Roman", fontSize=11, leading=15.5, spaceAfter=8, alignment=TA_JUSTIFY
)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a source: `kind` is title, heading, paragraph, table or page; `rows` are a table's."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def blocks(source: str) -> Iterator[Block]:
    """Yield the blocks of `source` in order."""
    for piece in source.strip().split("\n\n"):
        if piece == "<<<":
            yield Block("page")
        elif piece.startswith("# "):
            yield Block("title", piece[2:])
        elif piece.startswith("## "):
            yield Block("heading", piece[3:])
        elif piece.startswith("|"):
            rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in piece.split("\n")]
            yield Block("table", rows=(rows[0], *rows[2:]))
        else:
            yield Block("paragraph", piece)


def pdf(source: str, language: str) -> bytes:
    """Return `source` as a PDF of A5 pages with numbered footers."""
    story = list(blocks(source))
    buffer = io.BytesIO()
    # Uncompressed, because another zlib may compress to other bytes.
    template = SimpleDocTemplate(
        buffer,
        pagesize=A5,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        leftMargin=17 * mm,
        rightMargin=17 * mm,
        title=story[0].text,
        author=_AUTHOR,
        lang=language,
        invariant=1,
        pageCompression=0,
    )
    footer = _footer(story[0].text)
    template.build([_flowable(block) for block in story], onFirstPage=footer, onLaterPages=footer)
    return buffer.getvalue()


def _flowable(block: Block) -> Flowable:
    if block.kind == "page":
        return PageBreak()
    style = {"title": _TITLE, "heading": _HEADING, "paragraph": _BODY}[block.kind]
    return Paragraph(escape(block.text, quote=False), style)


def _footer(title: str) -> Callable[[Any, Any], None]:
    def draw(canvas: Any, template: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawCentredString(A5[0] / 2, 11 * mm, f"{title} – {template.page}")

    return draw


def word(source: str, language: str) -> bytes:
    """Return `source` as a Word document with heading styles and real tables."""
    document = _lean_document()
    for block in blocks(source):
        if block.kind == "table":
            _add_table(document, block.rows)
        elif block.kind == "paragraph":
            document.add_paragraph(block.text)
        else:
            document.add_heading(block.text, level=1 if block.kind == "title" else 2)
    properties = document.core_properties
    properties.title = next(blocks(source)).text
    properties.author = properties.last_modified_by = _AUTHOR
    properties.language = language
    properties.comments = ""
    properties.created = properties.modified = _DATE
    buffer = io.BytesIO()
    document.save(buffer)
    return _with_fixed_times(buffer.getvalue())


def _lean_document() -> Any:
    """Return an empty document without the nine tenths of the template that no sample uses."""
    document = docx.Document()
    for style in list(document.styles):
        if style.type == WD_STYLE_TYPE.TABLE and style.name not in ("Normal Table", _TABLE_STYLE):
            style.delete()
    for key, relation in list(document.part.rels.items()):
        if relation.reltype.endswith("/stylesWithEffects"):
            del document.part.rels[key]
    return document


def _add_table(document: Any, rows: tuple[tuple[str, ...], ...]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style=_TABLE_STYLE)
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _with_fixed_times(archive: bytes) -> bytes:
    """Return the zip `archive` with every entry dated alike and, like the PDFs, uncompressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(buffer, "w") as after:
        for name in before.namelist():
            after.writestr(zipfile.ZipInfo(name, _DATE.timetuple()[:6]), before.read(name))
    return buffer.getvalue()


def build() -> dict[str, bytes]:
    """Return the built samples, by file name."""
    built = {}
    for name, language in PDF_SOURCES.items():
        built[f"{name}.pdf"] = pdf((DATA / "sources" / f"{name}.md").read_text("utf-8"), language)
    for name, language in DOCX_SOURCES.items():
        built[f"{name}.docx"] = word((DATA / "sources" / f"{name}.md").read_text("utf-8"), language)
    return built


if __name__ == "__main__":
    for file_name, content in build().items():
        (DATA / "samples" / file_name).write_bytes(content)
