"""Put the lines of a page set in columns into the order in which they are read.

Most files hold their text in that order. Some are written straight across the page, so that every line
of the left column is followed by its neighbour in the right one. Only these are put in order, and only
where both sides look like running text: the rows of a table have to stay rows.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import mean, median

from rag.parse.pdf.words import Line, Word, line_of

_LEFT, _RIGHT, _ACROSS = range(3)

_MOST_COLUMNS = 4
_LEAST_LINES = 5  # of a column
_LEAST_RETURNS = 3  # from the right side to the left: in order, there is one between two full-width lines
_GAP = 0.7  # between columns, in heights of a line
_EDGE_POINTS = 3.0  # how far apart left edges may be to be the same one
_FILLED = 0.55  # how full of its column's width the middle one of its lines is
_LEAST_CHARS, _LEAST_WORDS = 14, 2.5  # of a line of running text, on average
_GOING_ON = 0.25  # the share of its lines that begin inside of a sentence
_MOST_DIGITS = 0.2
# What a page has to be like whose lines do not go on, to be taken for columns all the same.
_MIDDLE = (0.38, 0.65)
_MANY_CHARS, _MANY_WORDS = 18, 3.5


def reading_order(lines: Sequence[Line], columns: int = _MOST_COLUMNS) -> list[Line]:
    """Return the lines column by column, between the lines that go across; as they are without columns."""
    lines = list(lines)
    if columns < 2:
        return lines
    for edge in _edges(lines):
        pieces = [piece for line in lines for piece in _cut(line, edge)]
        sides = [_side(piece, edge) for piece in pieces]
        if _returns(sides) >= _LEAST_RETURNS and _are_columns(pieces, sides, edge):
            return _by_column(pieces, sides, columns - 1)
    return lines


def _edges(lines: Sequence[Line]) -> list[float]:
    """Return where a column may begin: the left edges that most lines share, inside of the page."""
    boxes = [line.box for line in lines if line.box]
    if len(boxes) < _LEAST_LINES:
        return []
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    inner = [
        edge for edge in _starts(lines) if left + 0.15 * (right - left) < edge < right - 0.1 * (right - left)
    ]
    counts = Counter(round(edge / _EDGE_POINTS) for edge in inner)
    # An edge between two multiples is counted under both; the leftmost of the two starts it.
    shared = {at: count + counts[at + 1] for at, count in counts.items()}
    common = [at for at, count in shared.items() if count >= _LEAST_LINES]
    best = sorted(common, key=lambda at: -shared[at])[:4]
    return [min(edge for edge in inner if round(edge / _EDGE_POINTS) in (at, at + 1)) for at in best]


def _starts(lines: Sequence[Line]) -> Iterator[float]:
    """Yield the left edges of lines, and of words that stand apart from the one before."""
    for line in lines:
        if line.box:
            yield line.box.left
        if line.box and line.gap > _GAP * (line.box.top - line.box.bottom):
            for before, word in pairwise(line.words):
                if _apart(before, word):
                    yield word.box.left


def _apart(before: Word, word: Word) -> bool:
    return word.box.left - before.box.right > _GAP * (word.box.top - word.box.bottom)


def _cut(line: Line, edge: float) -> list[Line]:
    """Return the parts of a line before and after the gap that ends at `edge` or a little to its right."""
    for at, (before, word) in enumerate(pairwise(line.words), start=1):
        if word.box.left >= edge - _EDGE_POINTS:
            if before.box.right <= edge and _apart(before, word):
                return [line_of(part, line.size, line.bold) for part in (line.words[:at], line.words[at:])]
            break
    return [line]


def _side(line: Line, edge: float) -> int:
    if not line.box or line.box.right <= edge:
        return _LEFT
    return _RIGHT if line.box.left >= edge - _EDGE_POINTS else _ACROSS


def _returns(sides: Sequence[int]) -> int:
    return sum(before == _RIGHT and after == _LEFT for before, after in pairwise(sides))


def _are_columns(pieces: Sequence[Line], sides: Sequence[int], edge: float) -> bool:
    left, right = (
        [piece for piece, side in zip(pieces, sides, strict=True) if side == wanted and piece.box]
        for wanted in (_LEFT, _RIGHT)
    )
    if not _is_running_text(left) or not _is_running_text(right):
        return False
    if _goes_on(left) and _goes_on(right):
        return True
    # Without sentences that go on over the line's end, it has to be long lines on two halves of the page.
    boxes = [piece.box for piece in pieces if piece.box]
    begin, end = min(box.left for box in boxes), max(box.right for box in boxes)
    in_halves = _MIDDLE[0] < (edge - begin) / max(end - begin, 1) < _MIDDLE[1]
    return in_halves and _are_long(left) and _are_long(right)


def _is_running_text(lines: Sequence[Line]) -> bool:
    if len(lines) < _LEAST_LINES:
        return False
    widths = sorted(line.box.right - line.box.left for line in lines if line.box)
    text = "".join(line.text for line in lines)
    return (
        median(widths) >= _FILLED * widths[len(widths) * 9 // 10]
        and mean(len(line.text) for line in lines) >= _LEAST_CHARS
        and (mean(len(line.text.split()) for line in lines) >= _LEAST_WORDS or not text.isascii())
        and sum(map(str.isdigit, text)) <= _MOST_DIGITS * len(text)
    )


def _are_long(lines: Sequence[Line]) -> bool:
    return (
        mean(len(line.text) for line in lines) >= _MANY_CHARS
        and mean(len(line.text.split()) for line in lines) >= _MANY_WORDS
    )


def _goes_on(lines: Sequence[Line]) -> bool:
    """Return whether many lines begin in lower case, or in a script that has none."""
    inside = sum(line.text[0].isalpha() and not line.text[0].isupper() for line in lines)
    return inside >= _GOING_ON * len(lines)


def _by_column(pieces: Sequence[Line], sides: Sequence[int], columns: int) -> list[Line]:
    """Return the pieces between two full-width lines column by column, each in its order in the file."""
    across = [piece for piece, side in zip(pieces, sides, strict=True) if side == _ACROSS and piece.box]
    across.sort(key=lambda line: -_middle(line))
    ordered: list[Line] = []
    bands: list[tuple[list[Line], list[Line]]] = [([], []) for _ in range(len(across) + 1)]
    for piece, side in zip(pieces, sides, strict=True):
        if side != _ACROSS:
            above = sum(_middle(line) > _middle(piece) for line in across)
            bands[above][side].append(piece)
    for band, (left, right) in enumerate(bands):
        ordered += reading_order(left, columns) + reading_order(right, columns)
        ordered += across[band : band + 1]
    return ordered


def _middle(line: Line) -> float:
    return (line.box.bottom + line.box.top) / 2 if line.box else 0.0
