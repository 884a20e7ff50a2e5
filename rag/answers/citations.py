"""Read what a language model wrote: its sentences, and which of the passages it was given each one cites."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from rag.sentences import Span, split_sentences

_MARK = re.compile(r"[\[［【]\s*([\^−-]?\d+(?:\s*[,;–-]\s*[\^−-]?\d+)*)\s*[\]］】]")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\n]*\)")
_NUMBER = re.compile(r"(-?\d+)(?:\s*[–-]\s*(\d+))?")
_LIST_MARK = re.compile(r"\W*(?:\w{1,3}[.)]\W*)?")
_MOST_DIGITS = 4
_WIDEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class CitingSentence:
    """A sentence without its marks, and the numbers of the passages that it cites, in its order."""

    text: str
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A written text's sentences, and the numbers in it that no passage has, as they were written."""

    sentences: tuple[CitingSentence, ...]
    unknown: tuple[str, ...]


def read(text: str, given: int) -> Reading:
    """Return the sentences of `text`, whose marks such as [2] cite passages from 1 to `given`.

    Nothing else in the text can cite: of a link only its words are left, and a number that was not given
    is taken out and named. A mark belongs to the sentence in which or after which it stands; at the head of
    a line, to the one that it leads. Every word is in some sentence.
    """
    bare, marks = _without_marks(_LINK.sub(_label, text))
    spans = list(_spans(bare))
    cited: list[dict[int, None]] = [{} for _ in spans]
    unknown: dict[str, None] = {}
    for mark in marks:
        at = max((i for i, (start, _) in enumerate(spans) if start < mark.place), default=-1)
        at = min(at + mark.leads, len(spans) - 1) if at >= 0 else 0
        for number in mark.numbers:
            if len(number) > _MOST_DIGITS or not 1 <= int(number) <= given:
                unknown[number] = None
            elif spans:
                cited[at][int(number)] = None
    texts = (" ".join(bare[start:end].split()) for start, end in spans)
    sentences = tuple(CitingSentence(one, tuple(by)) for one, by in zip(texts, cited, strict=True))
    return Reading(sentences, tuple(unknown))


def _label(link: re.Match[str]) -> str:
    """Return what is left of a link: its words, or the citation that it is dressed up as."""
    words = link[1]
    return f"[{words}]" if _MARK.fullmatch(f"[{words}]") else words


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a mark stood in a text that has no marks any more, and whether at the head of a line."""

    place: int
    leads: bool
    numbers: tuple[str, ...]


def _without_marks(text: str) -> tuple[str, list[_Mark]]:
    bare, begin = "", 0
    marks: list[_Mark] = []
    for mark in _MARK.finditer(text):
        bare = (bare + text[begin : mark.start()]).rstrip(" ")
        begin = mark.end()
        before, after = bare.rpartition("\n")[2], text[begin:].partition("\n")[0]
        leads = bool(_LIST_MARK.fullmatch(before)) and not _LIST_MARK.fullmatch(_MARK.sub("", after))
        marks.append(_Mark(len(bare), leads, tuple(_numbers(mark[1]))))
        if text[begin : begin + 1].isalnum():
            bare += " "
    return bare + text[begin:], marks


def _numbers(mark: str) -> Iterator[str]:
    """Yield the numbers of a mark such as "1, 3-5", without leading zeros."""
    plain = unicodedata.normalize("NFKC", mark).replace("^", "").replace("−", "-")
    for one in _NUMBER.finditer(plain):
        first, last = (number.lstrip("0") or "0" for number in (one[1], one[2] or one[1]))
        short = max(len(first), len(last)) <= _MOST_DIGITS
        if short and 0 <= int(first) < int(last) <= int(first) + _WIDEST_RANGE:
            yield from map(str, range(int(first), int(last) + 1))
        else:
            yield from dict.fromkeys((first, last))


def _spans(text: str) -> Iterator[Span]:
    """Yield the span of each sentence, and of each line of what is none, such as a heading."""
    found, last = False, 0
    for start, end in [*split_sentences(text), (len(text), len(text))]:
        for span in [*_lines(text, last, start), (start, end)]:
            if span[0] < span[1]:
                yield span
                found = True
        last = end
    if not found and any(map(str.isalnum, text)):  # a number alone, which may well be the answer
        yield 0, len(text)


def _lines(text: str, begin: int, end: int) -> Iterator[Span]:
    for line in text[begin:end].splitlines(keepends=True):
        if not _LIST_MARK.fullmatch(line):
            yield begin, begin + len(line)
        begin += len(line)
