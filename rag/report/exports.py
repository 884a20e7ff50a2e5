"""Write judgments and recorded runs as other programs read them.

Every file is about the questions that the collection is measured with: none tells of one that was removed.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from rag.errors import LibraryError
from rag.evaluation.counting import questions
from rag.evaluation.first import first_candidates
from rag.evaluation.grades import grades
from rag.evidence import Judgment, Setup
from rag.library import Library
from rag.metrics import RELEVANT
from rag.records import Hit, Passage, RerankedHit, SearchResult
from rag.report.csv_files import csv_text
from rag.report.names import question_ids
from rag.report.recorded import recorded
from rag.trec import Ranked, run_text

Stage = Literal["retrieved", "reranked"]

MOST_NEGATIVES = 8  # for each good passage of a question
_MOST_TEXT = 2_000  # characters of a judged span that the CSV shows

_CSV_HEADER = (
    *("question_id", "question", "document", "document_id", "start", "end", "grade"),
    *("judge", "note", "judged_at", "text"),
)


def qrels_trec(library: Library, collection: str, judge: str | None = None) -> str:
    """Return the grade of each judged chunk as a TREC qrels file, `qid 0 chunk-id grade`.

    Chunks are those of now; of several judges, with `judge` None, the median counts. What a judge could
    not tell is left out.
    """
    ids, graded = _ids(library, collection), grades(library, collection, judge)
    return "".join(
        f"{name} 0 {chunk_id} {grade}\n"
        for query, name in ids.items()
        for chunk_id, grade in graded.get(query, {}).items()
    )


def runs_trec(
    library: Library, collection: str, stage: Stage = "reranked", *, setup: Setup | None = None
) -> str:
    """Return the order of one stage for each question asked, as a TREC run of chunk ids.

    The runs are those of `recorded`, which raises LibraryError where there are none. Scores are those that
    the order goes by; of an order that fuses ranks, they are 1 / rank.
    """
    ids, found = _ids(library, collection), recorded(library, collection, setup=setup)
    results = {query: library.store.runs.get(info.id).result for query, info in found.runs.items()}
    run = {ids[query]: _ranked(first_candidates(one, found.depth), stage) for query, one in results.items()}
    return run_text(run, tag=f"reranklens-{stage}")


def questions_jsonl(library: Library, collection: str, judge: str | None = None) -> str:
    """Return the questions by the ids that the other files give them, as BEIR has them."""
    return _json_lines({"_id": name, "text": text} for text, name in _ids(library, collection).items())


def judgments_csv(library: Library, collection: str, judge: str | None = None) -> str:
    """Return the judgments as they were made, each on its characters of a document, as CSV.

    `grade` is empty where the judge could not tell, `document` and `text` where the document is gone.
    """
    ids = _ids(library, collection)
    judgments = [one for one in library.store.judgments.of(collection, judge=judge) if one.query in ids]
    texts = _texts(library, collection, {judgment.document_id for judgment in judgments})
    return csv_text(_CSV_HEADER, (_row(judgment, ids, texts) for judgment in judgments))


def triples_jsonl(library: Library, collection: str, judge: str | None = None) -> str:
    """Return triples to train a reranker with, one JSON object a line: question, a good passage, a bad one.

    Good is what was judged relevant (from grade 1 on), bad what was judged 0, and nothing that nobody
    judged. Bad ones are the hardest first, those that a ranking had highest; at most 8 for each good one.
    """
    ids, graded = _ids(library, collection), grades(library, collection, judge)
    passages = _passages(library, collection, {chunk_id for each in graded.values() for chunk_id in each})
    ranks = _best_ranks(library, collection)
    return _json_lines(
        _triple(name, query, passages[good], passages[bad], of_query)
        for query, name in ids.items()
        if (of_query := graded.get(query))
        for good in _with(of_query, passages, lambda grade: grade >= RELEVANT)
        for bad in _hardest(_with(of_query, passages, lambda grade: grade < RELEVANT), ranks.get(query, {}))
    )


def _ids(library: Library, collection: str) -> dict[str, str]:
    library.store.existing(collection)
    removed = library.store.questions.removed(collection)
    asked = sorted(library.store.runs.newest(collection).keys() - removed)
    return question_ids(questions(library, collection), asked)


def _ranked(result: SearchResult, stage: Stage) -> list[Ranked]:
    if stage == "retrieved":
        return [Ranked(hit.passage.chunk_id, _retrieval_score(result, hit)) for hit in result.retrieved]
    is_fused = result.ordering is not None and result.ordering.rule != "reranker"
    return [Ranked(hit.passage.chunk_id, 1 / hit.rank if is_fused else hit.order) for hit in result.reranked]


def _retrieval_score(result: SearchResult, hit: Hit) -> float:
    match result.retriever:
        case "dense":
            return hit.cosine or 0.0
        case "lexical":
            return hit.bm25 or 0.0
        case "hybrid":
            return 1 / hit.rank


def _texts(library: Library, collection: str, document_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the name and the text of those of the documents that are here."""
    here = {info.id for info in library.documents(collection)}
    documents = [library.document(collection, one)[0] for one in document_ids if one in here]
    return {document.id: (document.name, document.text) for document in documents}


def _row(judgment: Judgment, ids: Mapping[str, str], texts: Mapping[str, tuple[str, str]]) -> list[object]:
    name, text = texts.get(judgment.document_id, ("", ""))
    return [
        *(ids[judgment.query], judgment.query, name, judgment.document_id, judgment.start, judgment.end),
        *("" if judgment.grade is None else judgment.grade, judgment.judge, judgment.note),
        *(judgment.judged_at, text[judgment.start : judgment.end][:_MOST_TEXT]),
    ]


def _passages(library: Library, collection: str, chunk_ids: set[str]) -> dict[str, Passage]:
    store, starts = library.store, {chunk_id[:16] for chunk_id in chunk_ids}
    documents = [info.id for info in library.documents(collection) if info.id[:16] in starts]
    found = (store.passages(store.chunk_keys(collection, document_id=one)) for one in documents)
    return {one.chunk_id: one for passages in found for one in passages if one.chunk_id in chunk_ids}


def _best_ranks(library: Library, collection: str) -> dict[str, dict[str, int]]:
    """Return, by question, the best rank of each chunk in either stage; nothing where none was asked."""
    try:
        runs = recorded(library, collection).runs
    except LibraryError:
        return {}
    ranks: dict[str, dict[str, int]] = {}
    for query, info in runs.items():
        result, best = library.store.runs.get(info.id).result, ranks.setdefault(query, {})
        hits: list[Hit | RerankedHit] = [*result.retrieved, *result.reranked]
        for hit in hits:
            chunk_id = hit.passage.chunk_id
            best[chunk_id] = min(hit.rank, best.get(chunk_id, hit.rank))
    return ranks


def _with(
    graded: Mapping[str, int], passages: Mapping[str, Passage], is_wanted: Callable[[int], bool]
) -> list[str]:
    return [chunk_id for chunk_id, grade in graded.items() if is_wanted(grade) and chunk_id in passages]


def _hardest(chunk_ids: list[str], ranks: Mapping[str, int]) -> list[str]:
    last = max(ranks.values(), default=0) + 1
    return sorted(chunk_ids, key=lambda chunk_id: ranks.get(chunk_id, last))[:MOST_NEGATIVES]


def _triple(
    name: str, query: str, good: Passage, bad: Passage, graded: Mapping[str, int]
) -> dict[str, object]:
    return {
        "query_id": name,
        "query": query,
        "positive_id": good.chunk_id,
        "positive": good.text,
        "positive_grade": graded[good.chunk_id],
        "negative_id": bad.chunk_id,
        "negative": bad.text,
    }


def _json_lines(records: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
