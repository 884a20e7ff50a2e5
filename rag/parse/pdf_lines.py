"""Make paragraphs of the lines on a page of a PDF."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

# pdfium writes U+FFFE for the hyphen at the end of a line that it joined to the next one.
_SPLIT_WORD = re.compile(r"(?<=[^\W\d_A-Z])(?:\ufffe|[-\u00ad\u2010] *\n)(?=[^\W\d_A-Z])")
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "。", "！", "？")

# A line shorter than this share of the page's longest one ends its paragraph.
_FULL_LINE = 0.6
# Lines of one paragraph are a pitch apart. Half a pitch upwards begins another column.
_PARAGRAPH_GAP = 1.3
_COLUMN_RISE = -0.5


@dataclass(frozen=True, slots=True)
class Line:
    """A line as pdfium sees it, and how high on the page its first and its last character stand.

    The heights differ where pdfium joined lines at a hyphen; they are None where it knows none.
    """

    text: str
    first_y: float | None = None
    last_y: float | None = None


def flow(lines: Sequence[Line]) -> str:
    """Return the lines with blank lines between paragraphs, and split words whole again.

    Two lines become one only where the sentence clearly goes on; elsewhere the break is kept.
    """
    if not lines:
        return ""
    gaps = [_gap(above, below) for above, below in pairwise(lines)]
    pitch = median([gap for gap in gaps if gap > 0] or [0])
    full = _FULL_LINE * max(len(line.text.strip()) for line in lines)
    parts = [lines[0].text.strip()]
    for gap, (above, below) in zip(gaps, pairwise(lines), strict=True):
        goes_on = len(above.text.strip()) >= full and _goes_on(above.text.strip(), below.text.strip())
        if gap > _PARAGRAPH_GAP * pitch or (gap < _COLUMN_RISE * pitch and not goes_on):
            parts.append("\n\n")
        else:
            parts.append(" " if goes_on else "\n")
        parts.append(below.text.strip())
    return _SPLIT_WORD.sub("", "".join(parts)).replace("\ufffe", "-")


def _gap(above: Line, below: Line) -> float:
    """Return how far down the page the next line is, 0 where that is not known."""
    if above.last_y is None or below.first_y is None:
        return 0.0
    return above.last_y - below.first_y


def _goes_on(above: str, below: str) -> bool:
    return below[:1].islower() and not above.endswith((*_SENTENCE_ENDS, "-", "\u2010"))
