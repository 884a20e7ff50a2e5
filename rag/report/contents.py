"""Gather what a report shows, before any of it is drawn."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rag.errors import NotFoundError
from rag.evaluation.collection import measure
from rag.evaluation.counting import questions
from rag.evaluation.first import first_candidates
from rag.evaluation.grades import placed
from rag.evaluation.measures import CollectionMeasure, QuestionMeasure
from rag.evidence import Judgment, Question, RunInfo, Setup
from rag.library import Library
from rag.machine.summary import Machine, this_machine
from rag.records import Chunking, ModelInfo, SearchResult
from rag.report.names import question_ids
from rag.report.recorded import Recorded, recorded


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with the run that counts. `grades` are by chunk id, `measured` None without a label.

    `said` are its judgments as they were made, `id` is its name in the exported files.
    """

    number: int
    question: Question
    id: str
    run: RunInfo
    result: SearchResult
    grades: Mapping[str, int]
    measured: QuestionMeasure | None
    said: tuple[Judgment, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """A report's contents. `left_out` are the collection's questions that were not asked for in it."""

    collection: str
    documents: int
    chunks: int
    chunking: Chunking
    judge: str | None
    judges: tuple[str, ...]
    guidelines: str
    embedder: ModelInfo
    measure: CollectionMeasure
    asked: tuple[Asked, ...]
    left_out: int
    machine: Machine
    version: str
    made_at: str


def gather(
    library: Library,
    collection: str,
    *,
    judge: str | None,
    setup: Setup | None,
    queries: Collection[str] | None,
    version: str,
) -> Contents:
    """Return what there is to say of the collection and its questions, by the runs that count.

    Raises as `build` does.
    """
    found = recorded(library, collection, setup=setup)
    wanted = [query for query in found.runs if queries is None or query in queries]
    if not wanted:
        raise NotFoundError(
            f"Expected recorded runs of the questions named, in {collection!r} as it is now; found none. Ask "
            "them first."
        )
    documents = library.documents(collection)
    return Contents(
        collection=collection,
        documents=len(documents),
        chunks=sum(document.chunks for document in documents),
        chunking=library.chunking(collection),
        judge=judge,
        judges=library.store.judgments.judges(collection),
        guidelines=library.store.judgments.guidelines(collection),
        embedder=found.runs[wanted[0]].embedder,
        measure=(measured := measure(library, collection, judge=judge, setup=found.setup)),
        asked=_asked(library, collection, judge, found, wanted, measured),
        left_out=len(found.runs) - len(wanted),
        machine=this_machine(),
        version=version,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _asked(
    library: Library,
    collection: str,
    judge: str | None,
    found: Recorded,
    wanted: list[str],
    measured: CollectionMeasure,
) -> tuple[Asked, ...]:
    known = {question.text: question for question in questions(library, collection)}
    ids = question_ids(known.values(), wanted)
    by_query = {one.query: one for one in measured.questions}
    grades = placed(library, collection, judge).grades
    return tuple(
        Asked(
            number=number,
            question=known.get(query, Question(query)),
            id=ids[query],
            run=found.runs[query],
            result=first_candidates(library.store.runs.get(found.runs[query].id).result, found.depth),
            grades=grades.get(query, {}),
            measured=by_query.get(query),
            said=library.store.judgments.of(collection, query, judge),
        )
        for number, query in enumerate(wanted, 1)
    )
