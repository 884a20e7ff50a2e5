"""Find the lines in the margins of the pages of a PDF."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.parse.pdf.lines import begins_paragraph, drop_between, spacing
from rag.parse.pdf.words import Box, Line

Pages = Sequence[Sequence[Line]]

_MARGIN = 0.12  # of the page's height, at the top and at the bottom
_OUTERMOST = 4  # lines in it at most
_WIDE_GAP = 2.5  # in sizes of the letters: what parts the margin from the text on a page of few lines


@dataclass(frozen=True, slots=True)
class Place:
    """A line near the edge of a page: page and line by their index, and how many are farther out."""

    page: int
    line: int
    rank: int


def in_margins(pages: Pages, frames: Sequence[Box], *, at_top: bool) -> Iterator[Place]:
    """Yield the lines in the margin of each page that a gap parts from its text, the outermost first."""
    for number, (page, frame) in enumerate(zip(pages, frames, strict=True)):
        depth = _MARGIN * (frame.top - frame.bottom)
        edge = frame.top - depth if at_top else frame.bottom + depth
        placed = sorted(((line.box.bottom, at) for at, line in enumerate(page) if line.box), reverse=at_top)
        outer = [at for bottom, at in placed if (bottom > edge if at_top else bottom < edge)]
        n_apart = _before_gap(page, [at for _, at in placed], len(outer))
        for rank, at in enumerate(outer[:n_apart]):
            yield Place(number, at, rank)


def _before_gap(page: Sequence[Line], inwards: Sequence[int], n_outer: int) -> int:
    """Return how many of the outer lines a gap parts from the text; 0 where they run into it."""
    usual = spacing(page)
    for n_lines in range(min(n_outer, _OUTERMOST, len(inwards) - 1), 0, -1):
        outer, inner = page[inwards[n_lines - 1]], page[inwards[n_lines]]
        gap = abs(drop_between(outer, inner))
        if begins_paragraph(gap, usual) or gap > _WIDE_GAP * outer.size > 0:
            return n_lines
    return 0
