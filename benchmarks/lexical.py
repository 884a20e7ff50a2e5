"""Lexical search over 100,000 chunks: asked, added to, loaded; beside bm25s on the same terms."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import bm25s
import numpy as np

from benchmarks.common import RETRIEVE_K, Limit, Section, progress, run, spread
from rag.index import VectorIndex
from rag.library.live_vectors import LiveVectors
from rag.library.live_words import LiveWords
from rag.library.view import View
from rag.records import Chunk, Document, ModelInfo
from rag.stats.percentile import percentile
from rag.store import Store
from rag.terms import query_terms, terms

CHUNKS = 100_000
QUESTIONS = 200
LIMIT_P95_MS = 30
_COLLECTION = "words"
_DOCUMENT = 100  # chunks
_WORDS = 150  # of a chunk
_VOCABULARY = 150_000
_QUESTION_WORDS = 8
_COMMON = 3  # of them are among the commonest 30
_MODEL = ModelInfo("none", "0" * 64, "none")
_SEED = 17


@dataclass(slots=True)
class _Times:
    """Seconds of each question, and of what else was done; bytes of the saved index."""

    ours: list[float]
    theirs: list[float]
    first: float = 0.0
    added: float = 0.0
    loaded: float = 0.0
    built_by_theirs: float = 0.0
    file_bytes: int = 0


class Texts:
    """Chunks whose words are as unevenly spread as those of a language: the nth is n times rarer."""

    def __init__(self) -> None:
        self._pick = np.random.default_rng(_SEED)
        syllables = [a + b for a in "bcdfglmnprstvz" for b in "aeiou"]
        made = ("".join(self._pick.choice(syllables, size=n)) for n in self._pick.integers(1, 5, _VOCABULARY))
        self._words = np.array(list(made))
        weights = 1 / np.arange(1, _VOCABULARY + 1)
        self._ends = np.cumsum(weights / weights.sum())

    def chunk(self) -> str:
        """Return the next chunk."""
        at = np.searchsorted(self._ends, self._pick.random(_WORDS))
        return " ".join(self._words[np.minimum(at, _VOCABULARY - 1)])

    def question(self) -> str:
        """Return the next question."""
        common = self._pick.integers(0, 30, _COMMON)
        rarer = self._pick.integers(30, 20_000, _QUESTION_WORDS - _COMMON)
        return " ".join(self._words[np.concatenate([common, rarer])])


def measure() -> Section:
    """Return what lexical search of a large collection takes."""
    texts = Texts()
    questions = [texts.question() for _ in range(QUESTIONS)]
    with TemporaryDirectory(prefix="reranklens-bench-") as folder:
        store = Store(Path(folder) / "library.db")
        progress(f"lexical: {CHUNKS:,} chunks into the store")
        for number in range(CHUNKS // _DOCUMENT):
            _put(store, number, [texts.chunk() for _ in range(_DOCUMENT)])
        times = _asked(store, Path(folder) / "index", texts, questions)
        progress("lexical: bm25s")
        _ask_bm25s(store, questions, times)
        store.close()
    return _section(times)


def _put(store: Store, number: int, chunks: Sequence[str]) -> None:
    text = "\n".join(chunks)
    document = Document(f"{number:064x}", f"{number}.txt", "txt", text, language="it")
    starts = np.cumsum([0, *(len(chunk) + 1 for chunk in chunks)]).tolist()
    spans = [
        Chunk(document.id, start, start + len(chunk), chunk, _WORDS)
        for start, chunk in zip(starts, chunks, strict=False)
    ]
    vectors = np.tile(np.eye(1, 8, dtype=np.float32), (len(chunks), 1))
    store.put_document(
        _COLLECTION, document, size_bytes=len(text), chunks=spans, vectors=vectors, embedder=_MODEL
    )


def _asked(store: Store, folder: Path, texts: Texts, questions: Sequence[str]) -> _Times:
    times = _Times([], [])
    live = LiveWords(store, folder)
    progress("lexical: every chunk cut into terms")
    times.first = _seconds(lambda: live.current(_COLLECTION))
    live.save(_COLLECTION)
    (file,) = folder.glob(f"*{LiveWords.suffix}")
    times.file_bytes = file.stat().st_size
    live = LiveWords(store, folder)
    times.loaded = _seconds(lambda: live.current(_COLLECTION))
    _put(store, CHUNKS, [texts.chunk() for _ in range(_DOCUMENT)])
    times.added = _seconds(lambda: live.current(_COLLECTION))
    vectors = LiveVectors(store, folder).current(_COLLECTION, model=_MODEL.sha256, dim=8)
    times.ours = [_seconds(lambda q=question: _found(store, vectors, live, q)) for question in questions]  # type: ignore[misc]
    return times


def _found(store: Store, vectors: VectorIndex | None, live: LiveWords, question: str) -> None:
    """Do what the stage `lexical` does: look for the words, and read the passages that are shown."""
    if vectors is None:
        raise RuntimeError("the collection has one embedder")
    languages = {"it": CHUNKS // _DOCUMENT, None: 1}
    with store.snapshot():
        words = live.current(_COLLECTION)
        view = View(store, vectors, words=lambda: words, languages=languages, within=None, vectors={})
        keys, _ = view.matching(question, RETRIEVE_K)
        view.passages(keys)


def _ask_bm25s(store: Store, questions: Sequence[str], times: _Times) -> None:
    found = store.texts_with_language(store.chunk_keys(_COLLECTION))
    corpus = [terms(text, language) for _, text, language in found]
    theirs = bm25s.BM25(method="lucene")
    times.built_by_theirs = _seconds(lambda: theirs.index(corpus, show_progress=False))
    for question in questions:
        sought = [[word for (word,) in query_terms(question, {"it": 1})]]
        times.theirs.append(
            _seconds(lambda q=sought: theirs.retrieve(q, k=RETRIEVE_K, show_progress=False))  # type: ignore[misc]
        )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _section(times: _Times) -> Section:
    ours, theirs = ([second * 1000 for second in each] for each in (times.ours, times.theirs))
    p95 = percentile(ours, 0.95)
    return Section(
        title=f"Lexical search over {CHUNKS:,} chunks",
        workload=(
            f"{QUESTIONS} questions of {_QUESTION_WORDS} words, {_COMMON} of them among the 30 commonest, "
            f"over {CHUNKS:,} chunks of {_WORDS} words out of {_VOCABULARY:,}, the nth of which is n times "
            f"rarer than the first. The time is that of the whole stage, reading {RETRIEVE_K} passages from "
            "the library among it; that of bm25s (its numpy backend, the same terms) is of the search alone."
        ),
        columns=["", "RerankLens", "bm25s"],
        rows=[
            ["a question", spread(ours, "ms", digits=1), spread(theirs, "ms", digits=1)],
            ["p50, p95", *(f"{median(x):.1f} ms, {percentile(x, 0.95):.1f} ms" for x in (ours, theirs))],
            [
                f"a document of {_DOCUMENT} chunks more",
                f"{times.added * 1000:,.0f} ms",
                f"{times.built_by_theirs:,.1f} s: all is built anew",
            ],
            ["load the saved index", f"{times.loaded * 1000:,.0f} ms", "–"],
            ["build it, once, from the texts", f"{times.first:,.1f} s", "–"],
        ],
        limits=[
            Limit(
                f"the lexical stage over {CHUNKS:,} chunks takes at most {LIMIT_P95_MS} ms at p95",
                f"{p95:.1f} ms",
                p95 <= LIMIT_P95_MS,
            ),
            Limit(
                "a document more does not build everything anew",
                f"{times.added * 1000:,.0f} ms beside {times.first:,.1f} s",
                times.added < times.first / 20,
            ),
        ],
        notes=[f"The saved index takes {times.file_bytes / 1e6:,.0f} MB."],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
