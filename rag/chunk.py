"""Split documents into chunks that the models can read whole."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rag.errors import LibraryError
from rag.records import DEFAULT_CHUNKING, Chunk, Chunking, Document

# Tokens, by the embedder's own count and without special tokens. With the longest chunk, a question of
# up to 125 tokens still fits into a window of 512.
MAX_TOKENS = 384
_SECTION = (100, 220)  # a chunk with this share of the target ends at the next heading
_LEAST_ROOM = 16  # no embedder reads less
_STRETCH = 1.3  # a section this much over the target stays whole: a short tail would say little
TARGETS = range(50, int(MAX_TOKENS / _STRETCH) + 1)  # that may be chosen
_WINDOW = 0.6  # a break is looked for from this share of the target on

# How good a place for a break is. Inside a word is the last resort.
_INSIDE, _WORD, _LINE, _SENTENCE, _PARAGRAPH, _HEADING = range(-1, 5)

_TITLE_CHARS = 80
_CELL_BORDER = " | "  # as the readers of all formats write a table's rows

# Text that a tokenizer reads as one unknown token, or not at all (base64, emoji runs), is cut into
# pieces of this many characters, each taken for as many tokens as plain text would have.
_PIECE_CHARS = 200
_PIECE_TOKENS = 50

_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s*$")
_WIDE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # written without spaces
_WIDE_CHAR = re.compile(f"[{_WIDE}。！？、]")
_WIDE_END = re.compile("[。！？]$")

Offsets = Callable[[str], Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class _Limits:
    """How long chunks are, in tokens: about `target`, with `overlap` of the one before, never over `most`.

    A chunk that holds `section` ends at the next heading.
    """

    most: int
    target: int
    overlap: int
    section: int


@dataclass(frozen=True, slots=True)
class _Units:
    """A document's tokens, as places where it may be cut.

    `starts` are character positions, ascending, and end with the length of the text; `breaks[i]` says
    how good a cut before unit i is; `weights[i]` counts the tokens before unit i.
    """

    starts: list[int]
    breaks: list[int]
    weights: list[int]


def split(
    document: Document, offsets: Offsets, *, room: int = MAX_TOKENS, chunking: Chunking = DEFAULT_CHUNKING
) -> tuple[Chunk, ...]:
    """Return the chunks of `document`, in order: of about `chunking.target` tokens, never over 384 or `room`.

    `offsets` gives the character spans of a text's tokens, as `Embedder.offsets` does; `room` is how many
    of them the embedder reads, and in a small one the chunks are shorter throughout. A chunk ends at
    a heading, paragraph, sentence or line before it ends at a word. Inside a section each chunk begins
    with up to `chunking.overlap` tokens of the one before; every character but white space is in some chunk.
    """
    text = document.text
    limits = _limits(room, chunking)
    units = _measure(document, offsets, limits)
    paths = _heading_paths(document)
    chunks: list[Chunk] = []
    first, n_units = 0, len(units.starts) - 1
    while first < n_units:
        last = _end_of_chunk(units, first, limits)
        while (tokens := len(offsets(text[units.starts[first] : units.starts[last]]))) > limits.most:
            if last == first + 1:
                break
            last = _best_break(units, first, int((last - first) * 0.4), int((last - first) * 0.8))
        start, end = _strip(text, units.starts[first], units.starts[last])
        if start < end:
            chunks.append(_chunk(document, paths, start, end, tokens))
        at_end = units.breaks[last] == _HEADING or last == n_units
        first = last if at_end else _overlap(units, first, last, limits)
    return tuple(chunks)


def check_chunking(chunking: Chunking) -> None:
    """Raise LibraryError unless chunks can be cut so."""
    if chunking.target not in TARGETS or not 0 <= chunking.overlap <= chunking.target // 2:
        raise LibraryError(
            f"Expected chunks of {TARGETS[0]} to {TARGETS[-1]} tokens that overlap by at most half of that, "
            f"found {chunking.target} tokens and an overlap of {chunking.overlap}."
        )


def _limits(room: int, chunking: Chunking) -> _Limits:
    """Return the limits for an embedder that reads `room` tokens."""
    most = min(MAX_TOKENS, max(room, _LEAST_ROOM))
    # A section that stays whole should fit too.
    share = min(1.0, most / (chunking.target * _STRETCH))
    section = chunking.target * _SECTION[0] / _SECTION[1]
    return _Limits(most, int(chunking.target * share), int(chunking.overlap * share), int(section * share))


def _measure(document: Document, offsets: Offsets, limits: _Limits) -> _Units:
    text = document.text
    # A piece has about a token for each character at the worst.
    spans = list(_pieces(text, offsets(text), min(_PIECE_CHARS, limits.most)))
    headings = [heading.start for heading in document.headings]
    starts = [0] + [start for start, _, _ in spans[1:]] + [len(text)] if spans else [0]
    breaks = [_HEADING]
    for (_, end, _), (start, _, _) in pairwise(spans):
        at_heading = bisect_left(headings, end) < bisect_right(headings, start)
        breaks.append(_HEADING if at_heading else _break_between(text, end, start))
    breaks.append(_HEADING)
    weights = list(accumulate((tokens for _, _, tokens in spans), initial=0))
    return _Units(starts, breaks, weights)


def _pieces(text: str, spans: Sequence[tuple[int, int]], most_chars: int) -> list[tuple[int, int, int]]:
    """Return `spans` as (start, end, tokens) that begin where the one before ended or later.

    Tokens that share characters become one; stretches without a break that are longer than `most_chars`
    are cut.
    """
    most_tokens = most_chars * _PIECE_TOKENS // _PIECE_CHARS
    pieces: list[tuple[int, int, int]] = []
    reached = 0
    for start, end in [*spans, (len(text), len(text))]:
        for at in _uncovered(text, reached, start, most_chars):
            pieces.append((at, min(at + most_chars, start), most_tokens))
        if end - start > most_chars:
            cuts = range(start, end, most_chars)
            pieces += [(at, min(at + most_chars, end), most_tokens) for at in cuts]
        elif start < reached and pieces:
            before = pieces.pop()
            pieces.append((before[0], max(before[1], end), before[2] + 1))
        elif start < end:
            pieces.append((start, end, 1))
        reached = max(reached, end)
    return pieces or ([(0, len(text), 1)] if text.strip() else [])


def _uncovered(text: str, start: int, end: int, most_chars: int) -> Sequence[int]:
    """Return where to cut a stretch that has no token; none when it is short or only white space."""
    if end - start <= most_chars:
        return ()
    left, right = _strip(text, start, end)
    return range(left, right, most_chars)


def _break_between(text: str, end: int, start: int) -> int:
    gap = text[end:start]
    tail = text[max(0, end - 8) : end]
    if gap.count("\n") > 1 and not _looks_like_title(text, end):
        return _PARAGRAPH
    if (gap and _SENTENCE_END.search(tail)) or _WIDE_END.search(tail):
        return _SENTENCE
    if "\n" in gap:
        # Below a sentence's end: in wrapped text and in PDF files, lines end anywhere. A table's rows do not.
        return _SENTENCE if _CELL_BORDER in text[text.rfind("\n", 0, end) + 1 : end] else _LINE
    wide = _WIDE_CHAR.match(text, end - 1) or _WIDE_CHAR.match(text, start)
    return _WORD if gap or wide else _INSIDE


def _looks_like_title(text: str, end: int) -> bool:
    """Return whether the line that ends here is short and no sentence: it belongs to what follows.

    PDF and plain text have no marked headings, and a chunk should not end with one.
    """
    line = text[text.rfind("\n", 0, end) + 1 : end]
    return len(line) <= _TITLE_CHARS and not _SENTENCE_END.search(line)


def _end_of_chunk(units: _Units, first: int, limits: _Limits) -> int:
    """Return the unit before which the chunk that begins at unit `first` should end."""
    base, n_units = units.weights[first], len(units.starts) - 1
    section_end = _reached(units, base + limits.section)
    while section_end < n_units and units.breaks[section_end] != _HEADING:
        section_end += 1
        if units.weights[section_end] - base > limits.target * _STRETCH:
            earliest = _reached(units, base + int(limits.target * _WINDOW)) - first
            latest = _reached(units, base + limits.target) - first
            return _best_break(units, first, earliest, latest)
    return section_end


def _reached(units: _Units, weight: int) -> int:
    """Return the first unit before which at least `weight` tokens lie, at most the end."""
    return min(bisect_left(units.weights, weight), len(units.starts) - 1)


def _best_break(units: _Units, first: int, earliest: int, latest: int) -> int:
    """Return the best place to end a chunk between `earliest` and `latest` units after `first`."""
    window = range(first + max(1, earliest), first + max(1, earliest, latest) + 1)
    return max(window, key=lambda unit: (units.breaks[unit], unit))


def _overlap(units: _Units, first: int, last: int, limits: _Limits) -> int:
    """Return the unit at which the chunk after the one that ended before `last` begins.

    That is up to `limits.overlap` tokens back: at a sentence's start if one gives at least half of them,
    otherwise at the earliest word.
    """
    end = units.weights[last]
    back = bisect_left(units.weights, end - limits.overlap)
    window = [unit for unit in range(max(back, first + 1), last) if units.breaks[unit] > _INSIDE]
    sentences = [
        unit
        for unit in window
        if units.breaks[unit] >= _SENTENCE and end - units.weights[unit] >= limits.overlap // 2
    ]
    return min(sentences or window or [last])


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without white space at its ends."""
    inner = text[start:end]
    left = start + len(inner) - len(inner.lstrip())
    return left, max(left, start + len(inner.rstrip()))


def _chunk(document: Document, paths: Sequence[tuple[str, ...]], start: int, end: int, tokens: int) -> Chunk:
    content = _after_headings(document, start, end)
    return Chunk(
        document_id=document.id,
        start=start,
        end=end,
        text=document.text[start:end],
        tokens=tokens,
        page=_main_page(document, start, end),
        headings=paths[bisect_right(document.headings, content, key=lambda heading: heading.start)],
    )


def _main_page(document: Document, start: int, end: int) -> int | None:
    """Return the page that holds most of the span, the earlier one of two; None without pages."""
    at = bisect_left(document.pages, start, key=lambda page: page.end)
    on_span = [page for page in document.pages[at : at + 8] if page.start < end]
    if not on_span:
        return None
    return max(on_span, key=lambda page: min(page.end, end) - max(page.start, start)).number


def _heading_paths(document: Document) -> list[tuple[str, ...]]:
    """Return the heading path before the first heading, and after each one."""
    paths: list[tuple[str, ...]] = [()]
    path: list[tuple[int, str]] = []
    for heading in document.headings:
        path = [above for above in path if above[0] < heading.level]
        path.append((heading.level, heading.title))
        paths.append(tuple(title for _, title in path))
    return paths


def _after_headings(document: Document, start: int, end: int) -> int:
    """Return where the span's first line begins that is no heading, or its last heading's line."""
    at = bisect_left(document.headings, start, key=lambda heading: heading.start)
    for heading in document.headings[at:]:
        line_end = document.text.find("\n", start, end)
        if heading.start != start or line_end < 0:
            break
        start, _ = _strip(document.text, line_end, end)
    return start
