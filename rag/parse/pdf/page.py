"""Draw a page of a PDF, with the passages that were found marked on it."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rag.errors import DamagedDocumentError
from rag.parse.clean import clean
from rag.parse.pdf.columns import reading_order
from rag.parse.pdf.open import loaded_page, opened
from rag.parse.pdf.words import Box, frame_of, read_lines

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfPage

_LEAST_WIDTH, _MOST_WIDTH, _MOST_HEIGHT, _MOST_PIXELS = 50, 3_000, 10_000, 8_000_000
_LARGEST_POINTS = 1e7
_LEAST_MARK = 2  # characters: a lone letter or digit is found everywhere
_YELLOW = (255, 236, 110)
_MARGIN = 1.0  # points around a marked line
# What cleaning and joining lines may have changed: hyphens too, as a split word loses its own.
_SQUEEZED = re.compile("[\\s\ufffe\u00ad\u2010\u2011-]+")


def render_page(
    data: bytes, page: int, *, marks: Sequence[str], width: int, password: str | None = None
) -> bytes:
    """Return page `page`, counted from 1, as a PNG, with the places of the texts `marks` highlighted.

    The marks are lines as `read_pdf` returns them, in their order; those that are not on the page are
    passed over. The image is `width` pixels wide, from 50 to 3,000; less where the page is very tall.
    Raises DamagedDocumentError where there is no such page or it cannot be drawn, or as `read_pdf` does.
    """
    with opened("The document", data, password) as pdf:
        if not 1 <= page <= len(pdf):
            raise DamagedDocumentError(
                f"There is no page {page} to draw: the document has pages 1 to {len(pdf)}."
            )
        with loaded_page(pdf, page - 1) as loaded:
            if loaded is None:
                raise DamagedDocumentError(
                    f"Page {page} cannot be drawn: the file is damaged there. Read its text instead."
                )
            image = _highlighted(_draw(loaded, width), loaded, _places(loaded, marks))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _draw(page: "PdfPage", width: int) -> "Image":
    # A page may claim to be kilometres wide, and an image of it would take all the memory there is.
    page_width, page_height = (min(max(1.0, side), _LARGEST_POINTS) for side in page.get_size())
    scale = min(max(width, _LEAST_WIDTH), _MOST_WIDTH) / page_width
    scale = min(scale, _MOST_HEIGHT / page_height, (_MOST_PIXELS / (page_width * page_height)) ** 0.5)
    bitmap = page.render(scale=scale, rev_byteorder=True)
    try:
        image: Image = bitmap.to_pil().convert("RGB")
    finally:
        bitmap.close()
    return image


def _highlighted(image: "Image", page: "PdfPage", boxes: Iterable[Box]) -> "Image":
    """Return the image multiplied with yellow there, as a felt pen does: black letters stay black."""
    from PIL import Image, ImageChops, ImageDraw

    felt = Image.new("RGB", image.size, "white")
    draw = ImageDraw.Draw(felt)
    shown = frame_of(page)
    across = image.width / max(shown.right - shown.left, 1.0)
    down = image.height / max(shown.top - shown.bottom, 1.0)
    for box in boxes:
        left, right = (box.left - _MARGIN - shown.left) * across, (box.right + _MARGIN - shown.left) * across
        upper, lower = sorted(((shown.top - box.top) * down, (shown.top - box.bottom) * down))
        draw.rectangle((left, upper, right, lower), _YELLOW)
    return ImageChops.multiply(image, felt)


def _places(page: "PdfPage", marks: Sequence[str]) -> Iterator[Box]:
    """Yield a box for each line, or part of one, that is in the marks."""
    letters: list[str] = []
    owners: list[int] = []
    placed: list[tuple[Box, int]] = []
    for number, line in enumerate(reading_order(read_lines(page, every_word=True))):
        for word in line.words:
            squeezed = _squeeze(word.text)
            letters.append(squeezed)
            owners += [len(placed)] * len(squeezed)
            placed.append((word.box, number))
    chosen = sorted({owners[at] for span in _spans("".join(letters), marks) for at in span})
    for _, group in groupby(chosen, key=lambda word: placed[word][1]):
        boxes = [placed[word][0] for word in group]
        yield Box(
            min(box.left for box in boxes),
            min(box.bottom for box in boxes),
            max(box.right for box in boxes),
            max(box.top for box in boxes),
        )


def _spans(text: str, marks: Sequence[str]) -> Iterator[range]:
    """Yield where in the squeezed `text` each mark stands, after the one before if it can be."""
    wanted = [_squeeze(mark) for mark in marks]
    whole = "".join(wanted)
    # All of them at once is surer: a short line may stand on the page twice.
    if whole and (start := text.find(whole)) >= 0:
        yield range(start, start + len(whole))
        return
    reached = 0
    for mark in wanted:
        start = text.find(mark, reached)
        if start < 0:
            start = text.find(mark)
        if len(mark) >= _LEAST_MARK and start >= 0:
            reached = start + len(mark)
            yield range(start, reached)


def _squeeze(text: str) -> str:
    return _SQUEEZED.sub("", clean(text))
