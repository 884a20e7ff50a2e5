"""Recognise, among the hits of one question, those that say the same."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.records import Hit, RerankedHit

# Measured with bge-small-en-v1.5 on chunks of 150 words: where two letters in a hundred are swapped, the
# cosine is mostly from 0.96 to 0.995; different chunks of one document stay below 0.86.
ALIKE = 0.98
# But another figure leaves 0.996, and a "not" put in 0.995; and in rows of few words, or by an embedder whose
# cosines lie close together, other content is as near. So the words themselves must agree, and the figures.
SAME_WORDS = 0.9
_MOST = 0.999999
_RIVALS = 20  # a thousand rows of a table may all be near each other

_FIGURE = re.compile(r"\d+(?:[.,:/-]\d+)*")
_WORD = re.compile(r"\w+")

H = TypeVar("H", Hit, RerankedHit)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a text says, as far as it matters here: its figures in order, its different words."""

    figures: tuple[str, ...]
    words: frozenset[str]

    def agrees(self, other: "Wording") -> bool:
        """Return whether the figures are the same, and nearly all words are in both."""
        if self.figures != other.figures:
            return False
        return 2 * len(self.words & other.words) >= SAME_WORDS * (len(self.words) + len(other.words)) > 0


def mark_duplicates(hits: Sequence[H], vectors: Mapping[str, NDArray[np.float32]]) -> tuple[H, ...]:
    """Return `hits` in their order, each with the one before it that says the same first, if there is one.

    `vectors` are unit vectors by chunk id. The same text is so whatever its white space; nearly the same
    one has the same figures in the same order, 9 words of 10 in common, and a cosine of at least 0.98.
    """
    if len(hits) < 2:
        return tuple(hits)
    rows = np.stack([vectors[hit.passage.chunk_id] for hit in hits])
    cosines = np.minimum(rows @ rows.T, _MOST)  # 1 is for the same text, whatever is lost in tokens
    said = cache(lambda place: wording(hits[place].passage.text))
    marked: list[H] = []
    new = np.zeros(len(hits), dtype=np.bool_)  # whether the hit there says something new
    firsts: dict[str, int] = {}  # and these by what they say
    for at, hit in enumerate(hits):
        text = " ".join(hit.passage.text.split())
        near = (n for n in _nearest(cosines[at], new) if said(at).agrees(said(n)))
        first = firsts[text] if text in firsts else next(near, None)
        if first is None:
            firsts[text] = at
            new[at] = True
            marked.append(hit)
        else:
            similarity = 1.0 if text in firsts else float(cosines[at, first])
            marked.append(replace(hit, duplicate_of=hits[first].rank, similarity=similarity))
    return tuple(marked)


def _nearest(cosines: NDArray[np.float32], new: NDArray[np.bool_]) -> list[int]:
    """Return the places of the `new` that are near enough, the nearest first, and no more than a few."""
    near = np.flatnonzero(new & (cosines >= ALIKE))
    order = np.argsort(-cosines[near], kind="stable")[:_RIVALS]
    return [int(place) for place in near[order]]


def wording(text: str) -> Wording:
    """Return the figures and the words of `text`."""
    return Wording(tuple(_FIGURE.findall(text)), frozenset(_WORD.findall(text.casefold())))
