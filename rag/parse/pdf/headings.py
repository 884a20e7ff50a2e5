"""Find the headings of a PDF: by its outline, or by what is set larger or bolder than the text."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from rag.parse.pdf.lines import Spacing, begins_paragraph, drop_between, spacing
from rag.parse.pdf.outline import Entry, Span, headings_by_outline
from rag.parse.pdf.words import Line

Pages = Sequence[Sequence[Line]]
Style = tuple[float, bool]

_LARGER, _AS_LARGE = 1.15, 0.95  # than the text; bold lines need to be as large
_MOST_LINES, _MOST_CHARS, _MOST_BOLD_CHARS = 3, 150, 100
_LEAST_LETTERS = 0.6  # of a heading's characters: prices and dates are set large too
_MOST_OF_LINES = 0.3  # where more of the lines look like headings, size and weight mean something else
_OWN_LINE, _WIDE_GAP, _APART = 0.5, 1.5, 1.6  # in sizes of the letters
_DEEPEST = 6


def find_headings(pages: Pages, outline: Sequence[Entry]) -> list[list[Span]]:
    """Return the headings of every page, in order: the outline's if most of it is found on the pages.

    Otherwise they are short lines that stand apart, larger or bolder than the text; none where it is not
    sure which lines are headings.
    """
    return headings_by_outline(pages, outline) or _headings_by_style(pages)


def _headings_by_style(pages: Pages) -> list[list[Span]]:
    body = _body_style(pages)
    found = [_heading_spans(page, body) for page in pages]
    n_lines = sum(len(page) for page in pages)
    if sum(last - first + 1 for spans in found for first, last in spans) > _MOST_OF_LINES * n_lines:
        return [[] for _ in pages]
    levels = _levels(
        {_style(page[first]) for page, spans in zip(pages, found, strict=True) for first, _ in spans}
    )
    return [
        [Span(first, last, levels[_style(page[first])]) for first, last in spans]
        for page, spans in zip(pages, found, strict=True)
    ]


def _style(line: Line) -> Style:
    return round(line.size * 2) / 2, line.bold


def _body_style(pages: Pages) -> Style:
    counts: Counter[Style] = Counter()
    for page in pages:
        for line in page:
            counts[_style(line)] += len(line.text)
    return counts.most_common(1)[0][0] if counts else (0.0, False)


def _levels(styles: Collection[Style]) -> Mapping[Style, int]:
    ranked = sorted(styles, reverse=True)
    return {style: min(rank, _DEEPEST) for rank, style in enumerate(ranked, start=1)}


def _heading_spans(page: Sequence[Line], body: Style) -> list[tuple[int, int]]:
    usual = spacing(page)
    return [
        (first, last)
        for first, last in _runs(page, body)
        if _reads_as_heading(page[first : last + 1], body) and _stands_apart(page, first, last, usual, body)
    ]


def _runs(page: Sequence[Line], body: Style) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of the lines in one prominent style that follow each other."""
    runs: list[list[int]] = []
    for at, line in enumerate(page):
        if not _is_prominent(line, body):
            continue
        before = page[at - 1] if runs and runs[-1][1] == at - 1 else None
        if before and _style(before) == _style(line) and 0 < drop_between(before, line) < _APART * line.size:
            runs[-1][1] = at
        else:
            runs.append([at, at])
    yield from ((first, last) for first, last in runs)


def _is_prominent(line: Line, body: Style) -> bool:
    size, is_bold = _style(line)
    return _is_larger(line, body) or (is_bold and not body[1] and size >= _AS_LARGE * body[0])


def _is_larger(line: Line, body: Style) -> bool:
    return line.size >= _LARGER * body[0] > 0


def _reads_as_heading(lines: Sequence[Line], body: Style) -> bool:
    text = " ".join(line.text for line in lines)
    is_larger = _is_larger(lines[0], body)
    return (
        len(lines) <= _MOST_LINES
        and len(text) <= (_MOST_CHARS if is_larger else _MOST_BOLD_CHARS)
        and not text[0].islower()
        and not text.endswith((".", ",", ";", ":", "-", "\ufffe"))
        and sum(map(str.isalpha, text)) >= max(2, _LEAST_LETTERS * len(text.replace(" ", "")))
    )


def _stands_apart(page: Sequence[Line], first: int, last: int, usual: Spacing, body: Style) -> bool:
    """Return whether nothing is beside the lines; and, if they are only bold, that they open a paragraph."""
    above = page[first - 1] if first else None
    below = page[last + 1] if last + 1 < len(page) else None
    if any(line.gap > _WIDE_GAP * line.size for line in page[first : last + 1]):
        return False
    if (above and _beside(above, page[first])) or (below and _beside(page[last], below)):
        return False
    if _is_larger(page[first], body):
        return True
    drop = drop_between(above, page[first]) if above else -1.0
    return (drop < 0 or begins_paragraph(drop, usual)) and below is not None and not below.bold


def _beside(one: Line, other: Line) -> bool:
    return one.box is not None and abs(drop_between(one, other)) < _OWN_LINE * min(one.size, other.size)
