"""Which passage of all questions is worth judging next."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from rag.errors import LibraryError
from rag.evaluation.grades import grades
from rag.evaluation.next_best import NextBest, next_best
from rag.library import Library
from rag.ui.judging.desk import Desk, Task
from rag.ui.judging.queue import Entry, judgments_of

_Graded = Callable[[], Mapping[str, Mapping[str, int]]]  # a judge's grades, by question and chunk id


def ranking(library: Library, here: Desk, entries: Sequence[Entry]) -> list[NextBest]:
    """Return the unjudged passages that could change a measure, the one first that would change it most.

    Only questions that were asked have any.
    """
    judging = here.judging
    # Of all questions together, and only where something is computed anew.
    graded = cache(lambda: grades(library, judging.collection, judging.judge))
    found = [one for entry in entries if entry.run for one in _of(library, here, entry, graded)]
    return sorted((one for one in found if one.change > 0), key=lambda one: -one.change)


def task(here: Desk, entries: Sequence[Entry], best: Sequence[NextBest]) -> Task | None:
    """Return what is to be judged: the passage that the judge went back to, else the next best one.

    None where nothing is left.
    """
    entry = next((entry for entry in entries if entry.query == here.query), None)
    found = next((one for one in entry.passages if one.chunk_id == here.at), None) if entry else None
    if entry and found:
        return Task(entry.query, found)
    here.skipped = min(here.skipped, max(0, len(best) - 1))
    if not best:
        return None
    here.query = best[here.skipped].query
    return Task(here.query, best[here.skipped].passage)


def _of(library: Library, here: Desk, entry: Entry, graded: _Graded) -> list[NextBest]:
    # A click changes what is known of one question; the others need not be read again.
    state = entry.run and entry.run.id, entry.said, entry.is_outdated
    known, found = here.ranking.get(entry.query, (None, []))
    if known != state:
        found = _anew(library, entry, graded)
        here.ranking[entry.query] = state, found
    return found


def _anew(library: Library, entry: Entry, graded: _Graded) -> list[NextBest]:
    if entry.run is None:
        return []
    try:
        result = library.store.runs.get(entry.run.id).result
    except LibraryError:  # dropped since
        return []
    # The reranked list has the same passages in another order.
    judged = judgments_of((hit.passage for hit in result.retrieved), entry.said)
    here = {chunk_id: one.grade for chunk_id, one in judged.items() if one.grade is not None}
    # The ideal order holds what was judged and not retrieved, too; chunks of other documents are others.
    elsewhere = {} if entry.is_outdated else graded().get(entry.query, {})
    return next_best([(result, {**elsewhere, **here}, judged.keys() - here.keys())])
