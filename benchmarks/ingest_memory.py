"""The memory that ingesting takes, and one more document in a large library: each in a process of its own.

`python -m benchmarks.ingest_memory chunks N` ingests N short texts, `prepare N FOLDER` makes a library of N
random vectors, `add FOLDER` adds documents to it; each prints what it measured as a line of JSON.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.common import ROOT, Limit, MeasureError, Section, progress, spread
from benchmarks.pages import paragraph
from rag.config import Settings, usable_cores
from rag.embed import Embedder
from rag.file_outcome import FileOutcome
from rag.ingest import SourceFile
from rag.library import Library
from rag.machine.memory import resident_bytes
from rag.records import Chunk, Document
from rag.service import open_embedders, open_library

CHUNKS, LIBRARY, GOAL = 10_000, 100_000, 100_000
MOST_MB, MOST_S = 1200, 1.0
_WORDS = 25  # of a short text: one chunk
_AGAIN = 9
_PER_DOCUMENT, _CHUNK_WORDS = 100, 120
_COLLECTION = "large"
_TICK_S = 0.05


def measure(chunks: int = CHUNKS, library: int = LIBRARY) -> Section:
    """Return the memory of ingesting `chunks` chunks, and the times of adding to a library of `library`."""
    progress(f"ingest: the memory of {chunks:,} chunks")
    grown = _run("chunks", str(chunks))
    with TemporaryDirectory(prefix="reranklens-bench-") as home:
        progress(f"ingest: making a library of {library:,} vectors")
        prepared = _run("prepare", str(library), home)
        added = _run("add", home)
    return _section(chunks, library, grown, {**prepared, **added})


def _run(*arguments: str) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks.ingest_memory", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise MeasureError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _ingest_chunks(n: int, home: Path) -> dict[str, list[float]]:
    """Ingest `n` short files; memory in MB: at the start, at half, at the end, at most."""
    library, embedder = _open(home)
    embedder.embed_passages(["warm up"])
    at_start, at_half, told = _memory_mb(), [0.0], [0]

    def on_outcome(outcome: FileOutcome) -> None:
        told[0] += 1
        if outcome.status != "added" or outcome.chunks != 1:
            raise MeasureError(f"{outcome.message} Expected one chunk.")
        if told[0] == n // 2:
            at_half[0] = _memory_mb()
        elif told[0] == n:
            at_half.append(_memory_mb())

    with _peak_mb() as (own, all_processes):
        began = time.perf_counter()
        files = [SourceFile(f"note-{i}.txt", 1, partial(_note, i)) for i in range(n)]
        library.ingest(files, collection=_COLLECTION, on_outcome=on_outcome)
        seconds = time.perf_counter() - began
    vectors_mb = n * embedder.dim * 4 / 1e6
    library.close()
    return {
        "seconds": [seconds],
        "vectors_mb": [vectors_mb],
        "resident_mb": [at_start, *at_half, own[0]],
        "with_readers_mb": all_processes,
    }


def _note(i: int) -> bytes:
    return f"Note {i}. {paragraph(random.Random(i), _WORDS)}".encode()


def _prepare(n: int, home: Path) -> dict[str, list[float]]:
    """Put `n` random vectors with texts into a new library; seconds and MB of making its index from them."""
    library, embedder = _open(home)
    chance, numbers = random.Random(3), np.random.default_rng(3)
    for first in range(0, n, _PER_DOCUMENT):
        vectors = numbers.standard_normal((min(_PER_DOCUMENT, n - first), embedder.dim), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        document, chunks = _document(f"volume-{first // _PER_DOCUMENT}.txt", len(vectors), chance)
        library.store.put_document(
            _COLLECTION,
            document,
            size_bytes=len(document.text),
            chunks=chunks,
            vectors=vectors,
            embedder=embedder.info,
        )
    return {f"made_{name}": values for name, values in _into_memory(library).items()}


def _document(name: str, n_chunks: int, chance: random.Random) -> tuple[Document, list[Chunk]]:
    texts = [paragraph(chance, _CHUNK_WORDS) for _ in range(n_chunks)]
    whole = "\n\n".join(texts)
    document = Document(sha256(whole.encode()).hexdigest(), name, "txt", whole, language="en")
    chunks, start = [], 0
    for text in texts:
        chunks.append(Chunk(document.id, start, start + len(text), text, tokens=_CHUNK_WORDS))
        start += len(text) + 2
    return document, chunks


def _add(home: Path) -> dict[str, list[float]]:
    """Add a document until it is found, again and again; before that, load the index that was saved."""
    library, embedder = _open(home)
    embedder.embed_passages(["warm up"])
    loaded = _into_memory(library)
    seconds = [_until_found(library, embedder, number) for number in range(_AGAIN + 1)]
    library.close()
    return {**{f"loaded_{name}": values for name, values in loaded.items()}, "added_s": seconds}


def _until_found(library: Library, embedder: Embedder, number: int) -> float:
    name, data = f"new-{number}.txt", _note(-number - 1)
    question = data.decode()[:200]
    began = time.perf_counter()
    library.ingest([SourceFile(name, len(data), lambda: data)], collection=_COLLECTION)
    found = library.searcher(_COLLECTION).nearest(embedder.embed_query(question), 10)
    seconds = time.perf_counter() - began
    if name not in {passage.document for passage, _ in found}:
        raise MeasureError(f"{name} was added, but not found by its own text.")
    return seconds


def _into_memory(library: Library) -> dict[str, list[float]]:
    before = _memory_mb()
    with _peak_mb() as (own, _):
        began = time.perf_counter()
        library.searcher(_COLLECTION)
        seconds = time.perf_counter() - began
    return {"s": [seconds], "mb": [_memory_mb() - before], "peak_mb": [own[0] - before]}


def _open(home: Path) -> tuple[Library, Embedder]:
    settings = Settings(home=home, threads=usable_cores())
    embedders = open_embedders(settings)
    return open_library(settings, embedders), embedders.default


def _memory_mb() -> float:
    resident = resident_bytes()
    if resident is None:
        raise MeasureError("This measure needs /proc, so Linux.")
    return resident / 1e6


@contextmanager
def _peak_mb() -> Iterator[tuple[list[float], list[float]]]:
    """Yield two lists whose only values become the most memory of this process, and with its children."""
    own, together = [_memory_mb()], [_memory_mb()]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_TICK_S):
            own[0] = max(own[0], now := _memory_mb())
            together[0] = max(together[0], now + sum(map(_resident_mb, _children())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield own, together
    finally:
        over.set()
        watcher.join()


def _children() -> list[int]:
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:
            continue  # the thread has just ended
    return found


def _resident_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:"))


def _section(n: int, library: int, grown: dict[str, list[float]], added: dict[str, list[float]]) -> Section:
    (vectors_mb,), (peak_mb,) = grown["vectors_mb"], grown["with_readers_mb"]
    start, half, end, own_peak = grown["resident_mb"]
    # Above the vectors themselves, which at the end are in memory once more.
    per_chunk_kb = max(0.0, (end - half) / (n - n // 2)) * 1000
    goal_mb = peak_mb - vectors_mb + max(0, GOAL - n) * (per_chunk_kb / 1000 + vectors_mb / n)
    said = "" if n >= GOAL else f", going by the growth from {n // 2:,} to {n:,}"
    first, again = added["added_s"][0], added["added_s"][1:]
    return Section(
        title="Ingesting many chunks, and into a large library",
        workload=(
            f"{n:,} files of {_WORDS} words, a chunk each, into a new library; and a library of {library:,} "
            "random vectors, to which such a file is added until a search finds it. Each in a process of its "
            "own. Resident memory from /proc, in units of 10^6 bytes."
        ),
        columns=["what", "measured"],
        rows=[
            [f"ingesting {n:,} chunks", f"{grown['seconds'][0]:,.0f} s"],
            ["the process before it", f"{start:,.0f} MB"],
            [f"after {n // 2:,}", f"{half:,.0f} MB"],
            [f"after {n:,}", f"{end:,.0f} MB"],
            ["at most, when the index is made", f"{own_peak:,.0f} MB"],
            ["at most, with the readers' processes", f"{peak_mb:,.0f} MB"],
            ["of it the vectors", f"{vectors_mb:,.0f} MB"],
            ["growth per chunk before the index is made", f"{per_chunk_kb:.2f} kB"],
            [f"index of {library:,} vectors, made from the store", _index(added, "made")],
            ["the same, loaded from its file", _index(added, "loaded")],
            ["the first document, until it is found", f"{first:.2f} s"],
            [f"{len(again)} more", spread(again, "s", digits=2)],
        ],
        limits=[
            Limit(
                f"ingesting {GOAL:,} chunks takes less than {MOST_MB:,} MB above their vectors",
                f"{goal_mb:,.0f} MB, models and readers included{said}",
                goal_mb < MOST_MB,
            ),
            Limit(
                f"a document added to {library:,} chunks is found in less than {MOST_S:g} s",
                f"{first:.2f} s the first time, {median(again):.2f} s after that, at most {max(again):.2f} s",
                max(first, *again) < MOST_S,
            ),
        ],
        figures={"chunks": n, "library": library, **grown, **added},
    )


def _index(added: dict[str, list[float]], how: str) -> str:
    seconds, held, peak = (added[f"{how}_{name}"][0] for name in ("s", "mb", "peak_mb"))
    return f"{seconds:.2f} s, {held:,.0f} MB, {peak:,.0f} MB at most"


def main() -> None:
    """Do what the command line says, and print what was measured as a line of JSON."""
    match sys.argv[1:]:
        case ["chunks", n]:
            with TemporaryDirectory(prefix="reranklens-bench-") as home:
                print(json.dumps(_ingest_chunks(int(n), Path(home))))
        case ["prepare", n, home]:
            print(json.dumps(_prepare(int(n), Path(home))))
        case ["add", home]:
            print(json.dumps(_add(Path(home))))


if __name__ == "__main__":
    main()
