"""Split a passage into its sentences, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from sentencex import segment

# A sentence ends where both end one: each knows abbreviations that the other does not.
_LANGUAGES = ("en", "it")
_ITEM = re.compile(r"\s*(?:[-*+•‣▪◦·–—]|\(?\d{1,3}[.)]|\(?[a-z]\)|>)\s+")
_CELL = " | "
_WRAPPED_CHARS = 50  # a line this long may have been wrapped: its sentence goes on
_TITLE_CHARS = 80
_WINDOW_CHARS = 5000  # the segmenter's time grows with the square of a text's length
_STATEMENT_END = re.compile(r"[.!…。！][\"'”’»)\]]*\s*$")
_SPACE = re.compile(r"[^\S\n]")

Span = tuple[int, int]


def split_sentences(text: str) -> Iterator[Span]:
    """Yield the span of each sentence of `text`, in order: without white space or list mark around it.

    A list item and a table's row end a sentence; the end of a wrapped line does not. Headings are left
    out, as is what has no letter.
    """
    paragraphs = [_NOTHING, *_paragraphs(text), _NOTHING]
    content_end = len(text.rstrip())
    for above, here, below in zip(paragraphs, paragraphs[1:], paragraphs[2:], strict=False):
        if here.start + len(here.text) < content_end and _is_title(above, here, below):
            continue
        begin = 0
        for end in _sentence_ends(here.text):
            piece = here.text[begin:end]
            start = here.start + begin + len(piece) - len(piece.lstrip())
            if any(character.isalpha() for character in piece):
                yield start, start + len(piece.strip())
            begin = end


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """A stretch beyond which no sentence reaches: running text, a line of its own, or a blank one.

    `is_entry` says that it is a list's item, its mark left out, or a table's row.
    """

    start: int
    text: str
    is_entry: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()

    @property
    def is_brief(self) -> bool:
        """Whether it is as short as a title, and states nothing."""
        brief = len(self.text) <= _TITLE_CHARS and not _STATEMENT_END.search(self.text)
        return brief and not self.is_entry and not self.is_blank


_NOTHING = _Paragraph(0, "")


def _paragraphs(text: str) -> Iterator[_Paragraph]:
    """Yield the paragraphs of `text`, in order."""
    lines = text.splitlines(keepends=True)
    first, start = 0, 0
    for above, line in pairwise(["", *lines]):
        if start and not _goes_on(above, line):
            yield _paragraph(text, first, start)
            first = start
        start += len(line)
    if text:
        yield _paragraph(text, first, start)


def _paragraph(text: str, start: int, end: int) -> _Paragraph:
    mark = _ITEM.match(text, start, end)
    begin = mark.end() if mark else start
    return _Paragraph(begin, text[begin:end], bool(mark) or _CELL in text[begin:end])


def _goes_on(above: str, line: str) -> bool:
    """Return whether a sentence in the line `above` may reach into `line`."""
    if not above.strip() or not line.strip() or _ITEM.match(line) or _CELL in above or _CELL in line:
        return False
    if above.startswith("#"):  # a heading of Markdown
        return False
    return len(above.strip()) >= _WRAPPED_CHARS or line.lstrip()[0].islower()


def _is_title(above: _Paragraph, here: _Paragraph, below: _Paragraph) -> bool:
    """Return whether `here` is a heading, or a question that the text goes on to answer.

    Several brief lines one below the other are a list without marks.
    """
    return here.is_brief and above.is_blank and not below.is_brief


def _sentence_ends(paragraph: str) -> list[int]:
    """Return where the sentences of `paragraph` end, its own end included."""
    ends = [0]
    while (begin := ends[-1]) < len(paragraph):
        # One plain space for each of Unicode's: sentencex ends the process's thread over some of them.
        window = _SPACE.sub(" ", paragraph[begin : begin + _WINDOW_CHARS])
        cuts = [
            set(accumulate(map(len, segment(language, window)), initial=begin)) for language in _LANGUAGES
        ]
        new = sorted(set.intersection(*cuts) - {begin})
        if new[-1] < len(paragraph) and len(new) > 1:
            new.pop()  # the window may have ended inside a sentence
        ends += new
    # Nothing that begins with a small letter or a digit is a new sentence: "art. 5", "ecc. ecc.".
    return [end for end in ends[1:] if not _continues(paragraph[end : end + 1])]


def _continues(character: str) -> bool:
    return character.islower() or character.isdigit()
