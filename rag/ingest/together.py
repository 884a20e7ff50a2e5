"""Embed the chunks of several documents together: short ones share the cores as long ones do."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag.chunk import split
from rag.embed import EMBED_BLOCK, Embedder
from rag.ingest.intake import Cut
from rag.records import Chunking


class Together:
    """The chunks of `cuts`, embedded block by block as their vectors are asked for, in their order.

    A document that was cut for another embedder, or to another length, is cut anew.
    """

    def __init__(self, cuts: Sequence[Cut], embedder: Embedder, chunking: Chunking) -> None:
        self.embedder = embedder
        self._cuts: dict[int, tuple[Cut, int]] = {}
        self._texts: list[str] = []
        self._done = 0
        for cut in cuts:
            fitting = _fitting(cut, embedder, chunking)
            self._cuts[id(cut)] = fitting, len(self._texts)
            self._texts += [chunk.text for chunk in fitting.chunks]
        self._vectors = np.empty((len(self._texts), embedder.dim), dtype=np.float32)

    def fitting(self, cut: Cut) -> Cut | None:
        """Return `cut` as it is embedded, None when it is not among those that are."""
        found = self._cuts.get(id(cut))
        return found[0] if found else None

    def vectors(self, cut: Cut, on_progress: Callable[[int, int], None]) -> NDArray[np.float32]:
        """Return the vectors of the chunks of `cut`, float32 [n_chunks, dim].

        `on_progress` is told how many are there, of how many, after each block; what it raises ends it.
        """
        fitting, start = self._cuts[id(cut)]
        end = start + len(fitting.chunks)
        while True:
            if self._done < end:
                self._embed_block()
            on_progress(min(self._done, end) - start, end - start)
            if self._done >= end:
                return self._vectors[start:end]

    def _embed_block(self) -> None:
        block = self._texts[self._done : self._done + EMBED_BLOCK]
        after = self._done + len(block)
        self._vectors[self._done : after] = self.embedder.embed_passages(block).vectors
        self._done = after


def _fitting(cut: Cut, embedder: Embedder, chunking: Chunking) -> Cut:
    if cut.embedder is embedder and cut.chunking == chunking:
        return cut
    chunks = split(cut.document, embedder.offsets, room=embedder.passage_room, chunking=chunking)
    return replace(cut, chunks=chunks, embedder=embedder, chunking=chunking)
