"""Measure both stages over a BEIR folder: how well the retriever ranks, and what the reranker makes of it.

A document is one passage, title then text, of which each model reads what its window takes. In chunks, a
document counts at its best chunk: the retriever's list is deepened until it names as many documents as
the depth asks for, and all its chunks down to there are reranked.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rag import __version__
from rag.beir import BeirFolder, beir_files, read_beir
from rag.embed import Embedder
from rag.errors import InputFileError
from rag.evaluation.candidates import (
    CandidateSource,
    FromRun,
    PassagesOf,
    VectorSearch,
    best_of_documents,
    chunked_passages,
    whole_passages,
)
from rag.evaluation.checkpoint import FinishedQuery, QueryLines, VectorRows, claim
from rag.evaluation.summary import CorpusCounts, EvalOptions, EvalReport, QueryCounts, report_json, sum_stages
from rag.index import VectorIndex
from rag.metrics import RELEVANT, MetricMeans, has_relevant, mean_metrics
from rag.records import Passage
from rag.rerank import Scorer
from rag.timing import Stopwatch
from rag.trec import Ranked, Run, read_run, write_run, write_whole

Progress = Callable[[str, int, int], None]

_EMBED_BLOCK = 128  # passages, the most that a kill costs


@dataclass(frozen=True, slots=True)
class _Job:
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
class _FirstStage:
    """Where candidates come from; `left_out` of them lie below the depth asked for."""

    source: CandidateSource
    corpus: CorpusCounts
    left_out: int = 0


def evaluate(
    folder: Path,
    *,
    options: EvalOptions,
    embedder: Embedder | None,
    reranker: Scorer | None,
    out: Path,
    progress: Progress = lambda stage, done, total: None,
) -> EvalReport:
    """Return what both stages make of the BEIR data set in `folder`.

    `embedder` may be None where `options.needs_embedder` is false; without `reranker`, only the first stage
    is measured. `progress` hears, for "passages" and then "queries", how many of how many are done.

    `out` gets `retrieved.trec`, `reranked.trec` and `metrics.json`, and in `state` whatever is finished:
    called again after a kill, this goes on from there. Raises InputFileError where a file is not in the
    expected form, or where `out` holds the state of other inputs.
    """
    clock = Stopwatch()
    embedder = embedder if options.needs_embedder else None
    data = read_beir(folder)
    queries = _measured_queries(folder, data, options.limit)
    state = out / "state"
    claim(state, _inputs(folder, options, embedder, reranker))
    job = _Job(data, queries, options, embedder, reranker, state, clock, progress)
    first = _from_run(job, options.run) if options.run else _from_vectors(job)
    finished, resumed = _rank_queries(job, first.source)
    report = _report(job, first, finished, resumed)
    _write_results(out, report, finished)
    return report


def state_name(
    folder: Path, *, options: EvalOptions, embedder: Embedder | None, reranker: Scorer | None
) -> str:
    """Return a folder name that stays the same as long as `evaluate` can go on with the state it left.

    Other contents under the same paths make another name. Raises InputFileError where a file cannot be
    read.
    """
    inputs = json.dumps(_inputs(folder, options, embedder, reranker))
    return f"{folder.resolve().name}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"


def _inputs(
    folder: Path, options: EvalOptions, embedder: Embedder | None, reranker: Scorer | None
) -> dict[str, str]:
    """Return all that decides what a query's rankings are.

    The judgments and the limit do not: more judgments or more queries go on with the same state.
    """
    corpus, queries, _ = beir_files(folder)
    return {
        "program": f"RerankLens {__version__}",
        "corpus": _sha256(corpus),
        "queries": _sha256(queries),
        "embedder": _model(embedder if options.needs_embedder else None),
        "reranker": _model(reranker),
        "run": _sha256(options.run) if options.run else "none",
        "retrieve_k": str(options.depth or "the whole run"),
        "chunk": "yes" if options.chunk else "no",
    }


def _model(stage: Embedder | Scorer | None) -> str:
    return f"{stage.info.id}, sha256 {stage.info.sha256}, {stage.info.backend}" if stage else "none"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as exc:
        raise InputFileError(path, f"cannot be read ({exc.strerror}).") from exc


def _measured_queries(folder: Path, data: BeirFolder, limit: int | None) -> dict[str, str]:
    judged = ((name, text) for name, text in data.queries.items() if has_relevant(data.qrels.get(name, {})))
    measured = dict(islice(judged, limit))
    if not measured:
        raise InputFileError(folder, "its judgments name no relevant document for any of its queries.")
    return measured


def _from_run(job: _Job, path: Path) -> _FirstStage:
    listed = {name: documents for name, documents in read_run(path).items() if name in job.queries}
    run = {name: documents[: job.options.depth] for name, documents in listed.items()}
    for name, documents in run.items():
        for one in documents:
            if one.document_id not in job.data.corpus:
                message = f"ranks document {one.document_id!r} for query {name!r}, but the corpus lacks it."
                raise InputFileError(path, message)
    left_out = sum(len(documents) - len(run[name]) for name, documents in listed.items())
    return _FirstStage(FromRun(run, _passages_of(job)), CorpusCounts(len(job.data.corpus)), left_out)


def _from_vectors(job: _Job) -> _FirstStage:
    depth = job.options.depth
    if job.embedder is None or depth is None:
        raise ValueError("retrieving needs an embedder and a depth")
    passages_of = _passages_of(job)
    passages = [passage for document_id in job.data.corpus for passage in passages_of(document_id)]
    rows = VectorRows(job.state, job.embedder.dim)
    resumed = len(rows)
    _embed(job, job.embedder, passages, rows)
    index = VectorIndex(job.embedder.dim)
    for numbers, vectors in rows.blocks():
        index.add(numbers, vectors)
    source = VectorSearch(job.embedder, index, passages, depth=depth)
    corpus = CorpusCounts(len(job.data.corpus), len(passages), resumed, rows.truncated())
    return _FirstStage(source, corpus)


def _passages_of(job: _Job) -> PassagesOf:
    if not job.options.chunk:
        return whole_passages(job.data.corpus)
    if job.embedder is None:
        raise ValueError("chunking needs an embedder, for its tokenizer")
    return chunked_passages(job.data.corpus, job.embedder.offsets, room=job.embedder.passage_room)


def _embed(job: _Job, embedder: Embedder, passages: Sequence[Passage], rows: VectorRows) -> None:
    job.progress("passages", len(rows), len(passages))
    for start in range(len(rows), len(passages), _EMBED_BLOCK):
        texts = [passage.text for passage in passages[start : start + _EMBED_BLOCK]]
        with job.clock.stage("embed_corpus") as counts:
            counts.cold = not embedder.used
            embedded = embedder.embed_passages(texts)
            counts.items, counts.tokens = len(texts), int(embedded.tokens_read.sum())
        rows.append(embedded.vectors, embedded.tokens - embedded.tokens_read)
        job.progress("passages", len(rows), len(passages))


def _rank_queries(job: _Job, source: CandidateSource) -> tuple[list[FinishedQuery], int]:
    """Return the rankings of the queries, in their order, and how many an earlier run had finished."""
    lines = QueryLines(job.state)
    waiting = [name for name in job.queries if name not in lines.finished]
    resumed = len(job.queries) - len(waiting)
    job.progress("queries", resumed, len(job.queries))
    for done, name in enumerate(waiting, resumed + 1):
        lines.append(_rank_query(job, source, name))
        job.progress("queries", done, len(job.queries))
    return [lines.finished[name] for name in job.queries], resumed


def _rank_query(job: _Job, source: CandidateSource, query_id: str) -> FinishedQuery:
    query = job.queries[query_id]
    candidates = source.find(query_id, query, watch=job.clock)
    if job.reranker is None:
        return FinishedQuery(query_id, candidates.documents, (), pairs=0, truncated_pairs=0)
    hits = job.reranker.rerank(query, candidates.hits, watch=job.clock)
    return FinishedQuery(
        query_id,
        retrieved=candidates.documents,
        reranked=best_of_documents(Ranked(hit.passage.document_id, hit.order) for hit in hits),
        pairs=len(hits),
        truncated_pairs=sum(hit.is_cut for hit in hits),
    )


def _report(job: _Job, first: _FirstStage, finished: Sequence[FinishedQuery], resumed: int) -> EvalReport:
    unjudged = sum(not has_relevant(job.data.qrels.get(name, {})) for name in job.data.queries)
    return EvalReport(
        retrieved=_means(job, {query.query_id: query.retrieved for query in finished}),
        reranked=_means(job, {query.query_id: query.reranked for query in finished})
        if job.reranker
        else None,
        corpus=first.corpus,
        queries=QueryCounts(
            measured=len(finished),
            resumed=resumed,
            left_out=unjudged,
            pairs=sum(query.pairs for query in finished),
            truncated_pairs=sum(query.truncated_pairs for query in finished),
        ),
        seconds=job.clock.elapsed_s,
        stages=sum_stages(job.clock.stages),
        embedder=job.embedder.info if job.embedder else None,
        reranker=job.reranker.info if job.reranker else None,
        options=job.options,
        notices=_notices(job, first, finished),
    )


def _means(job: _Job, run: Run) -> MetricMeans:
    rankings = {name: [ranked.document_id for ranked in documents] for name, documents in run.items()}
    qrels = {name: job.data.qrels[name] for name in run}
    depth = job.options.depth or max(map(len, run.values()))
    return mean_metrics(rankings, qrels, recall_depth=depth)


def _notices(job: _Job, first: _FirstStage, finished: Sequence[FinishedQuery]) -> tuple[str, ...]:
    data = job.data
    relevant = (
        document
        for query in finished
        for document, grade in data.qrels[query.query_id].items()
        if grade >= RELEVANT
    )
    counted = {
        "Judged queries that queries.jsonl does not hold, left out": sum(
            name not in data.queries for name in data.qrels
        ),
        "Relevant documents that the corpus does not hold, counted as not found": sum(
            document not in data.corpus for document in relevant
        ),
        "Queries for which nothing was retrieved, counted as 0": sum(
            not query.retrieved for query in finished
        ),
        f"Documents of the run below rank {job.options.depth}, left out": first.left_out,
        "Questions longer than the embedder's window, cut": _cut_questions(
            job, None if job.options.run else job.embedder
        ),
        "Questions longer than the reranker's window, cut": _cut_questions(job, job.reranker),
    }
    return tuple(f"{what}: {count}." for what, count in counted.items() if count)


def _cut_questions(job: _Job, reader: Embedder | Scorer | None) -> int:
    # Counted over all questions, so that those of an earlier run are among them.
    return sum(reader.query_tokens_unread(text) > 0 for text in job.queries.values()) if reader else 0


def _write_results(out: Path, report: EvalReport, finished: Sequence[FinishedQuery]) -> None:
    write_run(
        out / "retrieved.trec", {query.query_id: query.retrieved for query in finished}, tag="retrieved"
    )
    if report.reranked:
        write_run(
            out / "reranked.trec", {query.query_id: query.reranked for query in finished}, tag="reranked"
        )
    write_whole(out / "metrics.json", report_json(report) + "\n")
