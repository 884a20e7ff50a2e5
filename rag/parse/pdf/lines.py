"""Make paragraphs of the lines on a page of a PDF."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag.parse.pdf.words import Line

# pdfium writes U+FFFE for the hyphen at the end of a line that it joined to the next one.
_SPLIT_WORD = re.compile(r"(?<=[^\W\d_A-Z])(?:\ufffe *\n?|[-\u00ad\u2010] *\n)(?=[^\W\d_A-Z])")
_HYPHEN = re.compile(r"\ufffe *\n?(?=\S)|\ufffe")
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "。", "！", "？")

# A line shorter than this share of a long one ends its paragraph. Some lines of a page may be longer: those
# that go across two columns.
_FULL_LINE, _LONG_LINE = 0.6, 0.85
# Lines of one paragraph are a pitch apart. Half a pitch upwards begins another column.
_PARAGRAPH_GAP = 1.3
_COLUMN_RISE = -0.5


@dataclass(frozen=True, slots=True)
class Spacing:
    """What is usual on a page: the `pitch` from line to line in points, and how many letters fill a line."""

    pitch: float
    full: float


def spacing(lines: Sequence[Line]) -> Spacing:
    """Return what is usual among `lines`, those of a page; `pitch` is 0 where it is not known."""
    drops = [drop for above, below in pairwise(lines) if (drop := drop_between(above, below)) > 0]
    lengths = sorted(len(line.text) for line in lines) or [0]
    return Spacing(median(drops or [0.0]), _FULL_LINE * lengths[int(_LONG_LINE * len(lengths))])


def drop_between(above: Line, below: Line) -> float:
    """Return how far down the page the second line is, 0 where that is not known."""
    return above.box.bottom - below.box.bottom if above.box and below.box else 0.0


def begins_paragraph(drop: float, usual: Spacing) -> bool:
    """Return whether a line so far down from the one before it begins a paragraph."""
    return drop > _PARAGRAPH_GAP * usual.pitch


def flow(lines: Sequence[Line], usual: Spacing | None = None) -> str:
    """Return the lines with blank lines between paragraphs, and split words whole again.

    Two lines become one only where the sentence clearly goes on; elsewhere the break is kept. `usual` is
    that of the page whose part `lines` are; without it they are a page.
    """
    if not lines:
        return ""
    usual = usual or spacing(lines)
    parts = [lines[0].text]
    for above, below in pairwise(lines):
        drop = drop_between(above, below)
        goes_on = len(above.text) >= usual.full and _goes_on(above.text, below.text)
        if above.text.endswith("\ufffe"):
            parts.append("\n")
        elif begins_paragraph(drop, usual) or (drop < _COLUMN_RISE * usual.pitch and not goes_on):
            parts.append("\n\n")
        else:
            parts.append(" " if goes_on else "\n")
        parts.append(below.text)
    return _HYPHEN.sub("-", _SPLIT_WORD.sub("", "".join(parts)))


def _goes_on(above: str, below: str) -> bool:
    return below[:1].islower() and not above.endswith((*_SENTENCE_ENDS, "-", "\u2010"))
