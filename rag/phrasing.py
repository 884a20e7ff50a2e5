"""Tell how near passages come to the wording of a question: its words, pairs of them, pieces of them.

BM25 of single words knows nothing of "New York" beside "a new house in York", nor that "Kochrezepte" has to
do with "Rezept". Pairs of neighbouring words and pieces of words know, but an index of them would be many
times that of the words; so they are counted in the candidates alone, and weighed by how rare they are there.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.lexical import K1, B
from rag.records import Passage
from rag.terms import Token, word_reader

# Tuned on XQuAD in English, Spanish and German and on SQuAD-it; 0.2 to 0.4 did about as well.
_WEIGHT = 0.3
_PIECE = 5  # letters, the word's ends counting as one each
_REACH = 3  # telling words


@dataclass(slots=True)
class _Features:
    """What is counted of one kind: in each passage how often each, and how many there were in all."""

    counts: list[Counter[Hashable]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def add(self, found: Iterator[Hashable], length: int) -> None:
        self.counts.append(Counter(found))
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


class _Question:
    """A question as it is read in one language: what of it to look for in passages of that language."""

    def __init__(self, question: str, language: str | None) -> None:
        self._read = word_reader(language)
        words = self._read(question)
        self._terms = {word.term for word in words}
        self._adjacent = set(pairwise(word.term for word in words))
        self._near = set(_near([word for word in words if word.tells]))
        self._pieces = {piece for word in words for piece in _pieces(word.text)}
        self._pieces_of: dict[str, tuple[list[str], int]] = {}

    def count(self, text: str, adjacent: _Features, near: _Features, pieces: _Features) -> None:
        """Add what `text` has of the question to the features of each kind."""
        words = self._read(text)
        found = (pair for pair in pairwise(word.term for word in words) if pair in self._adjacent)
        adjacent.add(found, len(words))
        telling = [word for word in words if word.tells]
        near.add((pair for pair in self._near_in(telling) if pair in self._near), len(telling))
        known = [self._pieces_in(word.text) for word in words]
        pieces.add((piece for shared, _ in known for piece in shared), sum(n for _, n in known))

    def _near_in(self, telling: Sequence[Token]) -> Iterator[frozenset[str]]:
        places = [i for i, word in enumerate(telling) if word.term in self._terms]
        for n, place in enumerate(places):
            for other in places[n + 1 : n + 1 + _REACH]:
                if other - place <= _REACH:
                    yield frozenset((telling[place].term, telling[other].term))

    def _pieces_in(self, word: str) -> tuple[list[str], int]:
        if word not in self._pieces_of:
            pieces = _pieces(word)
            self._pieces_of[word] = [piece for piece in pieces if piece in self._pieces], len(pieces)
        return self._pieces_of[word]


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


def _near(words: Sequence[Token]) -> Iterator[frozenset[str]]:
    for i, word in enumerate(words):
        for other in words[i + 1 : i + 1 + _REACH]:
            yield frozenset((word.term, other.term))


def _pieces(word: str) -> list[str]:
    padded = f"^{word}$"
    return [padded[i : i + _PIECE] for i in range(max(1, len(padded) - _PIECE + 1))]
