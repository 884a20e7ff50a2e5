"""`search`: one question, both stages, every time, and an answer where one is asked for."""

import argparse
from collections.abc import Iterator
from typing import get_args

from msgspec import to_builtins

from rag.amounts import milliseconds
from rag.answers.prompt import declined
from rag.api.schemas import search_body
from rag.cli.common import add_collection, add_json, add_stages, as_json, depth, settings_for
from rag.config import reranker_choice
from rag.outcomes import Answer, AnswerKind, AnswerSentence, Citation, Retriever
from rag.records import Hit, Passage, RerankedHit, SearchResult
from rag.service import Service, build
from rag.wording import place, stage_counts, stage_marks, summary

_TEXT_CHARS = 60
_BY_WHAT_IS_SET_UP = "either"  # `--answer` alone
_COLUMNS: dict[Retriever, str] = {
    "dense": "rank, cosine",
    "lexical": "rank, BM25",
    "hybrid": "rank, by vectors, by words, cosine, BM25",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("query", metavar="QUERY")
    add_collection(parser)
    add_stages(parser)
    parser.add_argument("--top-k", type=depth, metavar="N", help="hits to print (RAG_TOP_K, 10)")
    parser.add_argument(
        "--answer",
        nargs="?",
        const=_BY_WHAT_IS_SET_UP,
        choices=(*get_args(AnswerKind), _BY_WHAT_IS_SET_UP),
        help="answer with sentences: quoted from the passages, or written by the server at LLM_BASE_URL; "
        "alone, written where there is one",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the question and print both rankings."""
    settings = settings_for(args)
    service = build(settings)
    try:
        result = service.pipeline.search(
            args.query,
            collection=args.collection,
            retrieve_k=settings.retrieve_k,
            reranker=reranker_choice(args.reranker),
        )
        result = _answered(service, result, args.answer)
    finally:
        service.close()
    if args.json:
        print(as_json(to_builtins(search_body(result, top_k=settings.top_k))))
    else:
        print("\n".join(_lines(result, settings.top_k)))
    return 0


def _answered(service: Service, result: SearchResult, kind: str | None) -> SearchResult:
    match kind:
        case "quoted":
            return service.answers.quoted(result)
        case "written":
            return service.answers.written(result)
        case None:
            return result
        case _:
            return service.answers.preferred(result)


def _lines(result: SearchResult, top_k: int) -> list[str]:
    lines = [summary(result, top_k), *result.notices]
    if result.answer:
        lines += ["", *_answer_lines(result.answer, result)]
    lines += ["", f"Retrieved ({_COLUMNS[result.retriever]})"]
    lines += [
        f"{hit.rank:4}  {_found(hit, result.retriever)}  {_excerpt(hit)}" for hit in result.retrieved[:top_k]
    ]
    if result.reranked:
        by = "logit" if result.reranked[0].logit is not None else "relevance"
        who = result.reranker.id if result.reranker else ""
        lines += ["", f"Reranked by {who} (rank, rank before, {by})"]
        if result.ordering and result.ordering.because:
            lines.append(result.ordering.because)
        lines += [
            f"{hit.rank:4}  {hit.retrieved_rank:4}  {hit.order:8.3f}  {_excerpt(hit)}"
            for hit in result.reranked[:top_k]
        ]
    lines.append("")
    for stage in result.stages:
        notes = ", ".join(filter(None, [stage_counts(stage), *stage_marks(stage)]))
        lines.append(f"{stage.stage:10} {milliseconds(stage.seconds):>10}  {notes}".rstrip())
    return [*lines, f"{'total':10} {milliseconds(result.total_s):>10}"]


def _answer_lines(answer: Answer, result: SearchResult) -> Iterator[str]:
    """Yield the answer's sentences, each with where it is from."""
    of = "" if answer.threshold is None or answer.best_logit is None else _against_threshold(answer)
    if answer.kind == "written":
        yield _written_title(answer)
    elif answer.answered:
        yield f"Answer, quoted from the documents{of}"
    else:
        yield f"The documents do not answer this{of}. The nearest sentences:"
    passages = {hit.passage.chunk_id: hit.passage for hit in result.retrieved}
    for sentence in answer.sentences:
        mark = "" if sentence.supported else f"  [{_doubt(sentence)}]"
        where = "; ".join(_where(citation, passages) for citation in sentence.citations)
        yield f"  {' '.join(sentence.text.split())}{mark}" + (f"  ({where})" if where else "")
    yield from answer.notices


def _written_title(answer: Answer) -> str:
    if answer.answered:
        return f"Answer, written by {answer.model}"
    also = " What it wrote all the same:" if answer.sentences else ""
    if declined(answer.text):
        return f"The documents do not answer this, says {answer.model}.{also}"
    return f"There is no answer by {answer.model}.{also}"


def _doubt(sentence: AnswerSentence) -> str:
    return "not checked" if sentence.citations and sentence.logit is None else "not supported"


def _against_threshold(answer: Answer) -> str:
    return f" (best logit {answer.best_logit:.2f}, threshold {answer.threshold:.2f})"


def _where(citation: Citation, passages: dict[str, Passage]) -> str:
    passage = passages[citation.chunk_id]
    return passage.document + (f", {place(passage.kind, passage.page)}" if passage.page is not None else "")


def _found(hit: Hit, retriever: Retriever) -> str:
    """Return what the retriever says of a hit, in the columns of its head."""
    cosine, bm25 = f"{hit.cosine or 0:7.4f}", f"{hit.bm25 or 0:7.3f}"
    match retriever:
        case "dense":
            return cosine
        case "lexical":
            return bm25
        case "hybrid":
            return f"{hit.dense_rank or '–':>4}  {hit.lexical_rank or '–':>4}  {cosine}  {bm25}"


def _excerpt(hit: Hit | RerankedHit) -> str:
    passage = hit.passage
    where = f", {place(passage.kind, passage.page)}" if passage.page is not None else ""
    if hit.duplicate_of is not None:
        same = "same text" if hit.similarity == 1 else f"nearly the same ({hit.similarity:.3f})"
        return f"{passage.document}{where}: {same} as rank {hit.duplicate_of}"
    text = " ".join(passage.text.split())
    cut = "…" if len(text) > _TEXT_CHARS else ""
    return f"{passage.document}{where}: {text[:_TEXT_CHARS]}{cut}"
