"""Find the recorded runs that stand for a collection as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass

from rag.errors import LibraryError
from rag.evaluation.counting import questions, runs_that_count, setup_of
from rag.evidence import RunInfo, Setup
from rag.library import Library


@dataclass(frozen=True, slots=True)
class Recorded:
    """The run that counts of each question, all by `setup`, to be read down to `depth` candidates.

    They are in the order of the collection's questions, then of their texts; removed ones are left out.
    """

    setup: Setup
    depth: int
    runs: Mapping[str, RunInfo]


def recorded(library: Library, collection: str, *, setup: Setup | None = None) -> Recorded:
    """Return the runs that the collection's measures are taken from; `measure` says which ones count.

    `setup` is by default that of the newest run. Raises LibraryError where no run counts, NotFoundError
    for an unknown collection.
    """
    state = library.store.existing(collection)
    asked = (info for info in library.store.runs.of(collection) if info.revision == state.revision)
    by = setup or next((way for info in asked if (way := setup_of(library, info))), None)
    if by is None:
        raise _nothing(collection, "")
    found, depth = runs_that_count(library, collection, setup=by)
    removed = library.store.questions.removed(collection)
    counting = {q: run for q, run in found.items() if isinstance(run, RunInfo) and q not in removed}
    if not counting:
        raise _nothing(collection, f", reranked by {by.reranker.id}")
    texts = [question.text for question in questions(library, collection)]
    ordered = dict.fromkeys([*texts, *sorted(counting)])
    return Recorded(by, depth, {text: counting[text] for text in ordered if text in counting})


def _nothing(collection: str, by: str) -> LibraryError:
    return LibraryError(
        f"Expected recorded runs of {collection!r} with its documents as they are now{by}; found none. Ask "
        f"its questions first: on the Measure page, or with python -m rag eval {collection}."
    )
