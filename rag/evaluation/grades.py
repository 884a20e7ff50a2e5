"""Carry what was judged, each on a span of a document, to the chunks as they are cut now."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median_low

from rag.evidence import Judgment
from rag.library import Library
from rag.store.judgments import Span, is_about, that_counts


@dataclass(frozen=True, slots=True)
class Placed:
    """A collection's judgments on its chunks of now: `grades` by question, then by chunk id.

    Of all `judgments`, `elsewhere` are about no chunk that is here: mostly their document is gone.
    `cannot_judge` of the others have no grade, because the judge saw the passage and could not tell.
    """

    grades: Mapping[str, Mapping[str, int]]
    judgments: int
    elsewhere: int
    cannot_judge: int


def grades(library: Library, collection: str, judge: str | None = None) -> Mapping[str, Mapping[str, int]]:
    """Return the grade of each judged chunk, by question and chunk id, as `placed` finds them."""
    return placed(library, collection, judge).grades


def placed(library: Library, collection: str, judge: str | None = None) -> Placed:
    """Return the judgments of `judge`, or with None those of all judges, on the chunks as they are now.

    A judgment is about each chunk that it shares at least half with (half of the shorter of both), so that
    one may be about several. Which of a judge's own counts for a chunk, `that_counts` says; of several
    judges' grades it is the median, of an even number the lower one of the middle.
    """
    store = library.store
    with store.snapshot():
        judgments = store.judgments.of(collection, judge=judge)
        places = _Places(store.judgments.spans(collection))
    said: defaultdict[tuple[str, Span, str], list[Judgment]] = defaultdict(list)
    elsewhere = cannot_judge = 0
    for one in judgments:
        chunks = list(places.of(one))
        elsewhere += not chunks
        cannot_judge += one.grade is None and bool(chunks)
        for chunk in chunks:
            said[one.query, chunk, one.judge].append(one)
    return Placed(_agreed(said), len(judgments), elsewhere, cannot_judge)


def _agreed(said: Mapping[tuple[str, Span, str], Sequence[Judgment]]) -> dict[str, dict[str, int]]:
    """Return the grade of each chunk by what each judge has said about it for a question."""
    given: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for (query, chunk, _judge), about in said.items():
        one = that_counts(about, chunk)
        if one and one.grade is not None:
            given[query][chunk.chunk_id].append(one.grade)
    return {
        query: {chunk: median_low(grades) for chunk, grades in chunks.items()}
        for query, chunks in given.items()
    }


class _Places:
    """Finds the chunks that a judgment is about among all chunks (by document, in order of start)."""

    def __init__(self, spans: Iterable[Span]) -> None:
        documents: defaultdict[str, list[Span]] = defaultdict(list)
        for span in spans:
            documents[span.document_id].append(span)
        # Ends as running maxima: ascending whatever overlaps what, so that they can be bisected too.
        self._documents = {
            document: (found, [span.start for span in found], list(accumulate((s.end for s in found), max)))
            for document, found in documents.items()
        }

    def of(self, judgment: Judgment) -> Iterator[Span]:
        """Yield the chunks that `judgment` is about."""
        spans, starts, ends = self._documents.get(judgment.document_id, ([], [], []))
        near = spans[bisect_right(ends, judgment.start) : bisect_left(starts, judgment.end)]
        return (span for span in near if is_about(judgment, span))
