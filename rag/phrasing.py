"""Tell how near passages come to the wording of a question: its words, pairs of them, pieces of them.

BM25 of single words knows nothing of "New York" beside "a new house in York", nor that "Kochrezepte" has to
do with "Rezept". Pairs of neighbouring words and pieces of words know, but an index of them would be many
times that of the words; so they are counted in the candidates alone, and weighed by how rare they are there.
"""

from collections import Counter
from collections.abc import Container, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.lexical import K1, B
from rag.records import Passage
from rag.terms import tells, term_of, words_of

# Tuned on XQuAD in English, Spanish and German and on SQuAD-it; 0.2 to 0.4 did about as well.
_WEIGHT = 0.25
_PIECE = 5  # letters, the word's ends counting as one each
_REACH = 3  # telling words


@dataclass(slots=True)
class _Features:
    """What is counted of one kind: in each passage how often each, and how many there were in all."""

    counts: list[Counter[Hashable]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def add(self, found: Iterator[Hashable], sought: Container[Hashable], length: int) -> None:
        """Count what of `found` is `sought` in the next passage, which has `length` of the kind."""
        self.counts.append(Counter(one for one in found if one in sought))
        self.lengths.append(length)

    def scores(self) -> NDArray[np.float64]:
        """Return the BM25 score of each passage, float64 [n], the passages being all there are."""
        rows: dict[Hashable, int] = {}
        for counts in self.counts:
            for feature in counts:
                rows.setdefault(feature, len(rows))
        tf = np.zeros((len(rows), len(self.counts)))
        for column, counts in enumerate(self.counts):
            for feature, count in counts.items():
                tf[rows[feature], column] = count
        n, lengths = len(self.counts), np.array(self.lengths, dtype=np.float64)
        df = np.count_nonzero(tf, axis=1)
        idf = np.log1p((n - df + 0.5) / (df + 0.5))
        norm = K1 * (1 - B + B * lengths / max(lengths.mean(), 1.0)) if n else lengths
        return np.asarray(idf @ (tf / (tf + norm)))


@dataclass(frozen=True, slots=True)
class _Word:
    """What is to be known of a word: its term, if the question has that, and its pieces that it shares."""

    term: str | None
    tells: bool
    shared: tuple[str, ...]
    n_pieces: int


class _Question:
    """A question as it is read in one language: what of it to look for in passages of that language."""

    def __init__(self, question: str, language: str | None) -> None:
        self._language = language
        words = words_of(question, language)
        terms = [term_of(word, language) for word in words]
        telling = [term for word, term in zip(words, terms, strict=True) if tells(word, language)]
        self._terms = set(terms)
        self._adjacent = set(pairwise(terms))
        self._near = set(_near(telling))
        self._pieces = {piece for word in words for piece in _pieces(word)}
        self._known: dict[str, _Word] = {}

    def count(self, text: str, adjacent: _Features, near: _Features, pieces: _Features) -> None:
        """Add what `text` has of the question to the features of each kind."""
        words = [self._known.get(word) or self._read(word) for word in words_of(text, self._language)]
        side_by_side = ((a.term, b.term) for a, b in pairwise(words) if a.term and b.term)
        adjacent.add(side_by_side, self._adjacent, len(words))
        telling = [word.term for word in words if word.tells]
        near.add(_near(telling), self._near, len(telling))
        shared = (piece for word in words for piece in word.shared)
        pieces.add(shared, self._pieces, sum(word.n_pieces for word in words))

    def _read(self, word: str) -> _Word:
        term, pieces = term_of(word, self._language), _pieces(word)
        shared = tuple(piece for piece in pieces if piece in self._pieces)
        known = _Word(term if term in self._terms else None, tells(word, self._language), shared, len(pieces))
        self._known[word] = known
        return known


def phrasing_scores(question: str, passages: Sequence[Passage], bm25: Sequence[float]) -> NDArray[np.float64]:
    """Return how near each of `passages` comes to the wording of `question`, float64 [n], in their order.

    It is the score `bm25` of its words, and a share of the same of neighbouring words, of words near each
    other, and of pieces of words, counted among `passages` alone: comparable only within one call.
    """
    adjacent, near, pieces = _Features(), _Features(), _Features()
    readings: dict[str | None, _Question] = {}
    for passage in passages:
        if passage.language not in readings:
            readings[passage.language] = _Question(question, passage.language)
        readings[passage.language].count(passage.text, adjacent, near, pieces)
    fine = sum((kind.scores() for kind in (adjacent, near, pieces)), np.zeros(len(passages)))
    return np.asarray(bm25, dtype=np.float64) + _WEIGHT * fine


def _near(terms: Sequence[str | None]) -> Iterator[frozenset[str]]:
    """Yield the pairs of terms that are in reach of each other; None is one that nobody looks for."""
    for i, term in enumerate(terms):
        if term:
            yield from (frozenset((term, other)) for other in terms[i + 1 : i + 1 + _REACH] if other)


def _pieces(word: str) -> list[str]:
    padded = f"^{word}$"
    return [padded[i : i + _PIECE] for i in range(max(1, len(padded) - _PIECE + 1))]
