"""Small PDF files, made on the spot."""

import io
from collections.abc import Callable, Iterable

from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = 612, 792


def drawn(*pages: Callable[[Canvas], object], password: str | None = None) -> bytes:
    """Return a PDF with a page for each function, which draws it."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), encrypt=password)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def pdf_of(*pages: str, password: str | None = None) -> bytes:
    """Return a PDF with a line of text on each page, a drawing alone where the text is empty."""

    def page(text: str) -> Callable[[Canvas], object]:
        return lambda canvas: (canvas.rect(50, 50, 100, 100), canvas.drawString(72, 700, text))

    return drawn(*map(page, pages), password=password)


def write(canvas: Canvas, lines: Iterable[str], *, x: float = 72, y: float = 700, pitch: float = 13) -> float:
    """Draw the lines below each other, and return the height of the next one."""
    for line in lines:
        canvas.drawString(x, y, line)
        y -= pitch
    return y


def wrapped(text: str, width: float = 225) -> list[str]:
    """Return `text` in lines no wider than `width`, in ten-point Helvetica."""
    return [str(line) for line in simpleSplit(text, "Helvetica", 10, width)]
