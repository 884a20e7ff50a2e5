"""Make ready what an evaluation's candidates come from: indexes of its passages, or a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rag.beir import BeirFolder
from rag.embed import Embedder
from rag.errors import InputFileError
from rag.evaluation.candidates import (
    CandidateSource,
    FromRun,
    LanguageOf,
    Passages,
    PassagesOf,
    Search,
    chunked_passages,
    whole_passages,
)
from rag.evaluation.checkpoint import VectorRows, words_file
from rag.evaluation.summary import CorpusCounts, EvalOptions
from rag.index import VectorIndex
from rag.lexical import LexicalIndex
from rag.parse.language import detect
from rag.records import Passage
from rag.rerank import Scorer
from rag.terms import terms
from rag.timing import Stopwatch
from rag.trec import read_run

Progress = Callable[[str, int, int], None]

_EMBED_BLOCK = 128  # passages, the most that a kill costs
_WORDS_BLOCK = 2_000


@dataclass(frozen=True, slots=True)
class Job:
    """What one evaluation works with."""

    data: BeirFolder
    queries: Mapping[str, str]
    options: EvalOptions
    embedder: Embedder | None
    reranker: Scorer | None
    state: Path
    clock: Stopwatch
    progress: Progress


@dataclass(frozen=True, slots=True)
class FirstStage:
    """Where candidates come from; `left_out` of them lie below the depth asked for."""

    source: CandidateSource
    corpus: CorpusCounts
    left_out: int = 0


def first_stage(job: Job) -> FirstStage:
    """Return the first stage that `job.options` name, ready to be asked.

    Raises InputFileError where a run is not in the expected form, or ranks what the corpus lacks.
    """
    return _from_run(job, job.options.run) if job.options.run else _from_passages(job)


def _from_run(job: Job, path: Path) -> FirstStage:
    listed = {name: documents for name, documents in read_run(path).items() if name in job.queries}
    run = {name: documents[: job.options.depth] for name, documents in listed.items()}
    for name, documents in run.items():
        for one in documents:
            if one.document_id not in job.data.corpus:
                message = f"ranks document {one.document_id!r} for query {name!r}, but the corpus lacks it."
                raise InputFileError(path, message)
    left_out = sum(len(documents) - len(run[name]) for name, documents in listed.items())
    return FirstStage(FromRun(run, _passages_of(job)), CorpusCounts(len(job.data.corpus)), left_out)


def _from_passages(job: Job) -> FirstStage:
    options = job.options
    if options.depth is None:
        raise ValueError("retrieving needs a depth")
    passages_of = _passages_of(job)
    passages = [passage for document_id in job.data.corpus for passage in passages_of(document_id)]
    counts = CorpusCounts(len(job.data.corpus), len(passages))
    vectors = words = None
    if options.retriever != "lexical":
        vectors, counts = _vectors(job, passages)
    if options.retriever != "dense":
        words = _words(job, passages)
    corpus = Passages(passages, embedder=job.embedder, vectors=vectors, words=words)
    source = Search(corpus, depth=options.depth, retriever=options.retriever, fusion=options.fusion)
    return FirstStage(source, counts)


def _passages_of(job: Job) -> PassagesOf:
    language_of = _language_of(job)
    if not job.options.chunk:
        return whole_passages(job.data.corpus, language_of)
    if job.embedder is None:
        raise ValueError("chunking needs an embedder, for its tokenizer")
    room = job.embedder.passage_room
    return chunked_passages(job.data.corpus, language_of, job.embedder.offsets, room=room)


def _language_of(job: Job) -> LanguageOf:
    """Return how a document's language is told, as of a document that is added to a collection."""
    if job.options.found_by in ("run", "dense"):  # then nobody asks
        return lambda document_id: None
    return cache(lambda document_id: detect(job.data.corpus[document_id]))


def _vectors(job: Job, passages: Sequence[Passage]) -> tuple[VectorIndex, CorpusCounts]:
    embedder = job.embedder
    if embedder is None:
        raise ValueError("searching by vectors needs an embedder")
    rows = VectorRows(job.state, embedder.dim)
    resumed = len(rows)
    _embed(job, embedder, passages, rows)
    index = VectorIndex(embedder.dim)
    for numbers, vectors in rows.blocks():
        index.add(numbers, vectors)
    return index, CorpusCounts(len(job.data.corpus), len(passages), resumed, rows.truncated())


def _embed(job: Job, embedder: Embedder, passages: Sequence[Passage], rows: VectorRows) -> None:
    job.progress("passages", len(rows), len(passages))
    for start in range(len(rows), len(passages), _EMBED_BLOCK):
        texts = [passage.text for passage in passages[start : start + _EMBED_BLOCK]]
        with job.clock.stage("embed_corpus") as counts:
            counts.cold = not embedder.used
            embedded = embedder.embed_passages(texts)
            counts.items, counts.tokens = len(texts), int(embedded.tokens_read.sum())
        rows.append(embedded.vectors, embedded.tokens - embedded.tokens_read)
        job.progress("passages", len(rows), len(passages))


def _words(job: Job, passages: Sequence[Passage]) -> LexicalIndex:
    """Return the index of the passages' words: the one that an earlier run has kept, or a new one."""
    path = words_file(job.state)
    kept = LexicalIndex.load(path)
    if kept is not None and len(kept) == len(passages):
        return kept
    index = LexicalIndex()
    for start in range(0, len(passages), _WORDS_BLOCK):
        block = passages[start : start + _WORDS_BLOCK]
        with job.clock.stage("words_of_corpus") as counts:
            texts = [terms(passage.text, passage.language) for passage in block]
            index.add(range(start, start + len(block)), texts)
            counts.items = len(block)
        job.progress("words", start + len(block), len(passages))
    try:
        index.save(path)
    except OSError as exc:
        raise InputFileError(path, f"cannot be written ({exc.strerror}). Choose another --out.") from exc
    return index
