"""Measure both stages over a BEIR folder: how well the retriever ranks, and what becomes of it.

A document is one passage, title then text, of which each model reads what its window takes. In chunks, a
document counts at its best chunk: the retriever's list is deepened until it names as many documents as
the depth asks for, and all its chunks down to there are reranked.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from itertools import islice
from pathlib import Path

from rag import __version__
from rag.beir import BeirFolder, beir_files, read_beir
from rag.embed import Embedder
from rag.errors import InputFileError
from rag.evaluation.candidates import CandidateSource, best_of_documents
from rag.evaluation.checkpoint import FinishedQuery, QueryLines, claim
from rag.evaluation.sources import FirstStage, Job, Progress, first_stage
from rag.evaluation.summary import EvalOptions, EvalReport, QueryCounts, report_json, sum_stages
from rag.metrics import RELEVANT, MetricMeans, has_relevant, mean_metrics
from rag.order import in_final_order, rule_for
from rag.outcomes import Ordering
from rag.question_language import question_language
from rag.records import RerankedHit
from rag.rerank import Scorer
from rag.terms import VERSION
from rag.timing import Stopwatch
from rag.trec import Ranked, Run, write_run, write_whole


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
    is measured. `progress` hears, for "passages", "words" and then "queries", how many of how many are done.

    `out` gets `retrieved.trec`, `reranked.trec` and `metrics.json`, and in `state` whatever is finished:
    called again after a kill, this goes on from there. Where the final order is not the reranker's own,
    that is in `by_reranker.trec`. Raises InputFileError where a file is not in the expected form, or
    where `out` holds the state of other inputs.
    """
    clock = Stopwatch()
    embedder = embedder if options.needs_embedder else None
    data = read_beir(folder)
    queries = _measured_queries(folder, data, options.limit)
    state = out / "state"
    claim(state, _inputs(folder, options, embedder, reranker))
    job = Job(data, queries, options, embedder, reranker, state, clock, progress)
    first = first_stage(job)
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
        "retriever": _retriever(options),
        "reranker": _model(reranker),
        "run": _sha256(options.run) if options.run else "none",
        "retrieve_k": str(options.depth or "the whole run"),
        "chunk": "yes" if options.chunk else "no",
        "order": options.order,
    }


def _retriever(options: EvalOptions) -> str:
    match options.found_by:
        case "lexical":
            return f"lexical, {VERSION}"
        case "hybrid":
            return f"hybrid, {VERSION}, fused by {astuple(options.fusion)}"
        case other:
            return other


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


def _rank_queries(job: Job, source: CandidateSource) -> tuple[list[FinishedQuery], int]:
    """Return the rankings of the queries, in their order, and how many an earlier run had finished."""
    lines = QueryLines(job.state)
    waiting = [name for name in job.queries if name not in lines.finished]
    resumed = len(job.queries) - len(waiting)
    job.progress("queries", resumed, len(job.queries))
    for done, name in enumerate(waiting, resumed + 1):
        lines.append(_rank_query(job, source, name))
        job.progress("queries", done, len(job.queries))
    return [lines.finished[name] for name in job.queries], resumed


def _rank_query(job: Job, source: CandidateSource, query_id: str) -> FinishedQuery:
    query = job.queries[query_id]
    candidates = source.find(query_id, query, watch=job.clock)
    if job.reranker is None:
        return FinishedQuery(query_id, candidates.documents, (), pairs=0, truncated_pairs=0)
    hits = job.reranker.rerank(query, candidates.hits, watch=job.clock)
    ordering = rule_for(
        question_language(query),
        [hit.passage for hit in hits],
        job.reranker.info,
        retriever="dense" if job.options.run else job.options.retriever,
        choice=job.options.order,
    )
    fused = ordering.rule != "reranker"
    return FinishedQuery(
        query_id,
        retrieved=candidates.documents,
        reranked=_in_final_order(job, hits, ordering) if fused else _by_reranker(hits),
        pairs=len(hits),
        truncated_pairs=sum(hit.is_cut for hit in hits),
        rule=ordering.rule,
        by_reranker=_by_reranker(hits) if fused else (),
    )


def _by_reranker(hits: Sequence[RerankedHit]) -> tuple[Ranked, ...]:
    return best_of_documents(Ranked(hit.passage.document_id, hit.order) for hit in hits)


def _in_final_order(job: Job, hits: Sequence[RerankedHit], ordering: Ordering) -> tuple[Ranked, ...]:
    with job.clock.stage("order") as counts:
        final = in_final_order(hits, ordering)
        counts.items = len(final)
    # A fused order has no score of its own: each of its places has one.
    return best_of_documents(Ranked(hit.passage.document_id, 1 / hit.rank) for hit in final)


def _report(job: Job, first: FirstStage, finished: Sequence[FinishedQuery], resumed: int) -> EvalReport:
    rules = Counter(query.rule for query in finished) if job.reranker else {}
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
        rules=dict(rules),
        by_reranker=_means(job, {query.query_id: query.by_reranker_alone for query in finished})
        if any(rule != "reranker" for rule in rules)
        else None,
    )


def _means(job: Job, run: Run) -> MetricMeans:
    rankings = {name: [ranked.document_id for ranked in documents] for name, documents in run.items()}
    qrels = {name: job.data.qrels[name] for name in run}
    depth = job.options.depth or max(map(len, run.values()))
    return mean_metrics(rankings, qrels, recall_depth=depth)


def _notices(job: Job, first: FirstStage, finished: Sequence[FinishedQuery]) -> tuple[str, ...]:
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
            job, job.embedder if job.options.found_by in ("dense", "hybrid") else None
        ),
        "Questions longer than the reranker's window, cut": _cut_questions(job, job.reranker),
    }
    return tuple(f"{what}: {count}." for what, count in counted.items() if count)


def _cut_questions(job: Job, reader: Embedder | Scorer | None) -> int:
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
    if report.by_reranker:
        alone = {query.query_id: query.by_reranker_alone for query in finished}
        write_run(out / "by_reranker.trec", alone, tag="by_reranker")
    write_whole(out / "metrics.json", report_json(report) + "\n")
