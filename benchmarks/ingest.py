"""Ingesting files of many kinds, against fastembed and sentence-transformers that only embed the same texts.

Measured: 1,000 pages through the library's own ingest, how busy both cores are and what the embedder waits
for; the memory of ingesting many chunks; one more document in a library of 100,000.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import ingest_memory
from benchmarks.common import Limit, MeasureError, Section, progress, ratios, run, spread
from benchmarks.ingest_peers import Embed, Vectors, peers
from benchmarks.pages import PAGE_WORDS, MixedFile, mix
from benchmarks.watching import cores, cpu_s, watched
from rag.config import Settings
from rag.ingest import SourceFile
from rag.library import Library
from rag.library.embedders import Embedders
from rag.service import open_embedders, open_library

ROUNDS, PAGES, CORES = 3, 1000, 2
GAIN = 1.5
# int8 graphs quantize activations over a whole run: in a batch, a vector shifts with its neighbours.
MIN_COSINE = 0.97
_TRIED = 200  # texts on which each peer's forms are compared
_PAUSE_S = 0.5
_COLLECTION = "mix"


@dataclass(frozen=True, slots=True)
class Ingested:
    """One ingestion: its seconds, the processor's seconds of all its processes, and shares of its time."""

    seconds: float
    cpu_s: float
    shares: Mapping[str, float]


@dataclass(slots=True, eq=False)
class Measured:
    """All rounds: ours, and each peer's seconds with the form that was fastest for it."""

    n_files: int
    pages: int
    chunks: int = 0
    tokens: float = 0.0
    ours: list[Ingested] = field(default_factory=list)
    theirs: dict[str, list[float]] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    tried_s: dict[str, dict[str, float]] = field(default_factory=dict)
    least_cosines: dict[str, float] = field(default_factory=dict)

    def gains(self, peer: str) -> list[float]:
        """Return how many times longer `peer` took, round by round."""
        return ratios(self.theirs[peer], [one.seconds for one in self.ours])


def measure(pages: int = PAGES, rounds: int = ROUNDS) -> Section:
    """Return the times of ingesting `pages` pages, and of embedding alone by the peers, in turn."""
    with cores(CORES):
        progress(f"ingest: making {pages} pages")
        files = mix(pages)
        embedders = open_embedders(Settings(threads=CORES))
        try:
            _ingest(files[:1], embedders)  # the warm-up
            with peers(CORES) as contenders:
                found = _rounds(files, embedders, contenders, rounds)
        finally:
            embedders.close()
    return _section(found, rounds)


def _rounds(
    files: Sequence[MixedFile],
    embedders: Embedders,
    contenders: Mapping[str, Mapping[str, Embed]],
    rounds: int,
) -> Measured:
    found = Measured(len(files), sum(file.pages for file in files))
    texts: list[str] = []
    vectors: Vectors = np.empty((0, 0), dtype=np.float32)
    for number in range(rounds):
        progress(f"ingest: round {number + 1} of {rounds}")
        time.sleep(_PAUSE_S)
        ours, texts, vectors = _ingest(files, embedders)
        found.ours.append(ours)
        if number == 0:
            found.chunks, found.tokens = len(texts), _tokens(embedders, texts)
            _try(found, texts, contenders)
        names = list(contenders)
        for name in names[number % len(names) :] + names[: number % len(names)]:  # each goes first in turn
            time.sleep(_PAUSE_S)  # a thread pool of onnxruntime spins for a moment after its work
            progress(f"ingest: {name}, {found.forms[name]}")
            began = time.perf_counter()
            theirs = contenders[name][found.forms[name]](texts)
            found.theirs.setdefault(name, []).append(time.perf_counter() - began)
            found.least_cosines[name] = _least_cosine(name, vectors, theirs)
    return found


def _try(found: Measured, texts: Sequence[str], contenders: Mapping[str, Mapping[str, Embed]]) -> None:
    """Find each peer's fastest form, on texts from all over."""
    some = texts[:: max(1, len(texts) // _TRIED)][:_TRIED]
    for name, forms in contenders.items():
        for form, embed in forms.items():
            embed(some[:8])
            began = time.perf_counter()
            embed(some)
            found.tried_s.setdefault(name, {})[form] = time.perf_counter() - began
        found.forms[name] = min(found.tried_s[name], key=found.tried_s[name].__getitem__)


def _least_cosine(name: str, ours: Vectors, theirs: Vectors) -> float:
    least = float((ours * theirs).sum(axis=1).min())
    if not least >= MIN_COSINE:
        raise MeasureError(
            f"{name} does not embed as we do: expected cosines of at least {MIN_COSINE}, found {least:.3f}. "
            "The comparison would not be fair."
        )
    return least


def _ingest(files: Sequence[MixedFile], embedders: Embedders) -> tuple[Ingested, list[str], Vectors]:
    """Ingest `files` into a new library; return how it went, the chunks' texts and their vectors."""
    sources = [SourceFile(file.name, len(file.data), partial(bytes, file.data)) for file in files]
    with TemporaryDirectory(prefix="reranklens-bench-") as folder:
        settings = Settings(home=Path(folder), threads=CORES)
        cpu_before, library = cpu_s(), open_library(settings, embedders)
        with watched() as shares:
            began = time.perf_counter()
            outcomes = library.ingest(sources, collection=_COLLECTION)
            seconds = time.perf_counter() - began
        texts, vectors = _stored(library, embedders)
        library.close()  # before the children's time is known, they have to end
        if failed := [outcome.message for outcome in outcomes if outcome.status != "added"]:
            raise MeasureError(f"Not every file was added: {' '.join(failed)}")
    return Ingested(seconds, cpu_s() - cpu_before, shares), texts, vectors


def _stored(library: Library, embedders: Embedders) -> tuple[list[str], Vectors]:
    store, embedder = library.store, embedders.default
    keys = store.chunk_keys(_COLLECTION)
    vectors = store.vectors.of(keys, model=embedder.info.sha256, dim=embedder.dim)
    return [text for _, text in store.texts(keys)], vectors


def _tokens(embedders: Embedders, texts: Sequence[str]) -> float:
    return median(len(embedders.default.offsets(text)) for text in texts)


def _section(found: Measured, rounds: int) -> Section:
    one_process = [name for name in found.theirs if "processes" not in name]
    faster = min(one_process, key=lambda name: median(found.theirs[name]))
    gains = found.gains(faster)
    seconds = [one.seconds for one in found.ours]
    rows = [["RerankLens, everything", *_speeds(found, seconds), "", ""]]
    for name, theirs in found.theirs.items():
        cosine = f"{found.least_cosines[name]:.3f}"
        label = f"{name}, {found.forms[name]}, embedding alone"
        rows.append([label, *_speeds(found, theirs), spread(found.gains(name), "×", digits=2), cosine])
    return Section(
        title=f"Ingesting {found.pages:,} pages",
        workload=(
            f"{found.n_files} files (a third PDF, the rest Word, PowerPoint, Excel, HTML, Markdown and plain "
            f"text) of {PAGE_WORDS} words a page, which give {found.chunks:,} chunks of {found.tokens:.0f} "
            f"tokens (median), into a new library on {CORES} cores: read in a process of its own, cut, "
            "embedded, committed document by document, indexed. The peers embed the same chunks' texts and "
            f"do no more, with the same int8 file on {CORES} threads: fastembed {version('fastembed')}, "
            f"sentence-transformers {version('sentence-transformers')} on onnxruntime. Each takes as many "
            f"texts at a time as was fastest for {min(_TRIED, found.chunks)} of them. {rounds} rounds after "
            "one warm-up, in turn."
        ),
        columns=[
            "what",
            "seconds",
            "pages",
            "chunks",
            "this ÷ ours",
            "least cosine to ours",
        ],
        rows=rows,
        limits=[
            Limit(
                f"at least {GAIN:g} times as fast as the faster of fastembed and sentence-transformers, "
                "which only embed",
                f"{faster} takes {spread(gains, 'times as long', digits=2)}",
                median(gains) >= GAIN,
            )
        ],
        notes=[
            "fastembed with a process for each core, its own advice for many texts, stands beside the "
            "promise, which speaks of threads. One text at a time, it computes just what RerankLens does.",
            *_busy(found),
            *(_tried(name, tried) for name, tried in found.tried_s.items()),
        ],
        figures=asdict(found),
    )


def _speeds(found: Measured, seconds: Sequence[float]) -> list[str]:
    pages, chunks = ([n / s for s in seconds] for n in (found.pages, found.chunks))
    return [
        spread(seconds, "s", digits=1),
        spread(pages, "a second", digits=1),
        spread(chunks, "a second", digits=1),
    ]


def _busy(found: Measured) -> list[str]:
    busy = [one.cpu_s / one.seconds for one in found.ours]
    shares = {work: median(one.shares[work] for one in found.ours) for work in found.ours[0].shares}
    parts = ", ".join(f"{work} {share:.1%}" for work, share in shares.items())
    return [
        f"Ingesting keeps {spread(busy, 'cores', digits=2)} of {CORES} busy, readers' processes included: "
        f"{median(one.cpu_s for one in found.ours):,.1f} s of the processor's time.",
        f"What the thread does that embeds, in shares of the time: {parts}.",
    ]


def _tried(name: str, tried: Mapping[str, float]) -> str:
    parts = ", ".join(f"{form} {seconds:.1f} s" for form, seconds in tried.items())
    return f"{name}, tried on some of the texts: {parts}."


def main() -> int:
    """Take the measures as the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES, help=f"of the mix (default: {PAGES})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of the mix (default: {ROUNDS})")
    parser.add_argument(
        "--chunks",
        type=int,
        default=ingest_memory.CHUNKS,
        help=f"ingested to see the memory (default: {ingest_memory.CHUNKS}; 100000 takes half an hour)",
    )
    parser.add_argument("--library", type=int, default=ingest_memory.LIBRARY, help="chunks of the library")
    parser.add_argument("--only", choices=["pages", "memory"], help="one of the two measures")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    measures = {
        "pages": partial(measure, asked.pages, asked.rounds),
        "memory": partial(ingest_memory.measure, asked.chunks, asked.library),
    }
    chosen = [taken for name, taken in measures.items() if asked.only in (None, name)]
    return run(*chosen, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
