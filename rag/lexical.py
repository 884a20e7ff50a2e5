"""Find the texts whose words tell the most: BM25, kept in step without being built anew.

A library would do, but the well-kept ones either build the whole index anew for one document more (bm25s),
or keep deleted texts in the statistics until some later time (tantivy, FTS5 of many collections). Here a
score is the same whatever was added and removed before; bm25s is the second opinion in the tests.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.terms import Word
from rag.whole_file import Write, open_whole, write_whole

# Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), section 3.2: values
# that serve most collections.
K1 = 1.2
B = 0.75

_FORMAT = 1
_MOST_TF = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Texts that were added together, or came together later: for each term, who has it and how often.

    `terms` int32 [t], ascending; the postings of `terms[i]` are `slots` and `tfs` from `starts[i]` to
    `starts[i + 1]`, in order of slot.
    """

    terms: NDArray[np.int32]
    starts: NDArray[np.int64]
    slots: NDArray[np.int32]
    tfs: NDArray[np.uint16]

    def postings(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        at = int(np.searchsorted(self.terms, term))
        if at == len(self.terms) or self.terms[at] != term:
            return self.slots[:0], self.tfs[:0]
        part = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return self.slots[part], self.tfs[part]

    @property
    def every_term(self) -> NDArray[np.int32]:
        """The term of each posting."""
        return np.repeat(self.terms, np.diff(self.starts))


def _segment(terms: NDArray[np.int32], slots: NDArray[np.int32], tfs: NDArray[np.uint16]) -> _Segment:
    """Return the segment of these postings, which are in order of slot within each term."""
    order = np.argsort(terms, kind="stable")
    unique, starts = np.unique(terms[order], return_index=True)
    return _Segment(unique, np.append(starts, len(terms)).astype(np.int64), slots[order], tfs[order])


@dataclass(slots=True, eq=False)
class _Texts:
    """What is known of each text, by slot. A removed one keeps its slot until the next compaction."""

    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    lengths: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    alive: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What every text scores for one question: 0 for one without any of its words."""

    ids: NDArray[np.int64]
    values: NDArray[np.float32]

    def best(
        self, k: int, *, within: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and scores of the at most `k` best, as `LexicalIndex.search` does."""
        eligible = self.values > 0
        if within is not None:
            eligible &= np.isin(self.ids, np.array(within, dtype=np.int64))
        slots = np.flatnonzero(eligible)
        if 0 < k < len(slots):  # whatever shares the last place is looked at
            worst = np.partition(self.values[slots], len(slots) - k)[len(slots) - k]
            slots = slots[self.values[slots] >= worst]
        ids, found = self.ids[slots], self.values[slots]
        order = np.lexsort((ids, -found))[:k]
        return ids[order], found[order]

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of `ids`, float32 [n], in their order; 0 for one that is not there."""
        slots = np.flatnonzero(np.isin(self.ids, ids))
        known = dict(zip(self.ids[slots].tolist(), self.values[slots].tolist(), strict=True))
        return np.array([known.get(int(each), 0.0) for each in ids], dtype=np.float32)


class LexicalIndex:
    """Texts as their terms, under integer ids, searched by BM25.

    The score of a text is the sum over the question's words of ``idf * tf / (tf + K1 * (1 - B + B *
    length / mean length))`` with ``idf = ln(1 + (n - df + 0.5) / (df + 0.5))``, as in Lucene; 0 for a text
    without any of them. Not safe for a search beside a change: its owner locks.
    """

    def __init__(self) -> None:
        self._vocabulary: dict[str, int] = {}
        self._df = np.empty(0, dtype=np.int64)
        self._texts = _Texts()
        self._segments: list[_Segment] = []

    def __len__(self) -> int:
        return int(np.count_nonzero(self._texts.alive))

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids in the index, int64 [n], ascending."""
        return np.sort(self._texts.ids[self._texts.alive])

    def add(self, ids: Sequence[int], texts: Sequence[Sequence[str]]) -> None:
        """Add the terms of each text under its id, which may be added only once."""
        if len(ids) != len(texts):
            raise ValueError(f"expected as many texts as ids, found {len(texts)} and {len(ids)}")
        if not ids:
            return
        self._segments.append(self._postings(texts, first_slot=len(self._texts.ids)))
        self._texts = _Texts(
            np.append(self._texts.ids, np.array(ids, dtype=np.int64)),
            np.append(self._texts.lengths, np.array([len(text) for text in texts], dtype=np.int32)),
            np.append(self._texts.alive, np.ones(len(ids), dtype=np.bool_)),
        )
        self._merge()

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove `ids`; those that are not there are passed over."""
        gone = np.isin(self._texts.ids, ids) & self._texts.alive
        if not gone.any():
            return
        for segment in self._segments:
            lost = segment.every_term[gone[segment.slots]]
            self._df -= np.bincount(lost, minlength=len(self._df))
        self._texts.alive &= ~gone
        if 2 * len(self) < len(self._texts.ids):
            self._compact()

    def search(
        self, words: Sequence[Word], k: int, *, within: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and scores of the at most `k` best texts that have any of `words`.

        Best first, ties by id. With `within`, only those ids are considered; the statistics are those of
        all texts, so that a score does not depend on where one looks.
        """
        return self.scores(words).best(k, within=within)

    def scores(self, words: Sequence[Word]) -> "Scores":
        """Return the scores of all texts, as the index is now."""
        texts = self._texts
        return Scores(texts.ids, np.where(texts.alive, self._scores(words), np.float32(0)))

    def _scores(self, words: Sequence[Word]) -> NDArray[np.float32]:
        texts = self._texts
        n, scores = len(self), np.zeros(len(texts.ids), dtype=np.float32)
        mean = float(texts.lengths[texts.alive].mean()) if n else 1.0
        # In one order, so that the last bit of a sum does not depend on how the question was put.
        for word in sorted(set(words)):
            numbers = [number for term in word if (number := self._vocabulary.get(term)) is not None]
            # A word is as rare as all its terms together: a text whose language was mistaken would have
            # every common word for itself.
            df = sum(int(self._df[number]) for number in numbers)
            if not df:
                continue
            idf = np.float32(np.log1p((n - df + 0.5) / (df + 0.5)))
            for slots, tfs in self._having(numbers):
                tf = tfs.astype(np.float32)
                norm = np.float32(K1 * (1 - B)) + np.float32(K1 * B / max(mean, 1.0)) * texts.lengths[slots]
                scores[slots] += idf * tf / (tf + norm.astype(np.float32))
        return scores

    def _having(self, terms: Sequence[int]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.uint16]]]:
        """Yield which texts have these terms, and how often."""
        for term in terms:
            for segment in self._segments:
                yield segment.postings(term)

    def _postings(self, texts: Sequence[Sequence[str]], *, first_slot: int) -> _Segment:
        """Return the segment of new `texts`, and count their terms."""
        numbers: list[int] = []
        for text in texts:
            numbers += [self._vocabulary.setdefault(term, len(self._vocabulary)) for term in text]
        slots = np.repeat(np.arange(len(texts), dtype=np.int64), [len(text) for text in texts]) + first_slot
        # One number a posting: the slot first, so that sorting brings the postings in order of slot.
        pairs, counts = np.unique((slots << 32) | np.array(numbers, dtype=np.int64), return_counts=True)
        terms = (pairs & 0xFFFFFFFF).astype(np.int32)
        self._df = np.append(self._df, np.zeros(len(self._vocabulary) - len(self._df), dtype=np.int64))
        self._df += np.bincount(terms, minlength=len(self._df))
        tfs = np.minimum(counts, _MOST_TF).astype(np.uint16)
        return _segment(terms, (pairs >> 32).astype(np.int32), tfs)

    def _merge(self) -> None:
        """Join the last segments while they are about as large: there are never more than a few dozen."""
        while len(self._segments) > 1 and len(self._segments[-2].slots) < 2 * len(self._segments[-1].slots):
            newer, older = self._segments.pop(), self._segments.pop()
            self._segments.append(self._joined([older, newer]))

    def _joined(self, segments: Sequence[_Segment]) -> _Segment:
        """Return the segments as one, without the texts that were removed."""
        if not segments:
            empty = np.empty(0, dtype=np.int32)
            return _segment(empty, empty, empty.astype(np.uint16))
        terms = np.concatenate([segment.every_term for segment in segments])
        slots = np.concatenate([segment.slots for segment in segments])
        tfs = np.concatenate([segment.tfs for segment in segments])
        kept = self._texts.alive[slots]
        return _segment(terms[kept], slots[kept], tfs[kept])

    def _compact(self) -> None:
        """Give the slots of removed texts away."""
        one, texts = self._joined(self._segments), self._texts
        moved = np.cumsum(texts.alive, dtype=np.int32) - 1
        self._segments = [_Segment(one.terms, one.starts, moved[one.slots].astype(np.int32), one.tfs)]
        self._texts = _Texts(
            texts.ids[texts.alive], texts.lengths[texts.alive], np.ones(len(self), dtype=np.bool_)
        )

    def save(self, path: Path) -> None:
        """Write the index to `path`, whole or not at all, after a checksum of it. Raises OSError."""
        write_whole(path, self._write)

    def _write(self, write: Write) -> None:
        self._compact()
        words = "\n".join(self._vocabulary).encode()  # no term has a line break
        one = self._segments[0]
        arrays = (one.terms, one.starts, one.slots, one.tfs, self._texts.ids, self._texts.lengths, self._df)
        head = {"format": _FORMAT, "words": len(words), "arrays": len(arrays)}
        write(json.dumps(head).encode() + b"\n")
        write(words)
        for array in arrays:
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            write(buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "LexicalIndex | None":
        """Return the index saved at `path`; None when it is missing, damaged or of another version."""
        try:
            with open_whole(path) as file:
                if file is None:
                    return None
                head = json.loads(file.readline())
                if head["format"] != _FORMAT:
                    return None
                words = file.read(head["words"]).decode()
                arrays = [np.lib.format.read_array(file) for _ in range(head["arrays"])]
        except (OSError, ValueError, KeyError):
            return None
        index = cls()
        terms, starts, slots, tfs, ids, lengths, index._df = arrays
        index._vocabulary = {word: i for i, word in enumerate(words.split("\n"))} if words else {}
        index._segments = [_Segment(terms, starts, slots, tfs)]
        index._texts = _Texts(ids, lengths, np.ones(len(ids), dtype=np.bool_))
        return index
